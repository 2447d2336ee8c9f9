//! Images and masks in memory: the samples are those of the same pictures in files.

mod common;

use std::sync::Arc;

use common::{SIZE, disc, epochs, loader_config, mask, picture, png_pair};
use maskwright_data::loader::{LastBatch, Loader, LoaderConfig};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{
    MemoryMask, MemorySource, Mix, Objects, PairsSource, SetSpec, Source,
};
use maskwright_image::mask::Bitmap;
use maskwright_image::{GreyImage, RgbImage, Size};

/// Pictures with a mask each, some of them with soft edges.
fn pictures() -> Vec<(String, RgbImage, GreyImage)> {
    let sizes = [(70, 50), (41, 93), (120, 64), (9, 200), (64, 64)];
    let item = |(at, &(width, height)): (usize, &(usize, usize))| {
        let mut mask = disc(width, height);
        if at % 2 == 1 {
            mask.data.iter_mut().step_by(5).for_each(|level| *level = level.saturating_sub(90));
        }
        (format!("picture_{at}"), picture(width, height), mask)
    };
    sizes.iter().enumerate().map(item).collect()
}

#[test]
fn samples_are_those_of_png_files() {
    let root = tempfile::tempdir().unwrap();
    let mut grey = MemorySource::new("set");
    for (name, image, mask) in pictures() {
        png_pair(root.path(), &name, &image, &mask);
        grey.push(name, image, vec![mask.into()]).unwrap();
    }
    let spec = SetSpec::pairs("set", root.path().join("images"), root.path().join("masks"));
    let files: Arc<dyn Source> = Arc::new(PairsSource::open(&spec).unwrap());
    let memory: Arc<dyn Source> = Arc::new(grey);
    assert_eq!(memory.len(), files.len());
    let [of_files, of_memory] =
        [&files, &memory].map(|set| Mix::new(vec![Arc::clone(set)]).unwrap());
    for strict in [false, true] {
        let mut config = SampleConfig::for_size(SIZE);
        config.plan.strict = strict;
        let mut maker = SampleMaker::new(config).unwrap();
        for epoch in 0..8 {
            for record in 0..memory.len() as u64 {
                let key = SampleKey::in_epoch(3, epoch, record);
                let expected = maker.view(&of_files, key).unwrap();
                assert_eq!(maker.view(&of_memory, key).unwrap(), expected);
            }
        }
        for record in 0..memory.len() {
            let expected = maker.eval(&*files, record, Preset::LongestSide).unwrap();
            assert_eq!(maker.eval(&*memory, record, Preset::LongestSide).unwrap(), expected);
        }
    }
}

/// A mask of bits is the same object as its grey picture.
#[test]
fn masks_of_bits_are_masks_of_two_levels() {
    let [mut grey, mut bits] = [(); 2].map(|()| MemorySource::new("set"));
    for (name, image, _) in pictures() {
        let mask = disc(image.size.width, image.size.height);
        bits.push(name.clone(), image.clone(), vec![Bitmap::from_grey(&mask).into()]).unwrap();
        grey.push(name, image, vec![mask.into()]).unwrap();
    }
    let (grey, bits) = (Mix::of(grey).unwrap(), Mix::of(bits).unwrap());
    let mut maker = SampleMaker::new(SampleConfig::for_size(SIZE)).unwrap();
    for epoch in 0..8 {
        for record in 0..grey.len() as u64 {
            let key = SampleKey::in_epoch(3, epoch, record);
            assert_eq!(maker.view(&bits, key).unwrap(), maker.view(&grey, key).unwrap());
        }
    }
}

fn halves(width: usize, height: usize) -> Vec<MemoryMask> {
    let left = mask(width, height, |x, _| x < width / 2);
    let right = Bitmap::from_fn(Size::new(height, width), |_, x| x >= width / 2);
    let top = mask(width, height, |_, y| y < height / 2);
    vec![left.into(), right.into(), top.into()]
}

/// A set in memory beside one of files, with several objects a view, on several threads.
#[test]
fn a_mix_may_hold_both() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = common::pairs(root.path(), 5);
    let files: Arc<dyn Source> =
        Arc::new(PairsSource::open(&SetSpec::pairs("files", images, masks)).unwrap());
    let mut memory = MemorySource::new("memory");
    for at in 0..4 {
        let (width, height) = (50 + 9 * at, 80 - 7 * at);
        memory.push(format!("{at}"), picture(width, height), halves(width, height)).unwrap();
    }
    let mix = Mix::new(vec![files, Arc::new(memory)]).unwrap();
    let config = |workers| LoaderConfig {
        workers,
        last_batch: LastBatch::Keep,
        sample: SampleConfig { objects_per_image: 2, ..SampleConfig::for_size(SIZE) },
        ..loader_config()
    };
    let batches = epochs(&mut Loader::new(mix.clone(), config(1)).unwrap(), 2);
    assert_eq!(epochs(&mut Loader::new(mix, config(3)).unwrap(), 2), batches);
    let views: Vec<_> = batches.iter().flat_map(|batch| &batch.views).collect();
    assert_eq!(views.iter().filter(|view| &*view.set == "memory").count(), 2 * 4);
    let ids: Vec<_> = batches.iter().flat_map(|batch| &batch.objects).map(|o| o.id).collect();
    assert!([None, Some(0), Some(1), Some(2)].iter().all(|id| ids.contains(id)), "{ids:?}");
}

#[test]
fn images_make_records_as_their_objects_say() {
    let mut set = MemorySource::new("set");
    set.push("three", picture(40, 30), halves(40, 30)).unwrap();
    set.push("one", picture(30, 40), vec![disc(30, 40).into()]).unwrap();
    let names = |set: &MemorySource| -> Vec<String> {
        (0..set.len()).map(|record| set.record(record).unwrap().name).collect()
    };
    assert_eq!(names(&set), ["three", "one"]);
    assert_eq!([0, 1].map(|record| set.objects(&record.into()).unwrap()), [3, 1]);
    let all = set.clone().with_objects(Objects::All);
    assert_eq!(names(&all), ["three#0", "three#1", "three#2", "one#0"]);
    assert_eq!(all.objects(&2.into()).unwrap(), 1);
    assert_eq!(names(&set.clone().with_objects(Objects::UpTo(2))), ["three#0", "three#1", "one#0"]);
    insta::assert_snapshot!(set.record(2).unwrap_err(), @"record 2 of set: there are only 2");
}

#[test]
fn what_cannot_be_told_is_refused() {
    let mut set = MemorySource::new("set");
    let words = |image: RgbImage, masks: Vec<MemoryMask>, set: &mut MemorySource| {
        set.push("a", image, masks).unwrap_err().to_string()
    };
    let ones = GreyImage::filled(Size::new(10, 20), 1);
    let refused = [
        words(picture(20, 10), vec![disc(10, 20).into()], &mut set),
        words(picture(20, 10), Vec::new(), &mut set),
        words(RgbImage::filled(Size::new(5, 0), 0), Vec::new(), &mut set),
        words(picture(20, 10), vec![ones.into()], &mut set),
    ];
    insta::assert_snapshot!(refused.join("\n"), @"
        image a of set set: expected masks of 20 x 10 pixels, found 10 x 20
        image a of set set: expected the mask of at least one object, found none
        image a of set set: expected at least one pixel, found 0 x 5
        image a of set set: expected a mask of bits, or levels of 0 to 255 that are above 128 on the object, found levels of 0 to 1
        ");

    // An object without any foreground is found out when its view is made, whichever object it is.
    let empty = Bitmap::from_fn(Size::new(10, 20), |_, _| false);
    set.push("a", picture(20, 10), vec![disc(20, 10).into(), empty.into()]).unwrap();
    let mix = Mix::of(set).unwrap();
    let config = SampleConfig { objects_per_image: 2, ..SampleConfig::for_size(SIZE) };
    let mut maker = SampleMaker::new(config).unwrap();
    for epoch in 0..10 {
        let error = maker.view(&mix, SampleKey::in_epoch(1, epoch, 0)).unwrap_err();
        assert_eq!(error.reason(), "empty_mask");
        assert_eq!(
            error.to_string(),
            "record set/a: the mask a (in memory) shows no object: no pixel is above 128 of 255"
        );
    }
}
