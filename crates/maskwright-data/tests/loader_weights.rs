//! Sets that count more or less: how often their records come, whatever makes the batches.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use maskwright_data::loader::{LastBatch, Loader, LoaderConfig};
use maskwright_data::sample::{SampleConfig, SampleMaker, ViewInfo};
use maskwright_data::source::{DataFile, Mix, OpenContext, PairsSource, SetSpec, Source};

/// Twelve records that come two and a half times, and ten of which three tenths come.
fn weighted(root: &Path) -> Mix {
    let set = |name: &str, count| -> Arc<dyn Source> {
        let (images, masks) = common::pairs(&root.join(name), count);
        Arc::new(PairsSource::open(&SetSpec::pairs(name, images, masks)).unwrap())
    };
    Mix::repeated(vec![(set("often", 12), 2.5), (set("seldom", 10), 0.3)]).unwrap()
}

fn config() -> LoaderConfig {
    LoaderConfig {
        batch_size: 4,
        seed: 3,
        last_batch: LastBatch::Keep,
        sample: SampleConfig::for_size(32),
        ..LoaderConfig::default()
    }
}

/// The samples of an epoch, of all ranks in the order of the epoch.
fn epoch(mix: &Mix, epoch: u64, ranks: usize, workers: usize) -> Vec<ViewInfo> {
    let mut of_ranks = Vec::new();
    for rank in 0..ranks {
        let config = LoaderConfig { rank, world_size: ranks, workers, ..config() };
        let mut loader = Loader::new(mix.clone(), config).unwrap();
        loader.start_epoch(epoch);
        let samples: Vec<ViewInfo> = loader.flat_map(|batch| batch.unwrap().views).collect();
        of_ranks.push(samples);
    }
    (0..of_ranks[0].len()).flat_map(|at| of_ranks.iter().map(move |of| of[at].clone())).collect()
}

#[test]
fn an_epoch_has_each_record_as_often_as_its_set_says() {
    let root = tempfile::tempdir().unwrap();
    let mix = weighted(root.path());
    assert_eq!((mix.len(), mix.records()), (33, 22));
    let mut parts = Vec::new();
    for number in 0..3 {
        let samples = epoch(&mix, number, 1, 2);
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for sample in &samples {
            *counts.entry((&sample.set, &sample.name)).or_default() += 1;
        }
        let times = |set: &str, times: usize| {
            counts.iter().filter(|((of, _), n)| *of == set && **n == times).count()
        };
        assert_eq!((times("often", 2), times("often", 3)), (6, 6));
        assert_eq!((times("seldom", 1), times("seldom", 2)), (3, 0));
        // Repeats of a record are different samples of it.
        let geometries: Vec<_> =
            samples.iter().filter(|s| s.set.as_ref() == "often" && s.name == "disc_000").collect();
        assert!(geometries.len() >= 2 && geometries[0].geometry != geometries[1].geometry);
        let part: Vec<String> =
            counts.keys().filter(|(set, _)| *set == "seldom").map(|(_, n)| n.to_string()).collect();
        parts.push(part);
    }
    assert!(parts[0] != parts[1] || parts[1] != parts[2], "another part in another epoch");
}

#[test]
fn threads_and_ranks_change_no_weight() {
    let root = tempfile::tempdir().unwrap();
    let mix = weighted(root.path());
    let alone = epoch(&mix, 1, 1, 1);
    assert_eq!(alone.len(), 33);
    assert_eq!(epoch(&mix, 1, 1, 4), alone);
    assert_eq!(epoch(&mix, 1, 3, 2), alone);
    // Two ranks need one more; it is the first again.
    let two = epoch(&mix, 1, 2, 2);
    assert_eq!((&two[..33], &two[33]), (&alone[..], &alone[0]));
    // Each can be made alone, repeats and parts too.
    let mut maker = SampleMaker::new(SampleConfig::for_size(32)).unwrap();
    for info in alone {
        assert_eq!(maker.view(&mix, info.key).unwrap().info, info);
    }
}

#[test]
fn a_data_file_weighs_its_sets() {
    let root = tempfile::tempdir().unwrap();
    common::pairs(&root.path().join("a"), 9);
    common::pairs(&root.path().join("b"), 4);
    let set = |name: &str, more: &str| {
        format!(
            "[[train]]\nname = '{name}'\nimages = '{name}/images'\nmasks = '{name}/masks'\n{more}\n"
        )
    };
    let file = root.path().join("data.toml");
    let read = |text: String| {
        std::fs::write(&file, text).unwrap();
        DataFile::read(&file)
    };
    let places = |text: String| {
        let mix = read(text).unwrap().train_mix(&OpenContext::default()).unwrap();
        (mix.places(0).end, mix.len())
    };
    assert_eq!(places(set("a", "") + &set("b", "")), (9, 13));
    assert_eq!(places(set("a", "repeat = 0.5") + &set("b", "repeat = 3")), (5, 17));
    assert_eq!(places(set("a", "") + &set("b", "repeat = 2.5")), (9, 19));
    // Square roots 3 and 2 of 13: 7.8 and 5.2.
    assert_eq!(places(set("a", "") + &set("b", "") + "[mix]\ntemperature = 2"), (8, 13));
    assert_eq!(places(set("a", "") + &set("b", "") + "[mix]\ntemperature = 1.0"), (9, 13));

    let words = [
        set("a", "repeat = 2") + "[mix]\ntemperature = 3",
        set("a", "") + "[mix]\ntemperature = 0.5",
        set("a", "repeat = 0"),
        set("a", "repeat = 2").replace("train", "valid"),
        set("a", "repeats = 2"),
        set("a", "") + "[mix]\ntemprature = 2",
    ]
    .map(|text| common::anywhere(read(text).unwrap_err(), root.path()));
    insta::assert_snapshot!(words.join("\n"), @"
        [DIR]/data.toml, mix.temperature: expected either a temperature or `repeat` in sets, found 3 and repeat = 2 of set a
        [DIR]/data.toml, mix.temperature: expected a number of at least 1, found 0.5
        [DIR]/data.toml, repeat of set a: expected a number above 0 and up to 1000000, found 0
        [DIR]/data.toml, repeat of [[valid]] set a: expected none: every record of a validation set is evaluated once, found 2
        [DIR]/data.toml, line 5: unknown key `repeats` in [[train]] (did you mean `repeat`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range
        [DIR]/data.toml, line 7: unknown key `temprature` in [mix] (did you mean `temperature`?); known are temperature
        ");
}
