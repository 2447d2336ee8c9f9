//! Features of views that are kept on disk: training is what it is without them, and what is damaged or foreign is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use maskwright_data::loader::OnRefusal;
use maskwright_data::source::DataFile;
use maskwright_model::adapter::{Blocks, LoraConfig};
use maskwright_model::weights::StateDict;
use maskwright_model::{EncoderConfig, SamConfig, TinyVitConfig, Trainable};
use maskwright_train::features::{self, CacheConfig, FeatureType};
use maskwright_train::observer::Observer;
use maskwright_train::run_log::EpochEntry;
use maskwright_train::trainer::{Start, TrainOutcome, train};
use maskwright_train::{Error, TrainConfig};

const IMAGES: usize = 5;
const VIEWS: u64 = 2;

/// A folder with pictures, runs and caches.
struct Place {
    folder: tempfile::TempDir,
    data: DataFile,
}

/// Counts the views that are made, and stops after some.
#[derive(Default)]
struct Watch {
    made: usize,
    stop_after: Option<usize>,
    stop_in_epoch: Option<usize>,
    epochs: Vec<EpochEntry>,
    steps: usize,
}

impl Observer for Watch {
    fn caching(&mut self, done: usize, _total: usize) {
        self.made = done;
    }
    fn step(&mut self, _progress: &maskwright_train::observer::StepProgress) {
        self.steps += 1;
    }
    fn epoch(&mut self, entry: &EpochEntry) {
        self.epochs.push(entry.clone());
    }
    fn should_stop(&self) -> bool {
        self.stop_after.is_some_and(|most| self.made >= most)
            || self.stop_in_epoch.is_some_and(|step| self.steps >= step)
    }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pictures =
            maskwright_demo::DemoConfig { train: IMAGES, valid: 1, ..Default::default() };
        let set = maskwright_demo::write(&pictures, folder.path()).expect("written");
        let mut data = DataFile::read(&set.data_file).expect("read");
        data.valid.clear();
        Self { folder, data }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, run: &str, cache: Option<FeatureType>) -> TrainConfig {
        let mut config = TrainConfig::new(self.data.clone(), self.path(run));
        config.model.config = Some(SamConfig::small(64, 16, 32, 2));
        config.model.input_size = Some(64);
        config.train.batch_size = 2;
        config.train.epochs = 4;
        config.train.views = VIEWS;
        config.train.corrections = 1;
        config.train.loss.points.per_mask = 256;
        if let Some(dtype) = cache {
            config.cache = CacheConfig { keep: true, dtype, folder: Some(self.path("cache")) };
        }
        config
    }

    /// The only cache's folder.
    fn cache(&self) -> PathBuf {
        let caches = features::list(&self.path("cache")).expect("listed");
        let [cache] = &caches[..] else { panic!("one cache: {caches:?}") };
        cache.folder.clone()
    }

    /// A message without the name of the temporary folder.
    fn said(&self, error: &Error) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn run(config: &TrainConfig, watch: &mut Watch) -> TrainOutcome {
    train(config, Start::Fresh, watch).expect("trained")
}

fn weights(outcome: &TrainOutcome) -> BTreeMap<String, Vec<u32>> {
    let path = outcome.checkpoint.as_ref().expect("a checkpoint");
    let tensors = StateDict::read(path).expect("read").tensors;
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    tensors.into_iter().map(|(name, tensor)| (name, bits(tensor.values))).collect()
}

#[test]
fn f32_features_train_to_the_same_bits() {
    let place = Place::new();
    for learns in [Trainable::Hq, Trainable::Decoder] {
        let name = learns.to_string();
        let of = |run: &str, cache| {
            let mut config = place.config(&format!("{name}-{run}"), cache);
            config.train.learns = learns.clone();
            config
        };
        let plain = run(&of("plain", None), &mut Watch::default());
        let mut watch = Watch::default();
        let kept = run(&of("kept", Some(FeatureType::F32)), &mut watch);
        // What learns is not part of the encoder: the second kind of training finds all views.
        let made = if learns == Trainable::Hq { IMAGES * VIEWS as usize } else { 0 };
        assert_eq!(watch.made, made, "{name}");
        assert!(weights(&kept) == weights(&plain), "{name}");
    }
    // With other views the weights are others.
    let mut other = place.config("other", None);
    other.train.views = 0;
    let plain = run(&place.config("again", None), &mut Watch::default());
    assert!(weights(&run(&other, &mut Watch::default())) != weights(&plain));
}

#[test]
fn a_frozen_beginning_is_kept_and_trains_to_the_same_bits() {
    let place = Place::new();
    let last = |count| LoraConfig { blocks: Blocks::Last(count), ..LoraConfig::default() };
    let neck = "image_encoder.neck.*,mask_decoder.*".parse::<Trainable>().expect("patterns");
    // Of three blocks the second is the first global one, from which the early feature comes.
    let ways = [
        ("last1", Trainable::Lora(Vec::new()), last(1), true),
        ("last2", Trainable::Lora(Vec::new()), last(2), false),
        ("neck", neck, LoraConfig::default(), true),
    ];
    let mut names = BTreeSet::new();
    for (name, learns, lora, has_early) in ways {
        let of = |run: &str, cache| {
            let mut config = place.config(&format!("{name}-{run}"), cache);
            config.model.config = Some(SamConfig::small(64, 16, 32, 3));
            config.train.learns = learns.clone();
            config.train.lora = lora.clone();
            // Two passes for a batch, whose gradients go back through the rest of the encoder together.
            config.train.objects_per_step = 1;
            config
        };
        let plain = run(&of("plain", None), &mut Watch::default());
        let mut watch = Watch::default();
        let kept = run(&of("kept", Some(FeatureType::F32)), &mut watch);
        assert_eq!(
            watch.made,
            IMAGES * VIEWS as usize,
            "each depth has a cache of its own: {name}"
        );
        assert!(weights(&kept) == weights(&plain), "{name}");
        let bf16 = run(&of("bf16", Some(FeatureType::Bf16)), &mut Watch::default());
        assert!(weights(&bf16) != weights(&plain), "{name}");

        // Stopped and resumed.
        let config = of("stopped", Some(FeatureType::F32));
        let mut watch = Watch { stop_in_epoch: Some(3), ..Watch::default() };
        assert!(run(&config, &mut watch).stopped);
        let resumed = train(&config, Start::Resume, &mut Watch::default()).expect("resumed");
        assert!(weights(&resumed) == weights(&plain), "{name}");

        let caches = features::list(&place.path("cache")).expect("listed");
        for cache in caches.iter().filter(|cache| names.insert(cache.name.clone())) {
            // A grid of 4 x 4 tokens of 32 channels, and the early feature of as many where it is behind them already; the
            // file's header is small.
            let bytes = if cache.made_from["dtype"] == "f32" { 4 } else { 2 };
            let maps = if has_early { 2 } else { 1 };
            let values = IMAGES * VIEWS as usize * 16 * 32 * maps;
            let off = cache.bytes as usize - values * bytes;
            assert!(off < 3000, "{name}: {} bytes", cache.bytes);
        }
    }
    assert_eq!(names.len(), 6);
}

#[test]
fn the_beginning_of_a_tiny_vit_is_kept_too() {
    let place = Place::new();
    let encoder = EncoderConfig::TinyVit(TinyVitConfig {
        embed_dims: [16, 32, 48, 64],
        depths: [1, 1, 2, 1],
        heads: [1, 2, 2],
        windows: [3, 4, 2],
        classes: 3,
    });
    let of = |run: &str, cache| {
        let mut config = place.config(run, cache);
        config.model.config =
            Some(SamConfig { encoder: encoder.clone(), ..SamConfig::small(64, 16, 32, 2) });
        config.train.learns = Trainable::Lora(Vec::new());
        config.train.lora = LoraConfig { blocks: Blocks::Last(2), ..LoraConfig::default() };
        config
    };
    let plain = run(&of("plain", None), &mut Watch::default());
    let kept = run(&of("kept", Some(FeatureType::F32)), &mut Watch::default());
    assert!(weights(&kept) == weights(&plain));
}

/// A view whose image is damaged cannot be kept; it is replaced in training as without a cache. One whose image is merely
/// odd is kept, and told of all the same.
#[test]
fn what_is_odd_about_images_is_told_as_without_a_cache() {
    let place = Place::new();
    let images = place.path("train").join("images");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&images)
        .expect("listed")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let bytes = std::fs::read(&files[1]).expect("read");
    std::fs::write(&files[1], &bytes[..bytes.len() * 2 / 3]).expect("cut off");
    std::fs::write(&files[3], &bytes[..100]).expect("cut off");
    let of = |run: &str, cache| {
        let mut config = place.config(run, cache);
        config.train.on_refusal = OnRefusal::Replace { budget: 0.5 };
        config
    };
    let told = |name: &str| {
        let text =
            std::fs::read_to_string(place.path(name).join("ledger.jsonl")).expect("a ledger");
        assert!(text.contains("\"used\":true") && text.contains("size_mismatch"), "{text}");
        text
    };
    let plain = run(&of("plain", None), &mut Watch::default());
    let kept = run(&of("kept", Some(FeatureType::F32)), &mut Watch::default());
    assert!(weights(&kept) == weights(&plain));
    assert_eq!(told("kept"), told("plain"));
    // A record of five is missing in each view.
    let caches = features::list(&place.path("cache")).expect("listed");
    assert_eq!(caches[0].views, (IMAGES - 1) * VIEWS as usize);
}

#[test]
fn bf16_features_train_nearly_the_same() {
    let place = Place::new();
    let (mut plain, mut kept) = (Watch::default(), Watch::default());
    run(&place.config("plain", None), &mut plain);
    run(&place.config("kept", Some(FeatureType::Bf16)), &mut kept);
    for (plain, kept) in plain.epochs.iter().zip(&kept.epochs) {
        let (plain, kept) = (plain.loss.total, kept.loss.total);
        assert!(plain != kept && (kept / plain - 1.0).abs() < 0.02, "{kept} for {plain}");
    }
    let caches = features::list(&place.path("cache")).expect("listed");
    assert_eq!(caches[0].views, IMAGES * VIEWS as usize);
    assert_eq!(caches[0].made_from["dtype"], "bf16");
    features::remove(&place.path("cache"), &caches[0].name).expect("removed");
    assert_eq!(features::list(&place.path("cache")).expect("listed"), []);
}

#[test]
fn a_run_from_a_cache_is_resumed_to_the_same_bits() {
    let place = Place::new();
    let whole = run(&place.config("whole", Some(FeatureType::F32)), &mut Watch::default());
    let config = place.config("stopped", Some(FeatureType::F32));
    let mut watch = Watch { stop_in_epoch: Some(5), ..Watch::default() };
    assert!(run(&config, &mut watch).stopped);
    let resumed = train(&config, Start::Resume, &mut Watch::default()).expect("resumed");
    assert!(weights(&resumed) == weights(&whole));
}

#[test]
fn the_making_of_a_cache_goes_on_where_it_stopped() {
    let place = Place::new();
    let mut watch = Watch { stop_after: Some(3), ..Watch::default() };
    let config = place.config("run", Some(FeatureType::Bf16));
    let stopped = train(&config, Start::Fresh, &mut watch).expect_err("stopped");
    assert!(matches!(stopped, Error::Stopped));
    assert_eq!(features::list(&place.path("cache")).expect("listed")[0].views, 3);
    let mut watch = Watch::default();
    // The output folder is as it was: the same call goes on.
    train(&config, Start::Fresh, &mut watch).expect("trained");
    assert_eq!(watch.made, IMAGES * VIEWS as usize - 3);
    // More views: those that are there are kept.
    let mut more = place.config("more", Some(FeatureType::Bf16));
    more.train.views = VIEWS + 1;
    let mut watch = Watch::default();
    run(&more, &mut watch);
    assert_eq!(watch.made, IMAGES);
}

#[test]
fn what_is_damaged_or_foreign_is_named() {
    let place = Place::new();
    run(&place.config("first", Some(FeatureType::F32)), &mut Watch::default());
    let cache = place.cache();
    let shard = |cache: &Path| {
        let files =
            std::fs::read_dir(cache).expect("listed").map(|file| file.expect("a file").path());
        files.into_iter().find(|path| path.extension().is_some_and(|e| e == "safetensors"))
    };
    let shard = shard(&cache).expect("a shard");
    let name = cache.file_name().expect("a name").to_string_lossy().into_owned();
    let whole = std::fs::read(&shard).expect("read");
    let mut said = Vec::new();
    let mut refused = |config: &TrainConfig| {
        let error = train(config, Start::Overwrite, &mut Watch::default()).expect_err("refused");
        said.push(place.said(&error).replace(&name, "NAME"));
    };
    let config = place.config("second", Some(FeatureType::F32));

    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&shard, &flipped).expect("written");
    refused(&config);
    std::fs::write(&shard, &whole[..middle]).expect("written");
    refused(&config);
    std::fs::write(&shard, &whole).expect("written");

    let about = cache.join("cache.json");
    let text = std::fs::read_to_string(&about).expect("read");
    std::fs::write(&about, text.replace("\"seed\": 42", "\"seed\": 43")).expect("written");
    refused(&config);
    std::fs::write(&about, "{").expect("written");
    refused(&config);
    std::fs::write(&about, text).expect("written");

    // Other weights are another cache.
    let mut other = place.config("third", Some(FeatureType::F32));
    other.model.config = Some(SamConfig::small(64, 16, 32, 3));
    let mut watch = Watch::default();
    run(&other, &mut watch);
    assert_eq!(watch.made, IMAGES * VIEWS as usize);

    let mut learns = config.clone();
    learns.train.learns = Trainable::All;
    refused(&learns);
    learns.train.learns = Trainable::Lora(Vec::new());
    refused(&learns);
    let mut views = config.clone();
    views.train.views = 0;
    refused(&views);
    let mut masks = config;
    masks.data.prompts.kinds =
        maskwright_data::prompt::KindWeights::only(maskwright_data::prompt::PromptKind::NoiseMask);
    refused(&masks);
    let missing = features::remove(&place.path("cache"), "nothing").expect_err("no such cache");
    said.push(place.said(&missing).split(" of ").next().unwrap_or_default().to_owned());
    insta::assert_snapshot!(said.join("\n"), @"
        cache/NAME/00000-00000000.safetensors: expected the bytes whose checksum is in its header, found others: the file is damaged
        cache/NAME/00000-00000000.safetensors: expected a whole file of features, found 31180 bytes, which is less than its header says
        cache/NAME/cache.json: expected seed = 42, found 43
        cache/NAME/cache.json: expected what a cache of features was made from, found another text: EOF while parsing an object at line 1 column 1
        cache.keep: expected an image encoder of which at least the first block does not learn (train.learns, train.lora.blocks), so that what it computes can be kept, found all
        cache.keep: expected an image encoder of which at least the first block does not learn (train.learns, train.lora.blocks), so that what it computes can be kept, found lora with blocks all
        train.views: expected 1 or more where the features of views are kept (cache.keep), found 0
        train.corrections: expected 0 where all prompts are noise masks (data.prompts.kinds): a correction puts the prediction in the place of the mask, found 1
        cache: expected one
        ");
}
