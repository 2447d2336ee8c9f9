//! Records that cannot be used: what becomes of their batches, what is written down, and when a run stops.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{anywhere, epochs, loader_config, mask, picture, png_pair};
use insta::assert_snapshot;
use maskwright_data::batch::TrainBatch;
use maskwright_data::loader::{LastBatch, LedgerEntry, Loader, LoaderConfig, OnRefusal};
use maskwright_data::source::{Mix, PairsSource, SetSpec};
use maskwright_data::{Error, Result};

fn replacing(budget: f64, ledger: &Path) -> LoaderConfig {
    LoaderConfig {
        on_refusal: OnRefusal::Replace { budget },
        last_batch: LastBatch::Keep,
        ledger: Some(ledger.into()),
        ..loader_config()
    }
}

fn lines(ledger: &Path) -> Vec<LedgerEntry> {
    let text = std::fs::read_to_string(ledger).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Twenty discs, of which some masks are empty.
fn with_empty_masks(root: &Path, empty: &[usize]) -> Mix {
    for n in 0..20 {
        let inside = |x: usize, y: usize| !empty.contains(&n) && x > 5 && y > n;
        png_pair(root, &format!("r{n:02}"), &picture(50, 40), &mask(50, 40, inside));
    }
    let spec = SetSpec::pairs("some empty", root.join("images"), root.join("masks"));
    Mix::of(PairsSource::open(&spec).unwrap()).unwrap()
}

#[test]
fn a_bad_record_fails_its_own_batch() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[7]);
    let mut runs = Vec::new();
    for workers in [1, 4] {
        let mut loader =
            Loader::new(mix.clone(), LoaderConfig { batch_size: 4, workers, ..loader_config() })
                .unwrap();
        let results: Vec<String> = loader
            .by_ref()
            .map(|batch| batch.map_or_else(|e| e.to_string(), |b| format!("batch {}", b.index)))
            .collect();
        assert_eq!(results.len(), 5);
        let errors: Vec<&String> = results.iter().filter(|r| !r.starts_with("batch")).collect();
        assert_eq!(errors.len(), 1);
        assert_eq!(
            anywhere(errors[0], root.path()),
            "record some empty/r07: the mask [DIR]/masks/r07.png shows no object: \
             no pixel is above 128 of 255"
        );
        assert_eq!(loader.ledger().len(), 1);
        assert_eq!(loader.stats().refused, 1);
        runs.push(results);
    }
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn a_bad_record_is_replaced_and_written_down() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[7, 12]);
    let mut runs = Vec::new();
    for workers in [1, 4] {
        let ledger = root.path().join(format!("ledger_{workers}.jsonl"));
        let config = LoaderConfig {
            batch_size: 4,
            workers,
            on_refusal: OnRefusal::Replace { budget: 0.1 },
            ledger: Some(ledger.clone()),
            ..loader_config()
        };
        let mut loader = Loader::new(mix.clone(), config).unwrap();
        let batches = epochs(&mut loader, 2);
        assert_eq!(batches.len(), 10);
        let used = batches.iter().flat_map(|b| &b.views);
        assert!(used.clone().all(|s| s.name != "r07" && s.name != "r12"));
        let lines: Vec<LedgerEntry> = std::fs::read_to_string(&ledger)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines, loader.ledger());
        assert!(lines.len() >= 4);
        let line = lines.iter().find(|line| line.name == "r07").unwrap();
        assert_eq!(
            (line.set.as_str(), line.reason.as_str(), line.record),
            ("some empty", "empty_mask", 7)
        );
        assert!(line.file.ends_with("masks/r07.png"));
        assert_eq!(loader.stats().refused, 2);
        runs.push((batches, lines));
    }
    assert!(runs[0] == runs[1]);
}

#[test]
fn the_budget_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[1, 7, 12]);
    let run = |workers| {
        let config = LoaderConfig {
            workers,
            on_refusal: OnRefusal::Replace { budget: 0.1 },
            last_batch: LastBatch::Keep,
            ..loader_config()
        };
        let loader = Loader::new(mix.clone(), config).unwrap();
        loader.map(|batch| batch.err().map(|e| e.to_string())).collect::<Vec<_>>()
    };
    let results = run(1);
    assert_eq!(results, run(4));
    let error = results.iter().flatten().next().unwrap();
    assert_snapshot!(anywhere(error, root.path()), @"3 of 20 records were refused, more than the budget of 2: 3 empty_mask (such as [DIR]/masks/r12.png); the last: record some empty/r12: the mask [DIR]/masks/r12.png shows no object: no pixel is above 128 of 255");

    // Where everything is bad, the search for a replacement ends.
    let root = tempfile::tempdir().unwrap();
    let hopeless = with_empty_masks(root.path(), &(0..20).collect::<Vec<_>>());
    let config = LoaderConfig { on_refusal: OnRefusal::Replace { budget: 1.0 }, ..loader_config() };
    let mut loader = Loader::new(hopeless, config).unwrap();
    assert!(matches!(loader.next(), Some(Err(Error::EmptyMask { .. }))));
}

#[test]
fn a_ledger_that_cannot_be_written_is_refused_at_once() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[]);
    let config =
        LoaderConfig { ledger: Some(root.path().join("no/such/ledger.jsonl")), ..loader_config() };
    let error = Loader::new(mix, config).unwrap_err();
    assert_snapshot!(anywhere(error, root.path()), @"cannot write [DIR]/no/such/ledger.jsonl: No such file or directory (os error 2)");
}

/// Twenty records of which some cannot be used, for three reasons.
fn with_three_reasons(root: &Path) -> Mix {
    let mix = with_empty_masks(root, &[2, 5, 11]);
    std::fs::write(root.join("images/r07.png"), "no image").unwrap();
    png_pair(root, "r13", &picture(50, 40), &mask(40, 40, |_, _| true));
    mix
}

#[test]
fn a_run_over_its_budget_sums_up_the_causes() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_three_reasons(root.path());
    let ledger = root.path().join("ledger.jsonl");
    let loader = Loader::new(mix, replacing(0.2, &ledger)).unwrap();
    let error = loader.flat_map(Result::err).next().unwrap();
    let Error::BudgetExceeded { refused: 5, budget: 4, records: 20, causes, last } = &error else {
        panic!("{error}");
    };
    assert_eq!((causes[0].reason.as_str(), causes[0].records), ("empty_mask", 3));
    let mut others: Vec<_> = causes[1..].iter().map(|c| (c.reason.as_str(), c.records)).collect();
    others.sort();
    assert_eq!(others, [("image", 1), ("size_mismatch", 1)]);
    let first = lines(&ledger).into_iter().find(|line| line.reason == "empty_mask").unwrap();
    assert_eq!(causes[0].example, first.file);
    assert_eq!(causes[0].to_string(), format!("3 empty_mask (such as {})", first.file.display()));
    let causes: Vec<String> = causes.iter().map(|cause| cause.to_string()).collect();
    assert_eq!(
        error.to_string(),
        format!(
            "5 of 20 records were refused, more than the budget of 4: {}; the last: {last}",
            causes.join(", ")
        )
    );
}

#[test]
fn a_record_is_replaced_by_one_of_its_set() {
    let root = tempfile::tempdir().unwrap();
    let bad = with_empty_masks(&root.path().join("bad"), &(3..20).collect::<Vec<_>>());
    let (images, masks) = common::pairs(&root.path().join("good"), 30);
    let good = PairsSource::open(&SetSpec::pairs("good", images, masks)).unwrap();
    let mix = Mix::new(vec![bad.sets()[0].clone(), Arc::new(good)]).unwrap();
    let ledger = root.path().join("ledger.jsonl");
    let mut loader = Loader::new(mix, replacing(1.0, &ledger)).unwrap();
    let batches = epochs(&mut loader, 1);
    let of_bad = batches.iter().flat_map(|b| &b.views).filter(|s| &*s.set == "some empty");
    let names: Vec<&str> = of_bad.map(|sample| sample.name.as_str()).collect();
    assert_eq!(names.len(), 20);
    assert!(names.iter().all(|name| ["r00", "r01", "r02"].contains(name)), "{names:?}");
    // At no place was a record tried twice.
    let mut tried: Vec<_> = lines(&ledger).iter().map(|l| (l.position, l.index)).collect();
    let count = tried.len();
    tried.sort();
    tried.dedup();
    assert_eq!(tried.len(), count);
    assert!(count > 17);
}

#[test]
fn repeats_of_a_record_are_one_refused_record() {
    let root = tempfile::tempdir().unwrap();
    let set = with_empty_masks(root.path(), &[4]).sets()[0].clone();
    let mix = Mix::repeated(vec![(set, 3.5)]).unwrap();
    let ledger = root.path().join("ledger.jsonl");
    let mut loader = Loader::new(mix, replacing(0.05, &ledger)).unwrap();
    let batches = epochs(&mut loader, 2);
    assert_eq!(batches.iter().map(|b| b.views.len()).sum::<usize>(), 140);
    assert_eq!(loader.stats().refused, 1);
    let lines = lines(&ledger);
    assert!(lines.len() >= 6 && lines.iter().all(|line| line.index == 4));
    assert!(lines.iter().any(|line| line.record >= 20));
}

/// A run that is resumed counts what was refused before, and writes nothing twice.
#[test]
fn the_budget_carries_over_a_resume() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[1, 7, 12]);
    let whole = root.path().join("whole.jsonl");
    let results = |loader: &mut Loader| -> Vec<Option<String>> {
        loader.map(|batch| batch.err().map(|error| error.to_string())).collect()
    };
    let expected = results(&mut Loader::new(mix.clone(), replacing(0.1, &whole)).unwrap());
    let over = expected.iter().position(Option::is_some).unwrap();
    let ledger = root.path().join("ledger.jsonl");
    for stop in 0..=over {
        let _ = std::fs::remove_file(&ledger);
        let mut loader = Loader::new(mix.clone(), replacing(0.1, &ledger)).unwrap();
        for batch in loader.by_ref().take(stop) {
            batch.unwrap();
        }
        let (state, refused) = (loader.state(), loader.stats().refused);
        // Another batch, of which the state knows nothing, and half a line.
        let _ = loader.next();
        drop(loader);
        let mut text = std::fs::read(&ledger).unwrap();
        text.extend_from_slice(b"{\"epoch\":0,\"posi");
        std::fs::write(&ledger, text).unwrap();

        let mut loader = Loader::new(mix.clone(), replacing(0.1, &ledger)).unwrap();
        assert!(loader.stats().refused >= refused);
        loader.restore(state).unwrap();
        assert_eq!(results(&mut loader)[over - stop], expected[over]);
        let written = lines(&ledger);
        assert_eq!(written, lines(&whole), "stopped after {stop}");
        assert_eq!(written, loader.ledger());
    }
}

#[test]
fn a_ledger_is_continued_with_care() {
    let root = tempfile::tempdir().unwrap();
    let mix = with_empty_masks(root.path(), &[7]);
    let ledger = root.path().join("ledger.jsonl");
    let open = || Loader::new(mix.clone(), replacing(0.1, &ledger));
    epochs(&mut open().unwrap(), 1);
    let text = std::fs::read_to_string(&ledger).unwrap();
    assert_eq!(text.lines().count(), 1);

    // A last line that lacks only its end is kept, one that lacks more is cut off.
    std::fs::write(&ledger, text.trim_end()).unwrap();
    assert_eq!(open().unwrap().ledger().len(), 1);
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), text);
    for cut in [1, 5, text.len() / 2, text.len() - 2] {
        std::fs::write(&ledger, format!("{text}{}", &text[..cut])).unwrap();
        assert_eq!(open().unwrap().ledger().len(), 1);
        assert_eq!(std::fs::read_to_string(&ledger).unwrap(), text);
    }

    // Damaged lines are passed over, and the first is told.
    let damaged = format!("{text}{{\"epoch\":0}}\n{{\"epo\u{1}h\n{text}rest");
    std::fs::write(&ledger, &damaged).unwrap();
    let mut loader = open().unwrap();
    assert_eq!((loader.ledger().len(), loader.stats().refused), (2, 1));
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), format!("{damaged}\n"));
    let told = anywhere(loader.take_failure().unwrap(), root.path());
    assert_snapshot!(told, @"[DIR]/ledger.jsonl, line 2: expected a ledger, one JSON object per line; missing field `position` at line 1 column 11");

    // Other files are left as they are.
    let words = ["not a ledger", "not a ledger\n", "{\"epoch\":0}\n"].map(|foreign| {
        std::fs::write(&ledger, foreign).unwrap();
        let error = open().unwrap_err();
        assert_eq!(std::fs::read_to_string(&ledger).unwrap(), foreign);
        anywhere(error, root.path())
    });
    assert_snapshot!(words.join("\n"), @"
        [DIR]/ledger.jsonl, line 1: expected a ledger, one JSON object per line; expected ident at line 1 column 2
        [DIR]/ledger.jsonl, line 1: expected a ledger, one JSON object per line; expected ident at line 1 column 2
        [DIR]/ledger.jsonl, line 1: expected a ledger, one JSON object per line; missing field `position` at line 1 column 11
        ");
    // Entries of sets that are not there do not count.
    std::fs::write(&ledger, text.replace("some empty", "another set")).unwrap();
    let loader = open().unwrap();
    assert_eq!((loader.ledger().len(), loader.stats().refused), (1, 0));
}

/// Files that vanish or change while a loader runs are refused like those that were bad from the beginning.
#[test]
fn files_may_vanish_and_change_during_an_epoch() {
    for workers in [1, 3] {
        let root = tempfile::tempdir().unwrap();
        let mix = with_empty_masks(root.path(), &[]);
        let ledger = root.path().join("ledger.jsonl");
        let config = LoaderConfig { workers, prefetch: 1, batch_size: 2, ..loader_config() };
        let order: Vec<String> = Loader::new(mix.clone(), config.clone())
            .unwrap()
            .flat_map(|batch| batch.unwrap().views)
            .map(|sample| sample.name)
            .collect();
        let file =
            |folder: &str, at: usize| root.path().join(format!("{folder}/{}.png", order[at]));
        let keep: Vec<_> = [file("images", 6), file("masks", 10), file("images", 14)]
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .to_vec();
        let spoil = || {
            std::fs::remove_file(&keep[0].0).unwrap();
            std::fs::remove_file(&keep[1].0).unwrap();
            std::fs::write(&keep[2].0, &keep[0].1[..20]).unwrap();
        };

        let mut loader = Loader::new(mix.clone(), config.clone()).unwrap();
        loader.next().unwrap().unwrap();
        spoil();
        let rest: Vec<Result<TrainBatch>> = loader.by_ref().collect();
        let failed: Vec<usize> = (0..9).filter(|&at| rest[at].is_err()).collect();
        assert_eq!(failed, [2, 4, 6], "the batches of the three records");
        let errors: Vec<&Error> = rest.iter().filter_map(|batch| batch.as_ref().err()).collect();
        assert_eq!(
            errors.iter().map(|error| error.reason()).collect::<Vec<_>>(),
            ["unreadable", "unreadable", "image"]
        );
        for (error, (path, _)) in errors.iter().zip(&keep) {
            assert_eq!(error.file(), Some(path.as_path()));
        }

        for (path, bytes) in &keep {
            std::fs::write(path, bytes).unwrap();
        }
        let on_refusal = OnRefusal::Replace { budget: 0.15 };
        let config = LoaderConfig { on_refusal, ledger: Some(ledger.clone()), ..config };
        let mut loader = Loader::new(mix, config).unwrap();
        loader.next().unwrap().unwrap();
        spoil();
        assert!(loader.by_ref().all(|batch| batch.unwrap().views.len() == 2));
        let mut refused: Vec<_> = lines(&ledger).into_iter().map(|line| line.file).collect();
        refused.sort();
        refused.dedup();
        let mut expected: Vec<_> = keep.iter().map(|(path, _)| path.clone()).collect();
        expected.sort();
        assert_eq!(refused, expected);
    }
}
