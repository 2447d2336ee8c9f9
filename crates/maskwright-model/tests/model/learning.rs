//! What learns: gradients and the optimizer reach the scope and nothing else.

use crate::common::{device, loss};
use maskwright_model::weights;
use maskwright_model::{PromptInput, SamConfig, Trainable};

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
