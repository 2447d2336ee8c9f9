//! Pictures for people beside evaluation samples: there where decoding again would take long, and the same as then.

use maskwright_data::sample::{EvalSample, Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{PairsSource, SetSpec};
use maskwright_image::sample::shrink;
use maskwright_image::{GreyImage, RgbImage, Size, encode};

const WIDTH: usize = 20;

fn scene(size: Size) -> RgbImage {
    let level = |at: usize| (at * at / 700 % 251) as u8;
    RgbImage { size, data: (0..3 * size.area()).map(level).collect() }
}

/// The sample of an image in a file of this kind.
fn sample(size: Size, kind: &str, picture_width: Option<usize>) -> EvalSample {
    let folder = tempfile::tempdir().expect("a folder");
    let (images, masks) = (folder.path().join("images"), folder.path().join("masks"));
    for folder in [&images, &masks] {
        std::fs::create_dir(folder).expect("created");
    }
    let image = match kind {
        "png" => encode::png_rgb(&scene(size)),
        _ => encode::jpeg_rgb(&scene(size), 90),
    };
    std::fs::write(images.join(format!("a.{kind}")), image.expect("encoded")).expect("written");
    let mask = encode::png_grey(&GreyImage::filled(size, 255)).expect("encoded");
    std::fs::write(masks.join("a.png"), mask).expect("written");
    let set = PairsSource::open(&SetSpec::pairs("set", images, masks)).expect("opened");
    let config = SampleConfig { picture_width, ..SampleConfig::for_size(64) };
    let mut maker = SampleMaker::new(config).expect("settings");
    maker.eval(&set, 0, Preset::LongestSide).expect("a sample")
}

#[test]
fn a_large_image_that_is_decoded_whole_leaves_its_picture() {
    let size = Size::new(90, 120);
    let with = sample(size, "png", Some(WIDTH));
    let picture = with.picture.as_deref().expect("a picture");
    assert_eq!(*picture, shrink(&scene(size), Size::new(15, WIDTH)));
    // Nothing else is another for it.
    let without = sample(size, "png", None);
    assert_eq!(EvalSample { picture: None, ..with }, without);
}

#[test]
fn what_is_quickly_read_again_leaves_none() {
    assert_eq!(sample(Size::new(60, 79), "png", Some(WIDTH)).picture, None);
    assert_eq!(sample(Size::new(90, 120), "jpg", Some(WIDTH)).picture, None);
}
