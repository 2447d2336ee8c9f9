//! Samples: what they show, that they can be made again, and how bad records are refused.

mod common;

use std::sync::Arc;

use common::{anywhere, disc, mask, picture, png_pair, with_orientation, write};
use maskwright_data::Error;
use maskwright_data::plan::{Decode, Framing};
use maskwright_data::prompt::{KindWeights, PromptConfig, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{ExifRule, Mix, PairsSource, SetSpec, Source};
use maskwright_image::decode::{Warning, orient_grey};
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, RgbImage, Size};

const SIZE: usize = 64;

fn maker() -> SampleMaker {
    SampleMaker::new(SampleConfig::for_size(SIZE)).unwrap()
}

fn spec(root: &std::path::Path) -> SetSpec {
    SetSpec::pairs("set", root.join("images"), root.join("masks"))
}

fn key(epoch: u64) -> SampleKey {
    SampleKey::in_epoch(11, epoch, 0)
}

/// The picture tells where each of its pixels was: image, label and geometry agree.
#[test]
fn image_label_and_geometry_agree() {
    let root = tempfile::tempdir().unwrap();
    let (width, height) = (255, 170);
    // Red is the column, green the row, exactly.
    let mut image = RgbImage::filled(Size::new(height, width), 0);
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        pixel.copy_from_slice(&[(at % width) as u8, (at / width) as u8, 7]);
    }
    png_pair(root.path(), "a", &image, &mask(width, height, |x, y| x > 90 && y > 60));
    let mix = Mix::of(PairsSource::open(&spec(root.path())).unwrap()).unwrap();
    let mut flips = 0;
    for epoch in 0..30 {
        let sample = maker().view(&mix, key(epoch)).unwrap();
        let geometry = sample.info.geometry;
        flips += i32::from(geometry.flip);
        let visible = geometry.visible();
        for (y, x) in [
            (0, 0),
            (visible.height / 2, visible.width / 3),
            (visible.height - 1, visible.width - 1),
        ] {
            let (u, v) = geometry.to_source(x as f64, y as f64);
            let (u, v) = (u.clamp(0.0, width as f64 - 1.0), v.clamp(0.0, height as f64 - 1.0));
            let at = y * SIZE + x;
            assert!((f64::from(sample.image[at]) - u).abs() < 1.01, "column {u}");
            assert!((f64::from(sample.image[SIZE * SIZE + at]) - v).abs() < 1.01, "row {v}");
            // Two source pixels away from the edge the label is sure.
            let inside = (u - 90.5).min(v - 60.5);
            if inside.abs() > 2.0 {
                assert_eq!(sample.objects[0].label[at] > 128.0, inside > 0.0);
            }
        }
        if visible.width < SIZE {
            assert_eq!((sample.image[SIZE - 1], sample.objects[0].label[SIZE - 1]), (128, 0.0));
        }
        let again = maker().view(&mix, key(epoch)).unwrap();
        assert_eq!(again, sample);
    }
    assert!((5..25).contains(&flips));
}

/// One maker for many samples gives what a fresh maker gives: nothing is left over in its buffers.
#[test]
fn a_maker_has_no_memory() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = common::pairs(root.path(), 6);
    let mix = Mix::of(PairsSource::open(&SetSpec::pairs("s", images, masks)).unwrap()).unwrap();
    let mut used = maker();
    for record in [3, 0, 5, 5, 1] {
        let key = SampleKey { record, ..key(1) };
        assert_eq!(used.view(&mix, key).unwrap(), maker().view(&mix, key).unwrap());
    }
    assert!(used.take_timings().total() > std::time::Duration::ZERO);
    assert_eq!(used.take_timings().total(), std::time::Duration::ZERO);
}

#[test]
fn prompts_lie_on_the_sampled_label() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = common::pairs(root.path(), 4);
    let mix = Mix::of(PairsSource::open(&SetSpec::pairs("s", images, masks)).unwrap()).unwrap();
    let mut kinds = [0; 3];
    for epoch in 0..60 {
        let sample = maker().view(&mix, SampleKey { record: epoch % 4, ..key(epoch) }).unwrap();
        let foreground = Bitmap::from_label(&sample.objects[0].label, Size::square(SIZE));
        let prompt = sample.objects[0].prompt.clone();
        kinds[prompt.kind as usize] += 1;
        match prompt.kind {
            PromptKind::Box => {
                let corners = foreground.box_xyxy().unwrap().map(|corner| corner as f32);
                assert_eq!(prompt.box_xyxy, Some(corners));
            }
            PromptKind::Points => {
                assert_eq!(prompt.points.len(), 10);
                assert!(prompt.points.iter().all(|p| foreground.get(p.y as usize, p.x as usize)));
            }
            PromptKind::NoiseMask => assert_eq!(prompt.mask.unwrap().data.len(), 16 * 16),
        }
    }
    assert!(kinds.iter().all(|&n| n > 8), "{kinds:?}");
}

/// However small the object and wherever the crop: a mask that is not empty gives a sample that shows it.
#[test]
fn every_object_comes_into_view() {
    let root = tempfile::tempdir().unwrap();
    let (width, height) = (900, 700);
    // One pixel: hardly ever in a crop, and lost when the whole image is fitted in.
    png_pair(
        root.path(),
        "a_pixel",
        &picture(width, height),
        &mask(width, height, |x, y| (x, y) == (801, 33)),
    );
    // A corner: seldom in a crop at twice the size, but there in the whole image.
    png_pair(
        root.path(),
        "b_corner",
        &picture(width, height),
        &mask(width, height, |x, y| x > 850 && y < 50),
    );
    let set: Arc<dyn Source> = Arc::new(PairsSource::open(&spec(root.path())).unwrap());
    let mix = Mix::new(vec![set]).unwrap();
    let mut config = SampleConfig::for_size(SIZE);
    config.plan.scale_min = 2.0;
    config.plan.max_redraws = 2;
    let mut maker = SampleMaker::new(config).unwrap();
    let mut framings = Vec::new();
    for epoch in 0..20 {
        for record in 0..2 {
            let sample = maker.view(&mix, SampleKey { record, ..key(epoch) }).unwrap();
            assert!(sample.objects[0].label.iter().any(|&v| v > 128.0));
            framings.push((record, sample.info.framing));
            if sample.info.framing != Framing::Jitter {
                assert_eq!(sample.info.redraws, 2);
            }
        }
    }
    assert!(framings.contains(&(0, Framing::Object)));
    assert!(framings.contains(&(1, Framing::WholeImage)));
    assert!(framings.contains(&(1, Framing::Jitter)));
    assert!(!framings.contains(&(1, Framing::Object)));
}

#[test]
fn a_small_object_draws_another_kind() {
    let root = tempfile::tempdir().unwrap();
    png_pair(root.path(), "a", &picture(64, 64), &mask(64, 64, |x, y| x / 2 == 15 && y / 2 == 15));
    let mix = Mix::of(PairsSource::open(&spec(root.path())).unwrap()).unwrap();
    let mut config = SampleConfig::for_size(SIZE);
    (config.plan.scale_min, config.plan.scale_max) = (1.0, 1.0);
    config.prompts.kinds = KindWeights { boxes: 0.001, points: 1.0, noise_mask: 0.0 };
    let mut maker = SampleMaker::new(config).unwrap();
    let sample = maker.view(&mix, key(0)).unwrap();
    let object = &sample.objects[0];
    assert_eq!((object.prompt.kind, object.info.other_kind), (PromptKind::Box, true));
}

#[test]
fn unusable_records_are_named() {
    let root = tempfile::tempdir().unwrap();
    png_pair(root.path(), "a_empty", &picture(20, 20), &mask(20, 20, |_, _| false));
    png_pair(root.path(), "b_sizes", &picture(20, 30), &disc(20, 20));
    png_pair(root.path(), "c_zero_one", &picture(20, 20), &GreyImage::filled(Size::square(20), 1));
    png_pair(root.path(), "d_broken", &picture(20, 20), &disc(20, 20));
    write(root.path().join("images/d_broken.png"), "<html>not found</html>");
    png_pair(root.path(), "e_cut", &picture(20, 20), &disc(20, 20));
    write(root.path().join("images/e_cut.png"), "");
    png_pair(root.path(), "f_gone", &picture(20, 20), &disc(20, 20));
    let mix = Mix::of(PairsSource::open(&spec(root.path())).unwrap()).unwrap();
    std::fs::remove_file(root.path().join("images/f_gone.png")).unwrap();
    let mut maker = maker();
    let mut error = |record| maker.view(&mix, SampleKey { record, ..key(0) }).unwrap_err();
    let empty = error(0);
    assert!(matches!(empty, Error::EmptyMask { .. }));
    assert_eq!(empty.reason(), "empty_mask");
    let words = [0, 1, 2, 3, 4].map(|record| anywhere(error(record), root.path()));
    insta::assert_snapshot!(words.join("\n"), @"
        record set/a_empty: the mask [DIR]/masks/a_empty.png shows no object: no pixel is above 128 of 255
        record set/b_sizes: the mask [DIR]/masks/b_sizes.png is 20x20, but the image [DIR]/images/b_sizes.png is 20x30 (width x height); expected the same size
        record set/c_zero_one: [DIR]/masks/c_zero_one.png: the mask holds only the values 0 and 1; map them with {1 = 255}
        record set/d_broken: [DIR]/images/d_broken.png: not an image of a known format (this is markup, perhaps a saved web page)
        record set/e_cut: [DIR]/images/e_cut.png: the file is empty
        ");
    let gone = error(5);
    assert!(matches!(gone, Error::Read { .. }));
    assert!(gone.file().unwrap().ends_with("images/f_gone.png"));
    assert!(matches!(error(6), Error::NoSuchRecord { .. }));
}

/// A photograph stored on its side: the mask decides how it is shown.
#[test]
fn oriented_images_lie_on_their_masks() {
    for exif in 1..=8u8 {
        let root = tempfile::tempdir().unwrap();
        // A dark frame with a bright left half, stored as the camera holds it.
        let mut stored = RgbImage::filled(Size::new(32, 48), 10);
        for pixel in stored.data.chunks_exact_mut(3).enumerate().filter(|(at, _)| at % 48 < 24) {
            pixel.1.fill(250);
        }
        let bytes = with_orientation(&jpeg_rgb(&stored, 95).unwrap(), exif);
        write(root.path().join("images/a.jpg"), &bytes);
        let orientation = maskwright_image::decode::read_header(&bytes).unwrap().orientation;
        assert_eq!(orientation.exif(), exif);
        let stored_mask = mask(48, 32, |x, _| x < 24);
        let upright = orient_grey(stored_mask.clone(), orientation);
        write(root.path().join("masks/a.png"), png_grey(&upright).unwrap());

        let set = PairsSource::open(&spec(root.path())).unwrap();
        let sample = maker().eval(&set, 0, Preset::Squash).unwrap();
        assert_eq!(sample.turned, exif != 1);
        assert_eq!(sample.truth.size(), upright.size);
        let agree = |image: &[u8], label: &[f32]| {
            let same = image.iter().zip(label).filter(|&(&pixel, &v)| (pixel > 128) == (v > 128.0));
            same.count() as f64 / label.len() as f64
        };
        assert!(agree(&sample.image[..SIZE * SIZE], &sample.label) > 0.95, "orientation {exif}");
        let mix = Mix::of(set).unwrap();
        let train = maker().view(&mix, key(0)).unwrap();
        assert_eq!(train.info.turned, exif != 1);

        // Annotated on the stored pixels: found out by the size, or by the setting.
        write(root.path().join("masks/a.png"), png_grey(&stored_mask).unwrap());
        let rule = if orientation.swaps_axes() { ExifRule::Auto } else { ExifRule::Ignore };
        let set = PairsSource::open(&SetSpec { exif: rule, ..spec(root.path()) }).unwrap();
        let sample = maker().eval(&set, 0, Preset::Squash).unwrap();
        assert!(!sample.turned);
        assert!(
            agree(&sample.image[..SIZE * SIZE], &sample.label) > 0.95,
            "orientation {exif} stored"
        );
    }
}

#[test]
fn evaluation_keeps_the_original_label() {
    let root = tempfile::tempdir().unwrap();
    png_pair(root.path(), "a", &picture(200, 100), &disc(200, 100));
    png_pair(root.path(), "b", &picture(50, 50), &mask(50, 50, |_, _| false));
    let set = PairsSource::open(&spec(root.path())).unwrap();
    let mut maker = maker();
    let squashed = maker.eval(&set, 0, Preset::Squash).unwrap();
    assert_eq!(squashed.truth, Bitmap::from_grey(&disc(200, 100)));
    assert_eq!(squashed.geometry.visible(), Size::square(64));
    let fitted = maker.eval(&set, 0, Preset::LongestSide).unwrap();
    assert_eq!(fitted.geometry.visible(), Size::new(32, 64));
    assert_eq!((fitted.image[32 * 64], fitted.label[32 * 64]), (128, 0.0));
    assert_eq!(maker.eval(&set, 0, Preset::Squash).unwrap(), squashed);

    let config = PromptConfig { mask_size: 16, ..PromptConfig::default() };
    for kind in PromptKind::ALL {
        let prompt = squashed.prompt(kind, &config, 5).unwrap();
        assert_eq!(prompt.kind, kind);
        assert_eq!(squashed.prompt(kind, &config, 5), Some(prompt.clone()));
        if kind != PromptKind::Box {
            assert_ne!(squashed.prompt(kind, &config, 6), Some(prompt));
        }
    }
    let empty = maker.eval(&set, 1, Preset::Squash).unwrap();
    assert_eq!(empty.prompt(PromptKind::Box, &config, 5), None);
}

/// What is cut off is filled in and told, or refused where only sound files are wanted.
#[test]
fn damaged_files_are_warned_of_or_refused() {
    let root = tempfile::tempdir().unwrap();
    let image = jpeg_rgb(&picture(160, 120), 90).unwrap();
    let mask = png_grey(&disc(160, 120)).unwrap();
    write(root.path().join("images/a_cut.jpg"), &image[..image.len() * 2 / 3]);
    write(root.path().join("masks/a_cut.png"), &mask);
    write(root.path().join("images/b_sound.jpg"), &image);
    write(root.path().join("masks/b_sound.png"), &mask);
    let mix = Mix::of(PairsSource::open(&spec(root.path())).unwrap()).unwrap();
    let mut config = SampleConfig::for_size(SIZE);
    (config.plan.scale_min, config.plan.scale_max) = (1.0, 1.0);
    let mut lenient = SampleMaker::new(config.clone()).unwrap();
    config.plan.strict = true;
    let mut strict = SampleMaker::new(config.clone()).unwrap();
    assert!(lenient.view(&mix, key(0)).unwrap().info.warnings.contains(&Warning::Truncated));
    let error = strict.view(&mix, key(0)).unwrap_err();
    assert!(matches!(error, Error::DamagedFile { .. }));
    assert_eq!(error.reason(), "damaged");
    insta::assert_snapshot!(anywhere(error, root.path()), @"record set/a_cut: [DIR]/images/a_cut.jpg: the file ends too early, the missing part was filled in (strict = true refuses such files)");
    // Evaluation asks for the same.
    let set = &*mix.sets()[0];
    let shown = lenient.eval(set, 0, Preset::Squash).unwrap();
    assert!(shown.warnings.contains(&Warning::Truncated));
    let error = strict.eval(set, 0, Preset::Squash).unwrap_err();
    assert!(matches!(error, Error::DamagedFile { .. }), "{error}");
    let sound = SampleKey { record: 1, ..key(0) };
    assert_eq!(strict.view(&mix, sound).unwrap(), lenient.view(&mix, sound).unwrap());

    // Also where the crop shows nothing of the damage.
    (config.plan.scale_min, config.plan.scale_max) = (4.0, 4.0);
    config.plan.strict = false;
    let mut lenient = SampleMaker::new(config.clone()).unwrap();
    for epoch in 0..10 {
        let view = lenient.view(&mix, key(epoch)).unwrap();
        assert!(view.info.warnings.contains(&Warning::Truncated));
        assert_eq!(view.info.mask_warnings, 0);
    }
    config.plan.strict = true;
    let mut strict = SampleMaker::new(config).unwrap();
    assert!((0..10).all(|epoch| strict.view(&mix, key(epoch)).is_err()));
}

/// Scaled decoding changes the image a little and nothing else.
#[test]
fn scaled_decoding_changes_pixels_alone() {
    let root = tempfile::tempdir().unwrap();
    let mut image = picture(700, 500);
    // Without the finest pattern, which a small sample shows as chance has it.
    image.data.iter_mut().skip(2).step_by(3).for_each(|blue| *blue = 0);
    write(root.path().join("images/a.jpg"), jpeg_rgb(&image, 92).unwrap());
    write(root.path().join("masks/a.png"), png_grey(&disc(700, 500)).unwrap());
    let mix = Mix::of(PairsSource::open(&spec(root.path())).unwrap()).unwrap();
    let mut config = SampleConfig::for_size(SIZE);
    let mut exact = SampleMaker::new(config.clone()).unwrap();
    config.plan.decode = Decode::Scaled;
    let mut scaled = SampleMaker::new(config).unwrap();
    let (mut off, mut pixels) = (0u64, 0u64);
    for epoch in 0..20 {
        let (a, b) =
            (exact.view(&mix, key(epoch)).unwrap(), scaled.view(&mix, key(epoch)).unwrap());
        assert_eq!((&a.objects, &a.info), (&b.objects, &b.info));
        off += a.image.iter().zip(&b.image).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        pixels += a.image.len() as u64;
    }
    let mean = off as f64 / pixels as f64;
    let libjpeg = maskwright_image::decode::decoder_name().starts_with("mozjpeg");
    assert!(if libjpeg { mean > 0.0 && mean < 2.0 } else { mean == 0.0 }, "{mean}");
}
