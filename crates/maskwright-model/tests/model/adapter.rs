//! Low-rank adapters: what they compute, what learns, and what their files hold.

use burn::tensor::{Device, Tensor};
use maskwright_model::adapter::{Blocks, LoraConfig, LoraTarget};
use maskwright_model::image_encoder::ImageEncoder;
use maskwright_model::weights::{self, Checkpoint, Container, StateDict, StateTensor};
use maskwright_model::{Error, PromptInput, Sam, SamConfig, Trainable};

use crate::common::{device, loss, tiny_vit};

const LORA: Trainable = Trainable::Lora(Vec::new());

fn every_layer(rank: usize) -> LoraConfig {
    let targets = vec![LoraTarget::Qkv, LoraTarget::Proj, LoraTarget::Mlp];
    LoraConfig { rank, alpha: Some(3.0), blocks: Blocks::All, targets }
}

fn small() -> Sam {
    SamConfig::small(32, 8, 32, 2).init(&device(), 2).unwrap()
}

fn pixels(side: usize) -> Vec<u8> {
    (0..3 * side * side).map(|i| (i * 7919 % 251) as u8).collect()
}

fn embedding(sam: &Sam) -> Vec<u32> {
    let side = sam.config().image_size;
    let images = sam.preprocess(&pixels(side), 1, &device()).unwrap();
    let values: Tensor<4> = sam.encode_image(images).embedding;
    values.try_into_vec_as::<f32>().unwrap().iter().map(|value| value.to_bits()).collect()
}

/// Values of every tensor from its place, for factors that are not zero.
fn with_factors(sam: &Sam, seed: f32) -> StateDict {
    let mut state = StateDict::default();
    for (name, shape) in weights::shapes(sam) {
        if maskwright_model::adapter::is_factor(&name) {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|i| ((i as f32 * 0.7 + seed).sin()) * 0.1).collect();
            state.tensors.insert(name, StateTensor { shape, values });
        }
    }
    state
}

fn filled(sam: Sam, seed: f32) -> Sam {
    let state = with_factors(&sam, seed);
    weights::apply(sam, &state).unwrap().sam
}

#[test]
fn a_fresh_adapter_changes_no_bit() {
    for sam in [small(), tiny_vit().init(&device(), 2).unwrap()] {
        let plain = embedding(&sam);
        let adapted = sam.clone().with_adapter(&every_layer(2), 5).unwrap();
        assert!(embedding(&adapted) == plain);
        assert!(embedding(&adapted.clone().frozen()) == plain);
        // While gradients are recorded for a part of it, TinyViT's products round otherwise.
        let learning = embedding(&adapted.clone().training(&LORA));
        match sam.image_encoder() {
            ImageEncoder::Vit(_) => assert!(learning == plain),
            _ => {
                let values = |bits: &[u32]| bits.iter().map(|&bits| f32::from_bits(bits)).collect();
                let (found, expected): (Vec<f32>, Vec<f32>) = (values(&learning), values(&plain));
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 2e-5, "{found} {expected}");
                }
            }
        }
        // Its factors are drawn from the seed: A within the bound of a linear layer, B zero.
        let state = weights::state_dict(&adapted);
        let again = weights::state_dict(&sam.clone().with_adapter(&every_layer(2), 5).unwrap());
        let other = weights::state_dict(&sam.with_adapter(&every_layer(2), 6).unwrap());
        assert_eq!(state, again);
        let mut factors = 0;
        for (name, tensor) in &state.tensors {
            if name.ends_with(".lora_A.weight") {
                factors += 1;
                assert_eq!(tensor.shape[0], 2);
                let bound = 1.0 / (tensor.shape[1] as f32).sqrt();
                assert!(tensor.values.iter().all(|value| value.abs() <= bound), "{name}");
                assert_ne!(tensor, &other.tensors[name]);
            } else if name.ends_with(".lora_B.weight") {
                assert!(tensor.values.iter().all(|&value| value == 0.0), "{name}");
            }
        }
        let blocks = state.tensors.keys().filter(|name| name.ends_with(".attn.qkv.weight")).count();
        assert_eq!(factors, 4 * blocks);
    }
}

#[test]
fn gradients_are_those_of_the_composed_weight() {
    let prompts = [PromptInput::from_box([2.0, 3.0, 20.0, 25.0])];
    let config = every_layer(3);
    let adapted = filled(small().with_adapter(&config, 1).unwrap(), 0.3);
    let gradients = |sam: &Sam| {
        let images = sam.preprocess(&pixels(32), 1, &device()).unwrap();
        let value = loss(sam, &sam.encode_image(images), &prompts);
        weights::gradients(sam, &value.backward())
    };
    let learning = adapted.clone().training(&LORA);
    let found = gradients(&learning);
    // The factors and the HQ head learn, and nothing else does.
    for name in found.tensors.keys() {
        assert!(LORA.contains(name), "{name}");
    }
    let factors = with_factors(&adapted, 0.3);
    let count = factors.tensors.keys().filter(|name| found.tensors.contains_key(*name)).count();
    assert_eq!(count, 2 * 2 * 4);

    // By the chain rule from the gradient G of the merged weight: dA = s B^T G, dB = s G A^T.
    let merged = gradients(&adapted.merged().training(&Trainable::All));
    let scale = config.scale() as f32;
    for (name, a) in factors.tensors.iter().filter(|(name, _)| name.ends_with(".lora_A.weight")) {
        let layer = name.strip_suffix(".lora_A.weight").unwrap();
        let b = &factors.tensors[&format!("{layer}.lora_B.weight")];
        let g = &merged.tensors[&format!("{layer}.weight")];
        let [out, input, rank] = [g.shape[0], g.shape[1], 3];
        let near = |found: &StateTensor, expected: Vec<f32>| {
            let largest = expected.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
            for (found, expected) in found.values.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-3 * largest, "{layer}: {found} {expected}");
            }
        };
        let da = (0..rank * input).map(|at| {
            let (r, i) = (at / input, at % input);
            scale * (0..out).map(|o| b.values[o * rank + r] * g.values[o * input + i]).sum::<f32>()
        });
        near(&found.tensors[name], da.collect());
        let db = (0..out * rank).map(|at| {
            let (o, r) = (at / rank, at % rank);
            scale
                * (0..input).map(|i| g.values[o * input + i] * a.values[r * input + i]).sum::<f32>()
        });
        near(&found.tensors[&format!("{layer}.lora_B.weight")], db.collect());
    }
}

#[test]
fn a_merged_model_computes_the_same_bits() {
    for base in [small(), tiny_vit().init(&device(), 2).unwrap()] {
        let plain = embedding(&base);
        let adapted = filled(base.with_adapter(&every_layer(2), 1).unwrap(), 0.1);
        let merged = adapted.clone().merged();
        assert!(embedding(&adapted) != plain);
        assert!(embedding(&merged) == embedding(&adapted));
        assert!(merged.adapter().is_none());
        assert!(weights::shapes(&merged).iter().all(|(name, _)| !name.contains("lora")));
    }
}

/// An adapter's file in a folder.
fn written(sam: &Sam, path: &std::path::Path, container: Container) -> Checkpoint {
    weights::tuned(sam, &LORA).write(path, container).unwrap();
    Checkpoint::open(path).unwrap()
}

fn bits(checkpoint: Checkpoint) -> Vec<(String, Vec<u32>)> {
    let state = checkpoint.into_state().unwrap();
    let bits = |tensor: StateTensor| tensor.values.iter().map(|value| value.to_bits()).collect();
    state.tensors.into_iter().map(|(name, tensor)| (name, bits(tensor))).collect()
}

#[test]
fn an_adapter_goes_over_its_base_and_over_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let adapted = filled(small().with_adapter(&every_layer(2), 1).unwrap(), 0.1);
    let expected = bits(Checkpoint::of(&adapted.clone().merged()));
    for (container, name) in
        [(Container::Safetensors, "epoch_0.safetensors"), (Container::Pth, "epoch_0.pth")]
    {
        let file = written(&adapted, &folder.path().join(name), container);
        let mut merged = Checkpoint::of(&small());
        weights::merge(&mut merged, file.clone()).unwrap();
        assert!(bits(merged) == expected);
        let plain = weights::apply_tuned(small(), file.clone()).unwrap().sam;
        assert!(bits(Checkpoint::of(&plain)) == expected);
        // Into a model that has the same adapter, to go on.
        let own = small().with_adapter(&every_layer(2), 9).unwrap();
        let own = weights::apply_tuned(own, file).unwrap().sam;
        assert!(bits(Checkpoint::of(&own)) == bits(Checkpoint::of(&adapted)));
    }
    // Another base, the base with another adapter, a file that lacks a factor, and one that has too many.
    let file = written(&adapted, &folder.path().join("a.safetensors"), Container::Safetensors);
    let other = SamConfig::small(32, 8, 32, 2).init(&device(), 3).unwrap();
    let mut refusals = vec![
        weights::merge(&mut Checkpoint::of(&other), file.clone()).unwrap_err(),
        weights::apply_tuned(other, file.clone()).unwrap_err(),
    ];
    assert!(refusals.iter().all(|refusal| matches!(refusal, Error::AdapterBase { .. })));
    let own = small().with_adapter(&every_layer(3), 9).unwrap();
    refusals.push(weights::apply_tuned(own, file.clone()).unwrap_err());
    let mut part = file.clone();
    part.retain(|name| name != "image_encoder.blocks.1.attn.proj.lora_B.weight");
    refusals.push(weights::merge(&mut Checkpoint::of(&small()), part).unwrap_err());
    let strange =
        file.rename(|name| Some(name.replace("blocks.1.attn.proj.lora", "blocks.1.lora")));
    refusals.push(weights::merge(&mut Checkpoint::of(&small()), strange).unwrap_err());
    let texts: Vec<String> = refusals
        .iter()
        .map(|refusal| refusal.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
        FOLDER/a.safetensors: expected the base of this low-rank adapter, an image encoder with the hash 7c83ee2776bf..., found 9ad30e177d74...
        FOLDER/a.safetensors: expected the base of this low-rank adapter, an image encoder with the hash 7c83ee2776bf..., found 9ad30e177d74...
        train.lora: expected the settings of the adapter in the file, {"rank":2,"alpha":3.0,"blocks":"all","targets":["qkv","proj","mlp"]}, found {"rank":3,"alpha":3.0,"blocks":"all","targets":["qkv","proj","mlp"]}
        FOLDER/a.safetensors: the checkpoint does not fit the model: 1 missing (image_encoder.blocks.1.attn.proj.lora_B.weight)
        FOLDER/a.safetensors: the checkpoint does not fit the model: 2 missing (image_encoder.blocks.1.attn.proj.lora_A.weight, image_encoder.blocks.1.attn.proj.lora_B.weight); 2 unexpected (image_encoder.blocks.1.lora_A.weight, image_encoder.blocks.1.lora_B.weight)
        "#);
}

#[test]
fn an_input_of_another_size_has_the_same_base() {
    let adapted = filled(small().with_adapter(&every_layer(2), 1).unwrap(), 0.1);
    let file = weights::tuned(&adapted, &LORA);
    let config = SamConfig::small(32, 8, 32, 2).with_image_size(64);
    let larger = weights::from_tensors(&config, &Checkpoint::of(&small()), 0, &Device::flex());
    weights::apply_tuned(larger.unwrap().sam, file).unwrap();
}

#[test]
fn adapters_that_do_not_fit_a_model_are_refused() {
    let config = every_layer(2);
    let refusals = [
        LoraConfig { blocks: Blocks::Last(3), ..config.clone() },
        LoraConfig { rank: 0, ..config.clone() },
        LoraConfig { rank: 33, ..config.clone() },
    ]
    .map(|config| small().with_adapter(&config, 0).unwrap_err().to_string());
    let twice = small().with_adapter(&config, 0).unwrap().with_adapter(&config, 0);
    let refusals = [refusals.as_slice(), &[twice.unwrap_err().to_string()]].concat();
    insta::assert_snapshot!(refusals.join("\n"), @"
        train.lora.blocks: expected all, or last:K with K from 1 to 2, found last:3
        train.lora.rank: expected 1 or more, found 0
        train.lora.rank: expected at most 32, the narrowest side of these layers, found 33
        train.lora: expected a model without an adapter, found one
        ");
}
