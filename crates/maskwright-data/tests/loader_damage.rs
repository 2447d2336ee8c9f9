//! Records that are damaged but used: counted, named, and written down once.

mod common;

use std::path::Path;

use common::{disc, epochs, loader_config, pairs, picture, write};
use maskwright_data::loader::{LastBatch, LedgerEntry, Loader, LoaderConfig, WarnedRecord};
use maskwright_data::source::{Mix, PairsSource, SetSpec};
use maskwright_image::encode::{jpeg_rgb, png_grey};

/// Ten discs; the image of one is cut off, and the mask of another has a wrong checksum.
fn damaged(root: &Path) -> Mix {
    let (images, masks) = pairs(root, 10);
    let cut = jpeg_rgb(&picture(100, 80), 90).unwrap();
    write(images.join("disc_003.jpg"), &cut[..cut.len() - 200]);
    write(masks.join("disc_003.png"), png_grey(&disc(100, 80)).unwrap());
    let mut mask = std::fs::read(masks.join("disc_007.png")).unwrap();
    let end = mask.len() - 1;
    mask[end] ^= 1;
    write(masks.join("disc_007.png"), &mask);
    let spec = SetSpec::pairs("discs", images, masks);
    Mix::of(PairsSource::open(&spec).unwrap()).unwrap()
}

fn config(workers: usize, ledger: &Path) -> LoaderConfig {
    LoaderConfig {
        workers,
        last_batch: LastBatch::Keep,
        ledger: Some(ledger.into()),
        ..loader_config()
    }
}

#[test]
fn damaged_records_are_counted_and_named() {
    let root = tempfile::tempdir().unwrap();
    let mix = damaged(root.path());
    for workers in [1, 4] {
        let ledger = root.path().join(format!("ledger_{workers}.jsonl"));
        let mut loader = Loader::new(mix.clone(), config(workers, &ledger)).unwrap();
        epochs(&mut loader, 3);
        let stats = loader.stats();
        assert_eq!((stats.warned, stats.refused), (6, 0));
        let mut warnings = stats.warnings.clone();
        warnings.sort_by_key(|count| count.kind);
        let record = |name: &str, message: &str| WarnedRecord {
            set: "discs".into(),
            name: name.into(),
            message: message.into(),
        };
        // The decoder may have words of its own on the end that is missing.
        warnings.retain(|count| count.kind != "damaged_data");
        let [checksum, truncated] = &warnings[..] else { panic!("{warnings:?}") };
        assert_eq!((checksum.kind, checksum.samples), ("checksum", 3));
        let words = "mask: the checksum of the IEND chunk is wrong";
        assert_eq!(checksum.first, [record("disc_007", words)]);
        assert_eq!((truncated.kind, truncated.samples), ("truncated", 3));
        let words = "image: the file ends too early, the missing part was filled in";
        assert_eq!(truncated.first, [record("disc_003", words)]);
        // Of the last epoch alone.
        let before = stats.clone();
        loader.start_epoch(3);
        loader.by_ref().for_each(|batch| drop(batch.unwrap()));
        let part = loader.stats().since(&before);
        assert!(part.warnings.iter().all(|count| count.samples == 1), "{:?}", part.warnings);
        assert!(part.warnings.len() >= 2, "{:?}", part.warnings);
    }
}

#[test]
fn each_damaged_record_is_written_down_once() {
    let root = tempfile::tempdir().unwrap();
    let mix = damaged(root.path());
    let ledger = root.path().join("ledger.jsonl");
    // Stopped and resumed again and again.
    for epoch in 0..3 {
        let mut loader = Loader::new(mix.clone(), config(2, &ledger)).unwrap();
        loader.start_epoch(epoch);
        loader.by_ref().for_each(|batch| drop(batch.unwrap()));
        assert_eq!(loader.ledger().len(), 2);
        assert_eq!(loader.stats().refused, 0);
    }
    let text = std::fs::read_to_string(&ledger).unwrap();
    let mut entries: Vec<LedgerEntry> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    entries.sort_by_key(|entry| entry.index);
    let found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let file = entry.file.strip_prefix(root.path()).unwrap().to_str().unwrap();
            (entry.used, entry.reason.as_str(), entry.index, entry.name.as_str(), file)
        })
        .collect();
    assert_eq!(
        found,
        [
            (true, "damaged", 3, "disc_003", "images/disc_003.jpg"),
            (true, "damaged", 7, "disc_007", "masks/disc_007.png"),
        ]
    );
    let message = entries[0].message.replace(&root.path().display().to_string(), "ROOT");
    let expected = "record discs/disc_003: ROOT/images/disc_003.jpg: the file ends too early, \
                    the missing part was filled in; it is used as it is";
    assert_eq!(message, expected);
}

/// Sound files alone: the same records are refused, and that is what the ledger says.
#[test]
fn strict_refuses_them() {
    let root = tempfile::tempdir().unwrap();
    let mix = damaged(root.path());
    let mut config = config(2, &root.path().join("ledger.jsonl"));
    config.batch_size = 1;
    config.sample.plan.strict = true;
    let mut loader = Loader::new(mix, config).unwrap();
    let refused = loader.by_ref().filter(Result::is_err).count();
    assert_eq!(refused, 2);
    assert!(loader.ledger().iter().all(|entry| !entry.used && entry.reason == "damaged"));
    assert_eq!(loader.stats().refused, 2);
}
