//! A run that tunes a low-rank adapter: what is in its files, and what becomes of them.

use std::collections::BTreeMap;

use maskwright_model::{SamConfig, weights};
use maskwright_train::observer::Silent;
use maskwright_train::trainer::{Start, train};

use super::{Place, lora, tensors};

#[test]
fn an_adapter_and_its_base_are_the_whole_model_to_the_bit() {
    let place = Place::new();
    let base = place.folder.path().join("base.safetensors");
    let sam = SamConfig::small(64, 16, 32, 2).with_hq(false);
    weights::save(&sam.init(&maskwright_model::device::host(), 7).expect("a model"), &base)
        .expect("written");
    let mut config = place.run("run");
    lora(&mut config);
    config.model.config = None;
    config.model.checkpoint = Some(base.clone());
    let outcome = train(&config, Start::Fresh, &mut Silent).expect("a run");
    let whole = outcome.checkpoint.expect("a checkpoint");
    let adapter = config.output.join("epoch_1.safetensors");

    // The base stays as it is but for the four weights of the last block, which move.
    let (before, after) = (tensors(&base), tensors(&whole));
    let changed: Vec<&String> = before
        .iter()
        .filter(|(name, value)| after[*name] != **value)
        .map(|(name, _)| name)
        .collect();
    let layers = ["attn.proj", "attn.qkv", "mlp.lin1", "mlp.lin2"];
    let expected = layers.map(|layer| format!("image_encoder.blocks.1.{layer}.weight"));
    assert_eq!(changed, expected.iter().collect::<Vec<_>>());
    // The HQ head that the base lacked is in both files.
    let head = |names: &BTreeMap<String, Vec<u8>>| {
        names.keys().filter(|name| weights::in_hq_head(name)).count()
    };
    let factors = tensors(&adapter);
    assert_eq!((head(&before), head(&after), head(&factors)), (0, 25, 25));
    assert_eq!(factors.len(), 25 + 2 * layers.len());

    // Merged by the library, as `convert --merge` does, and put into a model.
    let mut merged = weights::Checkpoint::open(&base).expect("the base");
    let file = || weights::Checkpoint::open(&adapter).expect("the adapter");
    assert_eq!(weights::merge(&mut merged, file()).expect("merged"), (4, 25));
    let again = place.folder.path().join("merged.safetensors");
    merged.write(&again, weights::Container::Safetensors).expect("written");
    assert!(tensors(&again) == after);
    let source = maskwright_model::ModelSource {
        checkpoint: Some(base),
        restore_model: Some(adapter),
        ..Default::default()
    };
    let device = maskwright_model::device::host();
    let loaded = maskwright_model::load::load_model(&source, true, 0, &device).expect("loaded");
    weights::save(&loaded.sam, &again).expect("written");
    assert!(tensors(&again) == after);
}
