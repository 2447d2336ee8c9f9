//! Regions of a mask that count for nothing: in views, prompts, batches and evaluation samples.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{pairs_with, picture, write};
use maskwright_data::loader::{Loader, LoaderConfig};
use maskwright_data::prompt::{PromptConfig, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{Mix, OpenContext, SetSpec, Source};
use maskwright_image::encode::{png_grey, png_rgb};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, Size};

/// A square of class 2 in rows and columns 8 to 19 of 32, its right half covered by columns 14 to 24 of 255.
fn classes(y: usize, x: usize) -> u8 {
    let (object, void) = ((8..20).contains(&y) && (8..20).contains(&x), (14..25).contains(&x));
    if void && (6..22).contains(&y) {
        255
    } else if object {
        2
    } else {
        0
    }
}

fn write_pair(root: &Path, value: impl Fn(usize, usize) -> u8) {
    write(root.join("images/a.png"), png_rgb(&picture(32, 32)).unwrap());
    let data = (0..32 * 32).map(|at| value(at / 32, at % 32)).collect();
    let mask = png_grey(&GreyImage::new(Size::square(32), data).unwrap()).unwrap();
    write(root.join("masks/a.png"), mask);
}

fn open(root: &Path, ignored: &[u16]) -> Arc<dyn Source> {
    let spec = SetSpec::pairs("s", root.join("images"), root.join("masks"));
    let spec = pairs_with(spec, |keys| {
        keys.mask_files.ignore_values = ignored.iter().copied().collect();
    });
    spec.open(&OpenContext::default()).unwrap()
}

/// At twice the size, output pixel o mixes source pixels (o - 1) / 2 and (o + 1) / 2, rounded down; at the rim one.
fn twice(ignored: impl Fn(usize, usize) -> bool) -> Bitmap {
    let taps = |at: usize| [at.saturating_sub(1) / 2, at.div_ceil(2).min(31)];
    Bitmap::from_fn(Size::square(64), |y, x| {
        taps(y).iter().any(|&y| taps(x).iter().any(|&x| ignored(y, x)))
    })
}

#[test]
fn a_sampled_pixel_that_mixes_an_ignored_one_counts_for_nothing() {
    let root = tempfile::tempdir().unwrap();
    write_pair(root.path(), classes);
    let mut maker = SampleMaker::new(SampleConfig::for_size(64)).unwrap();
    let set = open(root.path(), &[255]);
    let sample = maker.eval(&*set, 0, Preset::Squash).unwrap();
    let void = |y, x| classes(y, x) == 255;
    assert_eq!(sample.truth, Bitmap::from_fn(Size::square(32), |y, x| classes(y, x) == 2));
    assert_eq!(sample.ignored, Some(Bitmap::from_fn(Size::square(32), void)));
    let expected = twice(void);
    assert_eq!(sample.ignored_in_label.as_ref(), Some(&expected));
    for (at, &value) in sample.label.iter().enumerate() {
        let (y, x) = (at / 64, at % 64);
        assert!(value == 0.0 || !expected.get(y, x), "({x}, {y})");
        // Well inside what is left of the object.
        if (18..38).contains(&y) && (18..26).contains(&x) {
            assert_eq!(value, 255.0);
        }
    }
    // Columns 8 to 13 of the object are left: 16 to 27 at twice the size, of which 27 mixes column 14.
    let prompt = sample.prompt(PromptKind::Box, &PromptConfig::default(), 1).unwrap();
    assert_eq!(prompt.box_xyxy, Some([16.0, 16.0, 26.0, 39.0]));
    let config = PromptConfig { negative_points: 40, points: 40, ..PromptConfig::default() };
    for seed in 0..20 {
        let prompt = sample.prompt(PromptKind::Points, &config, seed).unwrap();
        assert_eq!(prompt.points.len(), 80);
        assert!(prompt.points.iter().all(|p| !expected.get(p.y as usize, p.x as usize)));
    }
    let config = PromptConfig { mask_size: 64, ..PromptConfig::default() };
    let mask = sample.prompt(PromptKind::NoiseMask, &config, 1).unwrap().mask.unwrap();
    // Far from the edge of what is left no noise sets a pixel.
    assert!((0..64).all(|y| mask.data[64 * y + 46] == 0.0));
}

#[test]
fn views_and_batches_say_what_counts_for_nothing() {
    let root = tempfile::tempdir().unwrap();
    write_pair(root.path(), classes);
    let config = SampleConfig::for_size(48);
    let mut maker = SampleMaker::new(config.clone()).unwrap();
    let mix = Mix::new(vec![open(root.path(), &[255])]).unwrap();
    let mut partly = 0;
    for epoch in 0..40 {
        let view = maker.view(&mix, SampleKey::in_epoch(3, epoch, 0)).unwrap();
        let object = &view.objects[0];
        let foreground = Bitmap::from_label(&object.label, Size::square(48));
        assert!(foreground.count() > 0);
        let Some(ignored) = &object.ignored else { continue };
        partly += 1;
        assert_eq!(foreground.without(ignored), foreground);
        let [x0, y0, x1, y1] = foreground.box_xyxy().unwrap().map(|corner| corner as f32);
        if let Some(box_xyxy) = object.prompt.box_xyxy {
            assert_eq!(box_xyxy, [x0, y0, x1, y1]);
        }
        assert!(object.prompt.points.iter().all(|p| foreground.get(p.y as usize, p.x as usize)));
    }
    assert!(partly > 20, "{partly}");
    let loader = LoaderConfig { batch_size: 1, sample: config, seed: 3, ..LoaderConfig::default() };
    let mut loader = Loader::new(mix.clone(), loader).unwrap();
    loader.start_epoch(7);
    let batch = loader.next().unwrap().unwrap();
    let view = maker.view(&mix, SampleKey::in_epoch(3, 7, 0)).unwrap();
    assert_eq!(batch.ignored, [view.objects[0].ignored.clone()]);
}

/// Masks in which the number does not occur give what they give without the key.
#[test]
fn nothing_changes_where_nothing_is_ignored() {
    let root = tempfile::tempdir().unwrap();
    write_pair(root.path(), |y, x| if (8..20).contains(&y) && x > 9 { 255 } else { 0 });
    let mut maker = SampleMaker::new(SampleConfig::for_size(48)).unwrap();
    let [plain, keyed] = [&[][..], &[7, 9]].map(|ignored| open(root.path(), ignored));
    let mixes = [&plain, &keyed].map(|set| Mix::new(vec![Arc::clone(set)]).unwrap());
    for epoch in 0..30 {
        let key = SampleKey::in_epoch(3, epoch, 0);
        let [a, b] = mixes.each_ref().map(|mix| maker.view(mix, key).unwrap());
        assert_eq!(a, b);
        assert!(a.objects[0].ignored.is_none());
    }
    assert_eq!(
        maker.eval(&*plain, 0, Preset::LongestSide).unwrap().truth,
        maker.eval(&*keyed, 0, Preset::LongestSide).unwrap().truth
    );
}

/// Numbered objects beside a region that counts for nothing, which all of them share.
#[test]
fn objects_of_one_file_share_what_is_ignored() {
    let root = tempfile::tempdir().unwrap();
    write_pair(root.path(), |y, x| match (y / 8, x / 8) {
        (1, 1) => 4,
        (1, 2) => 255,
        (1, 3) => 9,
        _ => 0,
    });
    let spec = SetSpec::pairs("s", root.path().join("images"), root.path().join("masks"));
    let spec = pairs_with(spec, |keys| {
        keys.mask_files.ignore_values = [255].into();
        keys.mask_files.mask_kind = maskwright_data::source::MaskContents::Instances;
        keys.taken.objects = maskwright_data::source::Objects::All;
    });
    let set = spec.open(&OpenContext::default()).unwrap();
    assert_eq!(set.len(), 2);
    let mut maker = SampleMaker::new(SampleConfig::for_size(32)).unwrap();
    for (record, (number, column)) in [(4, 1), (9, 3)].into_iter().enumerate() {
        let sample = maker.eval(&*set, record, Preset::Squash).unwrap();
        let eighth =
            |column: usize| Bitmap::from_fn(Size::square(32), |y, x| (y / 8, x / 8) == (1, column));
        assert_eq!((sample.object, &sample.truth), (Some(number), &eighth(column)));
        assert_eq!(
            (&sample.ignored, &sample.ignored_in_label),
            (&Some(eighth(2)), &Some(eighth(2)))
        );
    }
}
