//! The loader's promise: the same batches whatever the threads, the depth and the interruptions.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{SIZE, epochs, loader_config};
use maskwright_data::Result;
use maskwright_data::batch::TrainBatch;
use maskwright_data::loader::{
    EvalLoader, EvalLoaderConfig, LastBatch, Loader, LoaderConfig, LoaderState,
};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{Mix, PairsSource, SetSpec, Source};

fn mix(root: &Path, count: usize) -> Mix {
    let (images, masks) = common::pairs(root, count);
    Mix::of(PairsSource::open(&SetSpec::pairs("discs", images, masks)).unwrap()).unwrap()
}

#[test]
fn threads_and_depth_change_no_batch() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 14);
    let reference = epochs(&mut Loader::new(mix.clone(), loader_config()).unwrap(), 2);
    assert_eq!(reference.len(), 8);
    for (workers, prefetch) in [(1, 1), (1, 6), (4, 1), (4, 4), (4, 50)] {
        let mut loader =
            Loader::new(mix.clone(), LoaderConfig { workers, prefetch, ..loader_config() })
                .unwrap();
        assert!(epochs(&mut loader, 2) == reference, "{workers} workers, {prefetch} ahead");
    }
    // Batches in recycled memory are the same too.
    let mut loader = Loader::new(mix.clone(), loader_config()).unwrap();
    for batch in &reference[..4] {
        let ours = loader.next().unwrap().unwrap();
        assert!(ours == *batch);
        loader.recycle(ours);
    }
    // Another seed is another run.
    let other =
        epochs(&mut Loader::new(mix, LoaderConfig { seed: 10, ..loader_config() }).unwrap(), 1);
    assert_ne!(other[0].views, reference[0].views);
}

#[test]
fn images_whose_pixels_are_known_are_not_decoded_and_all_else_is_the_same() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 9);
    let config = |known: Vec<(u64, u64)>| LoaderConfig {
        views: 2,
        without_pixels: Arc::new(known.into_iter().collect()),
        ..loader_config()
    };
    let reference = epochs(&mut Loader::new(mix.clone(), config(vec![])).unwrap(), 3);
    // The odd records of view 0 are known: they come in epochs 0 and 2.
    let known: Vec<(u64, u64)> = (0..9).filter(|record| record % 2 == 1).map(|r| (0, r)).collect();
    let some = epochs(&mut Loader::new(mix.clone(), config(known.clone())).unwrap(), 3);
    for (some, whole) in some.iter().zip(&reference) {
        let images = whole.images.clone();
        assert!(TrainBatch { images, ..some.clone() } == *whole);
        for (at, view) in some.views.iter().enumerate() {
            let is_known = known.contains(&(view.key.view, view.key.record));
            assert_eq!(some.image(at) == whole.image(at), !is_known);
        }
    }
    let all = (0..2).flat_map(|view| (0..9).map(move |record| (view, record))).collect();
    let mut loader = Loader::new(mix, config(all)).unwrap();
    epochs(&mut loader, 1);
    assert!(loader.stats().timings.image.is_zero() && !loader.stats().timings.label.is_zero());
}

#[test]
fn every_sample_can_be_made_again_alone() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 9);
    let mut loader = Loader::new(mix.clone(), loader_config()).unwrap();
    let batch = loader.nth(1).unwrap().unwrap();
    assert_eq!((batch.views.len(), batch.size, batch.epoch, batch.index), (3, SIZE, 0, 1));
    assert_eq!(batch.image_of, [0, 1, 2]);
    let mut maker = SampleMaker::new(SampleConfig::for_size(SIZE)).unwrap();
    for (at, info) in batch.views.iter().enumerate() {
        let view = maker.view(&mix, info.key).unwrap();
        assert_eq!((&view.image[..], &view.info), (batch.image(at), info));
        let [object] = &view.objects[..] else { panic!("one object") };
        assert_eq!(object.label, batch.label(at));
        assert_eq!((&object.prompt, &object.info), (&batch.prompts[at], &batch.objects[at]));
    }
}

#[test]
fn an_epoch_has_every_record_once() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 10);
    let keep = LoaderConfig { last_batch: LastBatch::Keep, ..loader_config() };
    let mut loader = Loader::new(mix, keep).unwrap();
    assert_eq!((loader.batches_per_epoch(), loader.size_hint()), (4, (4, Some(4))));
    let order = |epoch, loader: &mut Loader| {
        loader.start_epoch(epoch);
        let batches: Vec<TrainBatch> = loader.by_ref().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|b| b.views.len()).collect::<Vec<_>>(), [3, 3, 3, 1]);
        let keys = batches.iter().flat_map(|b| &b.views).map(|s| s.key.record);
        keys.collect::<Vec<_>>()
    };
    let (first, second) = (order(0, &mut loader), order(1, &mut loader));
    assert_ne!(first, second);
    for mut records in [first, second] {
        records.sort();
        assert_eq!(records, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn a_restored_loader_goes_on_with_the_next_batch() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 14);
    let all = epochs(&mut Loader::new(mix.clone(), loader_config()).unwrap(), 2);
    for stop in 0..8 {
        let mut loader = Loader::new(mix.clone(), loader_config()).unwrap();
        let mut done = 0;
        'epochs: for epoch in 0..2 {
            loader.start_epoch(epoch);
            loop {
                if done == stop {
                    break 'epochs;
                }
                if loader.next().is_none() {
                    break;
                }
                done += 1;
            }
        }
        let text = serde_json::to_string(&loader.state()).unwrap();
        drop(loader);
        let state: LoaderState = serde_json::from_str(&text).unwrap();
        let resumed = LoaderConfig { workers: 4, ..loader_config() };
        let mut loader = Loader::new(mix.clone(), resumed).unwrap();
        loader.restore(state).unwrap();
        let mut rest: Vec<TrainBatch> = loader.by_ref().map(Result::unwrap).collect();
        if loader.epoch() == 0 {
            loader.start_epoch(1);
            rest.extend(loader.by_ref().map(Result::unwrap));
        }
        assert!(rest == all[stop..], "stopped after {stop}");
    }

    let mut loader = Loader::new(mix, loader_config()).unwrap();
    let state = loader.state();
    let words = [
        LoaderState { seed: 1, ..state },
        LoaderState { records: 15, ..state },
        LoaderState { position: 15, ..state },
    ]
    .map(|state| loader.restore(state).unwrap_err().to_string());
    insta::assert_snapshot!(words.join("\n"), @"
        the loader's state: expected the seed 9, found 1: the data or the seed changed since the state was saved
        the loader's state: expected the number of records 14, found 15: the data or the seed changed since the state was saved
        the loader's state: expected a position of at most 14, found 15
        ");
    // Two places are left, which fill no batch.
    loader.restore(LoaderState { position: 12, ..state }).unwrap();
    assert!(loader.next().is_none());
    assert_eq!(loader.state().position, 14);
}

#[test]
fn ranks_share_the_epoch() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 14);
    let keys = |rank, world_size, batch_size| -> Vec<Vec<SampleKey>> {
        let config = LoaderConfig { rank, world_size, batch_size, ..loader_config() };
        let loader = Loader::new(mix.clone(), config).unwrap();
        loader.map(|batch| batch.unwrap().views.iter().map(|s| s.key).collect()).collect()
    };
    let alone = keys(0, 1, 6);
    let (even, odd) = (keys(0, 2, 3), keys(1, 2, 3));
    assert_eq!((alone.len(), even.len(), odd.len()), (2, 2, 2));
    // Two ranks with batches of 3 see in each step what one sees with batches of 6.
    for step in 0..2 {
        let both: Vec<SampleKey> =
            even[step].iter().zip(&odd[step]).flat_map(|(a, b)| [*a, *b]).collect();
        assert_eq!(both, alone[step]);
    }
}

#[test]
fn statistics_count_what_was_delivered() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 14);
    let mut loader = Loader::new(mix, loader_config()).unwrap();
    while loader.queue().0 < 3 {
        std::thread::yield_now();
    }
    assert_eq!(loader.queue(), (3, 3));
    let mut bytes = 0;
    for _ in 0..3 {
        for sample in loader.next().unwrap().unwrap().views {
            for file in
                [format!("images/{}.jpg", sample.name), format!("masks/{}.png", sample.name)]
            {
                bytes += std::fs::metadata(root.path().join(file)).unwrap().len();
            }
        }
    }
    let stats = loader.stats();
    assert_eq!((stats.batches, stats.samples, stats.workers), (3, 9, 2));
    assert_eq!((stats.objects, stats.not_in_view), (9, 0));
    assert_eq!(stats.bytes, bytes);
    assert_eq!(stats.kinds.iter().sum::<u64>(), 9);
    assert!(stats.timings.image > std::time::Duration::ZERO);
    assert!(stats.waited >= stats.started);
    assert!(stats.verdict().starts_with("the model waited for data"), "{}", stats.verdict());
    assert!((0.0..=1.0).contains(&stats.queue_fill()) && stats.ahead > 0);
    assert!(stats.images_per_second() > 0.0);
}

#[test]
fn records_that_fill_no_batch_are_a_smaller_one() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path(), 2);
    let mut loader = Loader::new(mix, loader_config()).unwrap();
    assert_eq!(loader.batches_per_epoch(), 1);
    assert_eq!(loader.next().unwrap().unwrap().views.len(), 2);
    assert!(loader.next().is_none());
}

#[test]
fn evaluation_comes_in_the_order_of_the_set() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = common::pairs(root.path(), 7);
    std::fs::write(images.join("disc_003.jpg"), "broken").unwrap();
    let set: Arc<dyn Source> =
        Arc::new(PairsSource::open(&SetSpec::pairs("s", images, masks)).unwrap());
    let config = |workers, rank, world_size| EvalLoaderConfig {
        workers,
        rank,
        world_size,
        prefetch: 4,
        sample: SampleConfig::for_size(SIZE),
        ..EvalLoaderConfig::default()
    };
    let names = |config| {
        let loader = EvalLoader::new(set.clone(), config).unwrap();
        assert_eq!(loader.len(), loader.size_hint().0);
        loader
            .map(|sample| sample.map_or("error".into(), |s| s.name[5..].to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(config(1, 0, 1)), ["000", "001", "002", "error", "004", "005", "006"]);
    assert_eq!(names(config(4, 0, 1)), names(config(1, 0, 1)));
    assert_eq!(names(config(2, 0, 2)), ["000", "002", "004", "006"]);
    assert_eq!(names(config(2, 1, 2)), ["001", "error", "005"]);
    assert_eq!(names(config(2, 8, 9)), [""; 0]);
    assert!(EvalLoader::new(set.clone(), config(1, 2, 2)).is_err());

    // However many ranks, every record comes once over all of them.
    for ranks in 1..=9 {
        let mut all: Vec<String> =
            (0..ranks).flat_map(|rank| names(config(2, rank, ranks))).collect();
        all.sort();
        assert_eq!(all, ["000", "001", "002", "004", "005", "006", "error"], "{ranks} ranks");
    }

    let mut loader = EvalLoader::new(set.clone(), config(3, 0, 1)).unwrap();
    let mut maker = SampleMaker::new(SampleConfig::for_size(SIZE)).unwrap();
    assert_eq!(loader.next().unwrap().unwrap(), maker.eval(&*set, 0, Preset::Squash).unwrap());
}
