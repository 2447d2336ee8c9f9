//! AdamW, clipped gradients and learning rates against PyTorch's, on the golden cases of them.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use maskwright_train::optimizer::{
    GradientSum, Optimizer, OptimizerConfig, OptimizerKind, StepGradients,
};
use maskwright_train::schedule::{RunStep, ScheduleConfig};
use safetensors::{Dtype, SafeTensors};

/// A tensor's shape and values.
pub(crate) fn floats(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let values = view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
    (view.shape().to_vec(), values.collect())
}

/// A value of the metadata.
fn value(bytes: &[u8], key: &str) -> serde_json::Value {
    let (_, header) = SafeTensors::read_metadata(bytes).expect("a header");
    let metadata = header.metadata().as_ref().expect("metadata");
    serde_json::from_str(&metadata[key]).expect("JSON")
}

/// A number of the metadata.
pub(crate) fn number(bytes: &[u8], key: &str) -> f64 {
    value(bytes, key).as_f64().unwrap_or_else(|| panic!("{key} is no number"))
}

fn case(name: &str) -> Vec<u8> {
    let folder = crate::own("maskwright-train", "learning");
    std::fs::read(folder.join(name)).expect("a case")
}

#[derive(Module, Debug)]
struct Model {
    image_encoder: Encoder,
    mask_decoder: Decoder,
}

#[derive(Module, Debug)]
struct Encoder {
    pos_embed: Param<Tensor<4>>,
    patch_embed: Patches,
    blocks: Vec<Block>,
}

#[derive(Module, Debug)]
struct Patches {
    proj: Weight<2>,
}

#[derive(Module, Debug)]
struct Block {
    norm1: Weight<1>,
    mlp: Weight<2>,
}

#[derive(Module, Debug)]
struct Decoder {
    hf_token: Weight<2>,
    mlp: Layer,
}

#[derive(Module, Debug)]
struct Weight<const D: usize> {
    weight: Param<Tensor<D>>,
}

#[derive(Module, Debug)]
struct Layer {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

/// The model of a case with the values that begin with `prefix`.
fn model(file: &SafeTensors<'_>, prefix: &str, device: &Device) -> Model {
    fn tensor<const D: usize>(
        file: &SafeTensors<'_>,
        name: &str,
        device: &Device,
    ) -> Param<Tensor<D>> {
        let (shape, values) = floats(file, name);
        let shape: [usize; D] = shape.try_into().expect("as many axes");
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
    }
    let named = |name: &str| format!("{prefix}.{name}");
    let block = |index: usize| Block {
        norm1: Weight {
            weight: tensor(
                file,
                &named(&format!("image_encoder.blocks.{index}.norm1.weight")),
                device,
            ),
        },
        mlp: Weight {
            weight: tensor(
                file,
                &named(&format!("image_encoder.blocks.{index}.mlp.weight")),
                device,
            ),
        },
    };
    Model {
        image_encoder: Encoder {
            pos_embed: tensor(file, &named("image_encoder.pos_embed"), device),
            patch_embed: Patches {
                proj: Weight {
                    weight: tensor(file, &named("image_encoder.patch_embed.proj.weight"), device),
                },
            },
            blocks: vec![block(0), block(1)],
        },
        mask_decoder: Decoder {
            hf_token: Weight {
                weight: tensor(file, &named("mask_decoder.hf_token.weight"), device),
            },
            mlp: Layer {
                weight: tensor(file, &named("mask_decoder.mlp.weight"), device),
                bias: tensor(file, &named("mask_decoder.mlp.bias"), device),
            },
        },
    }
}

/// Every parameter's values, in one order.
fn values(model: &Model) -> Vec<Vec<f32>> {
    let encoder = &model.image_encoder;
    let of_blocks = encoder
        .blocks
        .iter()
        .flat_map(|block| [flat(&block.norm1.weight), flat(&block.mlp.weight)]);
    let mut all = vec![flat(&encoder.pos_embed), flat(&encoder.patch_embed.proj.weight)];
    all.extend(of_blocks);
    let decoder = &model.mask_decoder;
    all.extend([
        flat(&decoder.hf_token.weight),
        flat(&decoder.mlp.weight),
        flat(&decoder.mlp.bias),
    ]);
    all
}

fn flat<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
    param.val().into_data().iter::<f32>().collect()
}

/// The gradients that this step has: of the sum of all parameters, each times its gradient.
fn gradients(model: &Model, wanted: &Model) -> burn::tensor::Gradients {
    fn term<const D: usize>(param: &Param<Tensor<D>>, times: &Param<Tensor<D>>) -> Tensor<1> {
        (param.val() * times.val()).sum()
    }
    let (encoder, times) = (&model.image_encoder, &wanted.image_encoder);
    let mut sum = term(&encoder.pos_embed, &times.pos_embed)
        + term(&encoder.patch_embed.proj.weight, &times.patch_embed.proj.weight);
    for (block, times) in encoder.blocks.iter().zip(&times.blocks) {
        sum = sum + term(&block.norm1.weight, &times.norm1.weight);
        sum = sum + term(&block.mlp.weight, &times.mlp.weight);
    }
    let (decoder, times) = (&model.mask_decoder, &wanted.mask_decoder);
    sum = sum + term(&decoder.hf_token.weight, &times.hf_token.weight);
    sum = sum + term(&decoder.mlp.weight, &times.mlp.weight);
    (sum + term(&decoder.mlp.bias, &times.mlp.bias)).backward()
}

#[test]
fn updates_match_pytorch() {
    for name in ["adamw_0.safetensors", "adamw_1.safetensors"] {
        let bytes = case(name);
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let plain = crate::device();
        let device = plain.clone().autodiff();
        let config = OptimizerConfig {
            kind: OptimizerKind::AdamW,
            learning_rate: number(&bytes, "rate"),
            weight_decay: number(&bytes, "weight_decay"),
            layer_decay: number(&bytes, "layer_decay"),
            clip_norm: value(&bytes, "clip_norm").as_f64(),
        };
        config.validate().expect("right");
        let norms = value(&bytes, "norms");
        let mut adam = Optimizer::new(&config);
        let mut found = model(&file, "start", &device);
        for step in 0..number(&bytes, "steps") as usize {
            let drawn = model(&file, &format!("grad{step}"), &plain);
            let mut gradients = StepGradients::from(gradients(&found, &drawn));
            if let Some(largest) = config.clip_norm {
                let norm = gradients.norm(&found);
                let wanted = norms[step].as_f64().expect("a number");
                assert!((norm / wanted - 1.0).abs() < 1e-6, "{name}: norm {norm} for {wanted}");
                gradients.clip(norm, largest);
            }
            found = adam.update(found, gradients, config.learning_rate);
            let wanted = values(&model(&file, &format!("after{step}"), &plain));
            for (place, (found, wanted)) in values(&found).iter().zip(&wanted).enumerate() {
                for (found, wanted) in found.iter().zip(wanted) {
                    let near = (found - wanted).abs() < 2e-6 * (1.0 + wanted.abs());
                    assert!(near, "{name}, step {step}, parameter {place}: {found} for {wanted}");
                }
            }
            // The state travels as bytes and goes on as if nothing had happened.
            let state = adam.to_bytes(&found, "state".as_ref()).expect("written");
            adam = Optimizer::from_bytes(&config, &state, "state".as_ref(), &found, &plain)
                .expect("read");
        }
    }
}

#[test]
fn without_decay_adamw_is_adam_to_the_last_bit() {
    let bytes = case("adamw_0.safetensors");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let plain = crate::device();
    let moved = |kind| {
        let config = OptimizerConfig { kind, ..OptimizerConfig::default() };
        let mut optimizer = Optimizer::new(&config);
        let mut found = model(&file, "start", &plain.clone().autodiff());
        for step in 0..2 {
            let drawn = model(&file, &format!("grad{step}"), &plain);
            let gradients = gradients(&found, &drawn);
            found = optimizer.update(found, gradients, 0.1);
        }
        values(&found)
    };
    assert_eq!(moved(OptimizerKind::Adam), moved(OptimizerKind::AdamW));
}

#[test]
fn a_sum_of_gradients_is_their_weighted_mean_and_travels_as_bytes() {
    let bytes = case("adamw_0.safetensors");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let plain = crate::device();
    let start = model(&file, "start", &plain.clone().autodiff());
    let drawn: Vec<Model> =
        (0..3).map(|step| model(&file, &format!("grad{step}"), &plain)).collect();
    let weights = [2.0, 1.0, 1.0];
    let mut sum = GradientSum::default();
    assert!(sum.is_empty() && sum.take_mean().is_none());
    for (drawn, weight) in drawn.iter().zip(weights) {
        sum.add(&start, gradients(&start, drawn), weight);
        let written = sum.to_bytes(&start, "sum".as_ref()).expect("written");
        sum = GradientSum::from_bytes(&written, "sum".as_ref(), &start, &plain).expect("read");
        let written_again = sum.to_bytes(&start, "sum".as_ref()).expect("written");
        // Metadata are written in any order; the arrays stand behind them.
        assert_eq!(written.len(), written_again.len());
    }
    let mean = sum.take_mean().expect("three were added");
    assert!(sum.is_empty());
    let squares: f64 = (0..values(&drawn[0]).len())
        .flat_map(|place| {
            let of = |step: usize| values(&drawn[step])[place].clone();
            let (first, second, third) = (of(0), of(1), of(2));
            (0..first.len())
                .map(move |at| f64::from((first[at] * 2.0 + second[at] + third[at]) / 4.0).powi(2))
        })
        .sum();
    assert!((mean.norm(&start) / squares.sqrt() - 1.0).abs() < 1e-6);
    let refusal = GradientSum::from_bytes(b"{}", "sum".as_ref(), &start, &plain);
    assert!(refusal.expect_err("no sum").to_string().contains("the gathered gradients"));
}

#[test]
fn rates_match_pytorch() {
    let bytes = case("rates.safetensors");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let of = |key| number(&bytes, key) as usize;
    let (epochs, steps_per_epoch) = (of("epochs"), of("steps_per_epoch"));
    for (name, view) in file.tensors() {
        let (kind, warmup) = name.split_once('_').expect("RULE_WARMUP");
        let schedule = ScheduleConfig {
            kind: kind.parse().expect("a rule"),
            drop_every_epochs: of("drop_every_epochs"),
            warmup_steps: warmup.parse().expect("a number"),
        };
        let wanted = view.data().as_chunks::<8>().0.iter().map(|eight| f64::from_le_bytes(*eight));
        assert_eq!(view.shape(), [epochs * steps_per_epoch]);
        for (update, wanted) in wanted.enumerate() {
            let (epoch, step) = (update / steps_per_epoch, update % steps_per_epoch);
            let at = RunStep { epoch, step, steps_per_epoch, epochs };
            let found = schedule.rate(number(&bytes, "rate"), at);
            assert!((found - wanted).abs() < 1e-12, "{name}, {update}: {found} for {wanted}");
        }
    }
}
