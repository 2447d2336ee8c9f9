//! The model against numbers from the public PyTorch implementation, where its golden files are at
//! hand, and on a small model of our own, whose properties hold anywhere.

mod common;

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use maskwright_model::weights::{self, LoadOptions, StateDict, StateTensor};
use maskwright_model::{
    DecodeMode, EncoderConfig, ImageFeatures, PromptInput, PromptPoint, Sam, SamConfig, Trainable,
    resize_bilinear,
};

/// The folder of golden files, or `None` (said on stderr) where it is absent.
fn golden() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/model");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("no golden files at {}: that part is skipped", folder.display());
    None
}

/// A safetensors file of any types: the float tensors, and one of bytes.
fn forward_file(folder: &std::path::Path) -> (StateDict, Vec<u8>) {
    let bytes = std::fs::read(folder.join("small_forward.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut state = StateDict::default();
    let mut images = Vec::new();
    for (name, view) in file.tensors() {
        if view.dtype() == safetensors::Dtype::U8 {
            images = view.data().to_vec();
            continue;
        }
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        state.tensors.insert(name, StateTensor { shape: view.shape().to_vec(), values });
    }
    (state, images)
}

/// The CPU, or with `MASKWRIGHT_TEST_DEVICE=cuda` the first GPU, in a build with that feature.
fn device() -> Device {
    match std::env::var("MASKWRIGHT_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::flex(),
        #[cfg(feature = "cuda")]
        Ok("cuda") => Device::cuda(0),
        Ok(other) => panic!("no device {other:?} in this build"),
    }
}

#[track_caller]
fn close<const D: usize>(what: &str, found: Tensor<D>, expected: &StateTensor, tolerance: f32) {
    assert_eq!(found.dims().as_slice(), expected.shape.as_slice(), "{what}: shape");
    let found = found.try_into_vec_as::<f32>().unwrap();
    let maximum = expected.values.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(&expected.values).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(
        worst <= tolerance * maximum.max(1e-6),
        "{what}: off by {worst} with a maximum of {maximum}"
    );
}

fn nchw(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

/// The four prompts of the golden file; the second value is the image each is for.
fn prompts(state: &StateDict) -> Vec<(PromptInput, usize)> {
    let values = |name: &str| state.tensors[name].values.clone();
    let corners: [f32; 4] = values("box").try_into().unwrap();
    let points: Vec<PromptPoint> = values("point_coords")
        .chunks_exact(2)
        .zip(values("point_labels"))
        .map(|(xy, label)| PromptPoint::new(xy[0], xy[1], label as i32))
        .collect();
    let mask = values("mask_input");
    vec![
        (PromptInput::from_box(corners), 0),
        (PromptInput::from_points(points.clone()), 1),
        (PromptInput::from_mask(mask.clone()), 2),
        (PromptInput { points, box_xyxy: Some(corners), mask: Some(mask) }, 2),
    ]
}

#[test]
fn forward_matches_pytorch() {
    let Some(folder) = golden() else { return };
    let device = device();
    let (expected, images) = forward_file(&folder);
    let get = |name: &str| &expected.tensors[name];
    for file in ["small_sam_hq.safetensors", "small_sam_hq.pth"] {
        let loaded = weights::load(&folder.join(file), &LoadOptions::default(), &device).unwrap();
        assert!(loaded.fresh.is_empty());
        let sam = loaded.sam;
        let config = sam.config();
        let EncoderConfig::Vit(vit) = &config.encoder else { panic!("not a ViT") };
        assert_eq!((config.image_size, config.patch_size, config.prompt_dim), (128, 16, 256));
        assert_eq!((vit.embed_dim, vit.depth, vit.heads, vit.window_size), (64, 4, 4, 3));
        assert_eq!(vit.global_blocks, [1, 3]);
        assert!(config.hq);

        let input = sam.preprocess(&images, 3, &device).unwrap();
        close("normalised", input.clone(), get("normalised"), 1e-6);
        let features = sam.encode_image(input);
        close("embedding", nchw(features.embedding.clone()), get("image_embeddings"), 1e-4);
        close("interm", features.early.clone(), get("interm_embeddings_0"), 1e-4);
        let pe = sam.prompt_encoder.dense_pe(Default::default()).reshape([1, 8, 8, 256]);
        close("image_pe", nchw(pe), get("image_pe"), 1e-4);

        for (i, (prompt, image)) in prompts(&expected).into_iter().enumerate() {
            let name = |what: &str| format!("prompt{i}.{what}");
            let encoded = sam.encode_prompts(std::slice::from_ref(&prompt)).unwrap();
            match encoded.sparse.clone() {
                Some(sparse) => close(&name("sparse"), sparse, get(&name("sparse")), 1e-4),
                None => assert_eq!(get(&name("sparse")).shape, [1, 0, 256]),
            }
            let dense = nchw(encoded.dense.clone()).expand([1, 256, 8, 8]);
            close(&name("dense"), dense, get(&name("dense")), 1e-4);

            let one = features.select(&[image]);
            let single =
                sam.decode(&one, &encoded, &[0], DecodeMode::Both { multimask: false }).unwrap();
            let multi =
                sam.decode(&one, &encoded, &[0], DecodeMode::Both { multimask: true }).unwrap();
            let masks = [single.sam.clone(), multi.sam.clone(), single.hq.clone()];
            let masks = Tensor::cat(masks.into_iter().flatten().collect(), 1);
            close(&name("all_masks"), masks.clone(), get(&name("all_masks")), 1e-4);
            let ious =
                Tensor::cat(vec![single.iou.clone().unwrap(), multi.iou.clone().unwrap()], 1);
            close(&name("all_ious"), ious, get(&name("all_ious")), 1e-4);

            let hq = sam.decode(&one, &encoded, &[0], DecodeMode::Hq).unwrap();
            assert!(hq.sam.is_none() && hq.iou.is_none());
            let hq = hq.hq.unwrap();
            for (output, multimask) in [(&single, 0), (&multi, 1)] {
                let mode = |hq: i32| format!("multi{multimask}.hq{hq}");
                let masks = name(&format!("masks.{}", mode(0)));
                close(&masks, output.logits().unwrap(), get(&masks), 1e-4);
                let masks = name(&format!("masks.{}", mode(1)));
                close(&masks, hq.clone(), get(&masks), 1e-4);
                let ious = name(&format!("ious.{}", mode(0)));
                close(&ious, output.clone().best().iou.unwrap(), get(&ious), 1e-4);
            }
            if i == 0 {
                let shown = sam.postprocess_masks(masks, [128, 96], [200, 150]);
                close("postprocess", shown, get("postprocess_200x150"), 1e-4);
            }
        }
    }
}

#[test]
fn batches_of_mixed_prompts_match_single_ones() {
    let device = device();
    let sam = SamConfig::small(64, 8, 32, 3).init(&device, 5).unwrap();
    let pixels: Vec<u8> = (0..4 * 3 * 64 * 64).map(|i| (i * 7919 % 251) as u8).collect();
    let features = sam.encode_image(sam.preprocess(&pixels, 4, &device).unwrap());
    let mask: Vec<f32> = (0..32 * 32).map(|i| if i % 5 < 2 { 255.0 } else { 0.0 }).collect();
    let boxed =
        PromptInput { mask: Some(mask.clone()), ..PromptInput::from_box([9.0, 3.0, 40.0, 50.0]) };
    let prompts = [
        PromptInput::from_points([PromptPoint::new(3.0, 4.0, 1)]),
        PromptInput::from_mask(mask),
        boxed,
        PromptInput::from_points([PromptPoint::new(3.0, 4.0, 1), PromptPoint::new(30.0, 20.0, 0)]),
    ];
    for mode in
        [DecodeMode::Hq, DecodeMode::Sam { multimask: true }, DecodeMode::Both { multimask: false }]
    {
        let all = sam.predict(&features, &prompts, &[0, 1, 2, 3], mode).unwrap();
        // Of one image, with what the HQ head makes of it beforehand.
        let one = sam.with_hq_features(features.select(&[2]));
        assert!(one.hq.is_some());
        let shared = sam.predict(&one, &prompts, &[0; 4], mode).unwrap();
        for (i, prompt) in prompts.iter().enumerate() {
            let encoded = sam.encode_prompts(std::slice::from_ref(prompt)).unwrap();
            for (batch, image) in [(&all, i), (&shared, 2)] {
                let one = sam.decode(&features.select(&[image]), &encoded, &[0], mode).unwrap();
                let pairs = [(&batch.sam, one.sam), (&batch.hq, one.hq)];
                for (batch, one) in pairs {
                    assert_eq!(batch.is_some(), one.is_some());
                    let (Some(batch), Some(one)) = (batch, one) else { continue };
                    let row = batch.clone().narrow(0, i, 1);
                    let expected = StateTensor {
                        shape: one.dims().to_vec(),
                        values: one.try_into_vec_as::<f32>().unwrap(),
                    };
                    close("row", row, &expected, 1e-5);
                }
            }
        }
    }
}

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

/// Sum of squares of the HQ logits: its gradient reaches every HQ parameter.
fn loss(sam: &Sam, features: &ImageFeatures, prompts: &[PromptInput]) -> Tensor<1> {
    let output = sam.predict(features, prompts, &vec![0; prompts.len()], DecodeMode::Hq).unwrap();
    output.hq.unwrap().square().mean()
}

#[test]
fn gradients_reach_exactly_the_scope() {
    let device = device();
    let sam = SamConfig::small(32, 8, 32, 2).init(&device, 2).unwrap();
    let pixels: Vec<u8> = (0..3 * 32 * 32).map(|i| (i * 7919 % 251) as u8).collect();
    let prompts = [PromptInput::from_box([2.0, 3.0, 20.0, 25.0])];
    let tuned = sam.clone().training(&Trainable::Hq);
    let features = tuned.encode_image(tuned.preprocess(&pixels, 1, &device).unwrap());
    assert!(!features.embedding.is_autodiff());
    let value = loss(&tuned, &features, &prompts);
    let gradients = weights::gradients(&tuned, &value.backward());
    let names: Vec<&String> = gradients.tensors.keys().collect();
    let expected: Vec<(String, Vec<usize>)> =
        weights::shapes(&tuned).into_iter().filter(|(n, _)| Trainable::Hq.contains(n)).collect();
    assert_eq!(names.len(), 25);
    for (name, shape) in expected {
        assert_eq!(gradients.tensors[&name].shape, shape, "{name}");
    }

    // Everything learns, save what the HQ mask does not depend on.
    let whole = sam.training(&Trainable::All);
    let features = whole.encode_image(whole.preprocess(&pixels, 1, &device).unwrap());
    let value = loss(&whole, &features, &prompts);
    let gradients = weights::gradients(&whole, &value.backward());
    for name in ["image_encoder.pos_embed", "image_encoder.blocks.0.attn.rel_pos_h"] {
        let largest = gradients.tensors[name].values.iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(largest > 0.0, "{name}");
    }
    let buffer = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
    assert!(!gradients.tensors.contains_key(buffer));
}

/// Bilinear values of `[b, 1, h, w]` at points `[b, p, 2]` (x, y in 0..1; half-pixel centres, zeros
/// outside): `[b, p]`, differentiable in the map.
fn sample(map: Tensor<4>, points: &StateTensor) -> Tensor<2> {
    let [b, _, h, w] = map.dims();
    let count = points.shape[1];
    let mut indices = Vec::new();
    let mut weights = Vec::new();
    for xy in points.values.chunks_exact(2) {
        let (x, y) = (xy[0] * w as f32 - 0.5, xy[1] * h as f32 - 0.5);
        for tap in 0..4 {
            let (dx, dy) = ((tap % 2) as f32, (tap / 2) as f32);
            let (at_x, at_y) = (x.floor() + dx, y.floor() + dy);
            let inside = (0.0..w as f32).contains(&at_x) && (0.0..h as f32).contains(&at_y);
            let weight = (1.0 - (x - at_x).abs()) * (1.0 - (y - at_y).abs());
            weights.push(if inside { weight } else { 0.0 });
            indices.push(if inside { at_y as i64 * w as i64 + at_x as i64 } else { 0 });
        }
    }
    let device = map.device();
    let indices = TensorData::new(indices, [b, count * 4]);
    let indices = Tensor::<2, Int>::from_data(indices, &device);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [b, count * 4]), &device);
    let taps = map.reshape([b, h * w]).gather(1, indices) * weights;
    taps.reshape([b, count, 4]).sum_dim(2).reshape([b, count])
}

#[test]
fn hq_gradients_match_pytorch() {
    let Some(folder) = golden() else { return };
    let device = device();
    let (inputs, images) = forward_file(&folder);
    let steps = StateDict::read(&folder.join("small_train_steps.safetensors")).unwrap();
    let file = folder.join("small_sam_hq.safetensors");
    let sam = weights::load(&file, &LoadOptions::default(), &device).unwrap().sam;
    let sam = sam.training(&Trainable::Hq);
    let features = sam.encode_image(sam.preprocess(&images, 3, &device).unwrap());
    let prompts: Vec<PromptInput> = prompts(&inputs).into_iter().take(3).map(|(p, _)| p).collect();
    let masks = sam.predict(&features, &prompts, &[0, 1, 2], DecodeMode::Hq).unwrap().hq.unwrap();
    close("masks", masks.clone(), &steps.tensors["step0.masks_hq"], 1e-4);

    // HQ-SAM's loss at the given points: binary cross-entropy plus dice, a mean over the masks.
    let points = &steps.tensors["step0.points"];
    let labels = &inputs.tensors["labels_f32"];
    let labels = TensorData::new(labels.values.clone(), labels.shape.clone());
    let labels = sample(Tensor::<4>::from_data(labels, &device) / 255.0, points);
    let logits = sample(masks, points);
    let cross = activation::relu(logits.clone()) - logits.clone() * labels.clone()
        + (-logits.clone().abs()).exp().log1p();
    let chance = activation::sigmoid(logits);
    let both = (chance.clone() * labels.clone()).sum_dim(1) * 2.0 + 1.0;
    let dice = -(both / (chance.sum_dim(1) + labels.sum_dim(1) + 1.0)) + 1.0;
    let (cross, dice) = (cross.mean(), dice.mean());
    let expected: Vec<Vec<f32>> = serde_json::from_str(&steps.metadata["losses_bce_dice"]).unwrap();
    for (found, expected) in [&cross, &dice].into_iter().zip(&expected[0]) {
        let found = found.clone().into_scalar::<f32>();
        assert!((found - expected).abs() < 1e-5 * expected, "{found} for {expected}");
    }
    let gradients = weights::gradients(&sam, &(cross + dice).backward());
    assert_eq!(gradients.tensors.len(), 25);
    for (name, gradient) in gradients.tensors {
        let expected = &steps.tensors[&format!("grad.{name}")];
        assert_eq!(gradient.shape, expected.shape, "{name}");
        let count = gradient.values.len();
        let found = Tensor::<1>::from_data(TensorData::new(gradient.values, [count]), &device);
        let expected = StateTensor { shape: vec![count], values: expected.values.clone() };
        close(&name, found, &expected, 1e-3);
    }
}

#[test]
fn tiny_vit_matches_pytorch() {
    let Some(folder) = golden() else { return };
    let device = device();
    let mut config = SamConfig::vit_tiny();
    let EncoderConfig::TinyVit(tiny) = &mut config.encoder else { panic!("not a TinyViT") };
    tiny.embed_dims = [16, 32, 40, 320];
    tiny.classes = 10;
    let sam = config.init(&device, 0).unwrap();
    let mut state = StateDict::read(&folder.join("tiny_vit.safetensors")).unwrap();
    // The original caches the attention biases when it is set to evaluation. Its builder does that
    // before it loads a checkpoint, and so the biases are the initial zeros unless a caller sets it
    // to evaluation again, as the official demonstration does and the golden file's maker did not.
    for (name, tensor) in &mut state.tensors {
        if name.ends_with("attention_biases") {
            tensor.values.fill(0.0);
        }
    }
    let weights::Applied { sam, mismatch, .. } = weights::apply(sam, &state).unwrap();
    assert!(mismatch.unexpected.is_empty() && mismatch.misshapen.is_empty(), "{mismatch}");
    assert!(mismatch.missing.iter().all(|name| !name.starts_with("image_encoder.")));

    let bytes = std::fs::read(folder.join("tiny_vit_forward.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let image = file.tensor("image_256_u8").unwrap().data().to_vec();
    let image: Vec<f32> = image.iter().map(|&v| (f32::from(v) - 120.0) / 58.0).collect();
    let image = Tensor::from_data(TensorData::new(image, [1, 3, 256, 256]), &device);
    let features = sam.encode_image(resize_bilinear(image, [1024, 1024]));
    let expected = |name: &str| {
        let view = file.tensor(name).unwrap();
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        StateTensor { shape: view.shape().to_vec(), values }
    };
    close("interm", features.early, &expected("interm_embeddings_0"), 1e-4);
    close("embedding", nchw(features.embedding), &expected("image_embeddings"), 1e-4);
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
    let config = common::tiny_vit().with_image_size(64);
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
    let gradients = weights::gradients(&whole, &loss(&whole, &features, &prompts).backward());
    for name in ["patch_embed.seq.0.c.weight", "layers.1.blocks.0.attn.attention_biases"] {
        let values = &gradients.tensors[&format!("image_encoder.{name}")].values;
        assert!(values.iter().any(|&v| v != 0.0), "{name}");
    }
}

#[test]
fn an_optimizer_moves_the_scope_alone() {
    use burn::optim::{AdamConfig, GradientsParams};

    let device = device();
    let mut sam = SamConfig::small(32, 8, 32, 2).init(&device, 2).unwrap();
    let before = weights::state_dict(&sam);
    let pixels: Vec<u8> = (0..3 * 32 * 32).map(|i| (i * 7919 % 251) as u8).collect();
    let prompts = [PromptInput::from_box([2.0, 3.0, 20.0, 25.0])];
    sam = sam.training(&Trainable::Hq);
    let features = sam.encode_image(sam.preprocess(&pixels, 1, &device).unwrap());
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut losses = Vec::new();
    for _ in 0..4 {
        let value = loss(&sam, &features, &prompts);
        losses.push(value.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(value.backward(), &sam);
        sam = optimizer.step(1e-3, sam, gradients);
    }
    assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");
    let after = weights::state_dict(&sam.frozen());
    for (name, tensor) in &before.tensors {
        assert_eq!(*tensor != after.tensors[name], Trainable::Hq.contains(name), "{name}");
    }
}
