//! Models as files: what official ones hold, and that ours load again as they were.

use crate::common::device;
use maskwright_model::weights::{self, LoadOptions, StateDict, StateTensor};
use maskwright_model::{EncoderConfig, PromptInput, SamConfig, Trainable};

#[test]
fn official_models_have_the_official_counts() {
    let device = device();
    // The head's size depends on the width alone, so one block stands for all.
    for (mut config, hq) in [
        (SamConfig::vit_b(), 1_071_104),
        (SamConfig::vit_l(), 1_333_248),
        (SamConfig::vit_h(), 1_595_392),
    ] {
        let EncoderConfig::Vit(vit) = &mut config.encoder else { panic!("not a ViT") };
        let depth = vit.depth;
        vit.depth = 1;
        vit.global_blocks = vec![0];
        let sam = config.with_image_size(64).init(&device, 0).unwrap();
        assert_eq!(sam.trainable_count(&Trainable::Hq), hq);
        let shapes = weights::shapes(&sam);
        let blocks = shapes.iter().filter(|(n, _)| n.contains("image_encoder.blocks.0")).count();
        let tensors = shapes.len() + (depth - 1) * blocks;
        assert_eq!(
            tensors,
            25 + match depth {
                12 => 314,
                24 => 482,
                _ => 594,
            }
        );
    }
}

#[test]
fn saved_models_load_again_and_misfits_are_named() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let config = SamConfig::small(64, 16, 48, 2);
    let sam = config.init(&device, 11).unwrap();
    weights::save(&sam, &path).unwrap();
    let loaded = weights::load(&path, &LoadOptions::default(), &device).unwrap();
    assert_eq!(loaded.sam.config(), &config);
    assert_eq!(weights::state_dict(&loaded.sam), weights::state_dict(&sam));

    // Without the HQ tensors they are made fresh, the same for the same seed.
    let mut state = StateDict::read(&path).unwrap();
    state.tensors.retain(|name, _| !Trainable::Hq.contains(name));
    let fresh = weights::from_tensors(&config, &state, 11, &device).unwrap();
    assert_eq!(fresh.fresh.len(), 25);
    assert_eq!(weights::state_dict(&fresh.sam), weights::state_dict(&sam));

    state.tensors.remove("mask_decoder.iou_token.weight");
    state.tensors.insert("stray".into(), StateTensor { shape: vec![1], values: vec![0.0] });
    state.tensors.get_mut("prompt_encoder.no_mask_embed.weight").unwrap().shape = vec![64, 1];
    match weights::from_tensors(&config, &state, 0, &device).unwrap_err() {
        maskwright_model::Error::Mismatch(mismatch) => {
            assert_eq!(mismatch.missing, ["mask_decoder.iou_token.weight"]);
            assert_eq!(mismatch.unexpected, ["stray"]);
            assert_eq!(mismatch.misshapen[0].name, "prompt_encoder.no_mask_embed.weight");
        }
        other => panic!("{other}"),
    }

    // Another input size: positions are interpolated, everything runs.
    let options = LoadOptions { image_size: Some(96), ..LoadOptions::default() };
    let wide = weights::load(&path, &options, &device).unwrap().sam;
    let features = wide.encode_image(wide.preprocess(&[9; 3 * 96 * 96], 1, &device).unwrap());
    assert_eq!(features.embedding.dims(), [1, 6, 6, 64]);
    std::fs::write(&path, b"no checkpoint at all").unwrap();
    assert!(weights::load(&path, &LoadOptions::default(), &device).is_err());
}

#[test]
fn tiny_models_save_load_and_train() {
    let device = device();
    let official = SamConfig::vit_tiny();
    assert_eq!(
        official
            .clone()
            .with_image_size(64)
            .init(&device, 0)
            .unwrap()
            .trainable_count(&Trainable::Hq),
        448_512
    );
    assert_eq!(weights::shapes(&official.init(&device, 0).unwrap()).len(), 464);
    let config = crate::common::tiny_vit().with_image_size(64);
    let sam = config.init(&device, 4).unwrap();
    let mut state = weights::state_dict(&sam);
    assert_eq!(
        state.tensors["image_encoder.layers.0.blocks.0.conv1.bn.num_batches_tracked"].shape,
        [0; 0]
    );
    state.metadata.clear();
    let mut told = weights::detect(&state).unwrap();
    told.image_size = 64;
    assert_eq!(told, config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.safetensors");
    weights::save(&sam, &path).unwrap();
    let loaded = weights::load(&path, &LoadOptions::default(), &device).unwrap();
    assert_eq!(weights::state_dict(&loaded.sam), weights::state_dict(&sam));

    let whole = sam.training(&Trainable::All);
    let pixels: Vec<u8> = (0..3 * 64 * 64).map(|i| (i * 7919 % 251) as u8).collect();
    let features = whole.encode_image(whole.preprocess(&pixels, 1, &device).unwrap());
    let prompts = [PromptInput::from_box([2.0, 3.0, 20.0, 25.0])];
    let gradients =
        weights::gradients(&whole, &crate::common::loss(&whole, &features, &prompts).backward());
    for name in ["patch_embed.seq.0.c.weight", "layers.1.blocks.0.attn.attention_biases"] {
        let values = &gradients.tensors[&format!("image_encoder.{name}")].values;
        assert!(values.iter().any(|&v| v != 0.0), "{name}");
    }
}
