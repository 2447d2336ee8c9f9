//! One budget of memory for all decoding: kept to by any number of threads, and nothing comes out differently.

mod common;

use common::{epochs, loader_config, mask, picture, png_pair};
use maskwright_data::loader::{EvalLoader, EvalLoaderConfig, LastBatch, Loader, LoaderConfig};
use maskwright_data::sample::{Preset, SampleConfig, SampleMaker};
use maskwright_data::source::{Mix, PairsSource, SetSpec};
use maskwright_image::Size;
use maskwright_image::decode::{DecodeBudget, read_header};

/// Twelve discs of different sizes, and what the largest of them takes to decode.
fn discs(root: &std::path::Path) -> (Mix, u64) {
    let mut most = 0;
    for n in 0..12 {
        let (width, height) = (40 + 9 * n, 150 - 8 * n);
        let inside = |x: usize, y: usize| x.abs_diff(width / 2) + y.abs_diff(height / 2) < 20;
        let name = format!("disc_{n:02}");
        png_pair(root, &name, &picture(width, height), &mask(width, height, inside));
        let header = |folder: &str| {
            let path = root.join(folder).join(format!("{name}.png"));
            read_header(&std::fs::read(path).unwrap()).unwrap()
        };
        most = most.max(header("images").rgb_bytes() + header("masks").label_bytes());
    }
    let spec = SetSpec::pairs("discs", root.join("images"), root.join("masks"));
    (Mix::of(PairsSource::open(&spec).unwrap()).unwrap(), most)
}

fn with_budget(bytes: u64) -> SampleConfig {
    SampleConfig { decode_budget: DecodeBudget::new(bytes), ..loader_config().sample }
}

#[test]
fn eight_threads_share_room_for_one() {
    let root = tempfile::tempdir().unwrap();
    let (mix, most) = discs(root.path());
    let batches = |sample: SampleConfig, workers: usize| {
        let last_batch = LastBatch::Keep;
        let config = LoaderConfig { workers, prefetch: 8, last_batch, sample, ..loader_config() };
        epochs(&mut Loader::new(mix.clone(), config).unwrap(), 6)
    };
    let expected = batches(loader_config().sample, 1);
    assert!(batches(with_budget(most), 8) == expected);

    // Training and evaluation at the same time, of one budget.
    let sample = with_budget(most);
    let eval = EvalLoaderConfig {
        workers: 8,
        prefetch: 8,
        sample: sample.clone(),
        ..EvalLoaderConfig::default()
    };
    let eval = EvalLoader::new(mix.sets()[0].clone(), eval).unwrap();
    assert!(batches(sample.clone(), 8) == expected);
    assert_eq!(eval.map(Result::unwrap).count(), 12);
    // Everything was given back.
    assert_eq!(sample.decode_budget.take(most).unwrap().bytes(), most);
}

#[test]
fn a_record_beyond_the_budget_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let (mix, most) = discs(root.path());
    let sample = with_budget(most - 1);
    let mut maker = SampleMaker::new(sample).unwrap();
    let errors: Vec<String> = (0..12)
        .filter_map(|record| maker.eval(&*mix.sets()[0], record, Preset::Squash).err())
        .map(|error| error.to_string().replace(&root.path().display().to_string(), "ROOT"))
        .collect();
    let [error] = &errors[..] else { panic!("{errors:?}") };
    let expected = format!(
        "decoding needs {most} bytes, more than the {} bytes that all decoding may take together",
        most - 1
    );
    assert!(error.starts_with("record discs/disc_") && error.ends_with(&expected), "{error}");
    assert!(error.contains(": ROOT/images/disc_"), "{error}");
}

/// Whatever is held when a record fails is given back.
#[test]
fn failures_give_back_what_they_took() {
    let root = tempfile::tempdir().unwrap();
    let size = Size::new(50, 60);
    let full = picture(size.width, size.height);
    png_pair(root.path(), "a", &full, &mask(size.width, size.height, |x, y| x > y));
    let path = root.path().join("images/a.png");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let spec = SetSpec::pairs("one", root.path().join("images"), root.path().join("masks"));
    let set = PairsSource::open(&spec).unwrap();
    let sample = with_budget(1 << 20);
    let mut maker = SampleMaker::new(sample.clone()).unwrap();
    for _ in 0..100 {
        maker.eval(&set, 0, Preset::Squash).unwrap_err();
    }
    assert_eq!(sample.decode_budget.take(1 << 20).unwrap().bytes(), 1 << 20);
}
