//! Exported graphs, run by another runtime (rten), give the numbers of the model they were made of.

mod common;

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use maskwright_model::onnx::{ExportOptions, Masks, export};
use maskwright_model::weights::{self, Checkpoint, LoadOptions};
use maskwright_model::{
    DecodeMode, EncoderConfig, ImageFeatures, PromptInput, PromptPoint, Sam, SamConfig,
};
use rten::{Model, Value};

const TOLERANCE: f32 = 1e-4;

/// Axis lengths and values.
type Array = (Vec<usize>, Vec<f32>);

/// Seeded values in 0..1.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| next()).collect()
}

/// A model whose every tensor has values, also those that start as zeros and ones, which would hide
/// mistakes in them.
fn scattered(config: &SamConfig) -> Sam {
    let sam = config.init(&Device::flex(), 5).unwrap();
    let mut state = weights::state_dict(&sam);
    for (seed, (name, tensor)) in state.tensors.iter_mut().enumerate() {
        let random = noise(tensor.values.len(), seed as u32);
        for (value, noise) in tensor.values.iter_mut().zip(random) {
            match name.rsplit('.').next() {
                Some("num_batches_tracked") => {}
                Some("running_var") => *value = 0.5 + noise,
                _ => *value += 0.2 * (noise - 0.5),
            }
        }
    }
    weights::from_tensors(config, &state, 0, &Device::flex()).unwrap().sam
}

fn small_vit() -> SamConfig {
    let mut config = SamConfig::small(80, 16, 32, 3);
    config.decoder.iou_head_depth = 4;
    config.decoder.multimask = 3;
    if let EncoderConfig::Vit(vit) = &mut config.encoder {
        vit.window_size = 3;
        vit.global_blocks = vec![1, 2];
    }
    config
}

fn array<const D: usize>(tensor: Tensor<D>) -> Array {
    let shape = tensor.dims().to_vec();
    (shape, tensor.try_into_vec_as::<f32>().unwrap())
}

#[track_caller]
fn close(what: &str, found: &Array, expected: &Array) {
    assert_eq!(found.0, expected.0, "{what}: shape");
    let maximum = expected.1.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = found.1.iter().zip(&expected.1).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(maximum > 0.0 && worst <= TOLERANCE * maximum, "{what}: {worst} of {maximum}");
}

/// Runs a graph; every value is f32.
fn run<const N: usize>(model: &Model, inputs: &[(&str, &Array)], outputs: [&str; N]) -> [Array; N] {
    let inputs = inputs
        .iter()
        .map(|(name, (shape, values))| {
            let value = Value::from_shape(shape, values.clone()).unwrap();
            (model.node_id(name).unwrap(), value.into())
        })
        .collect();
    let names = outputs;
    let outputs = outputs.map(|name| model.node_id(name).unwrap());
    let values = model.run_n(inputs, outputs, None).unwrap();
    let mut names = names.into_iter();
    values.map(|value| {
        let name = names.next().unwrap();
        match name {
            "iou_predictions" => flat::<2>(value),
            "interm_embeddings" => flat::<5>(value),
            _ => flat::<4>(value),
        }
    })
}

fn flat<const N: usize>(value: Value) -> Array {
    let (shape, values) = value.into_shape_vec::<f32, N>().unwrap();
    (shape.to_vec(), values)
}

/// A model, its graphs, and two images that both have looked at.
struct Asked {
    sam: Sam,
    decoder: Model,
    features: ImageFeatures,
    embeddings: Array,
    interm: Option<Array>,
}

impl Asked {
    /// Exports, and compares the embeddings.
    fn new(sam: Sam, folder: &Path, options: &ExportOptions) -> Self {
        let hq = options.masks != Some(Masks::Sam);
        let checkpoint = Checkpoint::of(&sam);
        let exported =
            export(&checkpoint, &folder.join("model.onnx"), options, &mut |_, _| {}).unwrap();
        let [encoder, decoder] =
            [0, 1].map(|part| Model::load_file(&exported.files[part]).unwrap());
        let side = sam.config().image_size;
        let pixels: Vec<u8> =
            noise(2 * 3 * side * side, 99).into_iter().map(|v| (v * 255.0) as u8).collect();
        let device = Device::flex();
        let features = sam.encode_image(sam.preprocess(&pixels, 2, &device).unwrap());
        let floats = pixels.into_iter().map(f32::from).collect();
        let pixels = (vec![2, 3, side, side], floats);
        let expected = array(features.embedding.clone().permute([0, 3, 1, 2]));
        let (embeddings, interm) = if hq {
            let names = ["image_embeddings", "interm_embeddings"];
            let [embeddings, interm] = run(&encoder, &[("pixels", &pixels)], names);
            let first = array(features.early.clone());
            let level = first.1.len();
            assert_eq!(interm.0[1..], first.0);
            assert_eq!(interm.1.len(), interm.0[0] * level);
            close("interm", &(first.0.clone(), interm.1[..level].to_vec()), &first);
            (embeddings, Some(interm))
        } else {
            let [embeddings] = run(&encoder, &[("pixels", &pixels)], ["image_embeddings"]);
            (embeddings, None)
        };
        close("embedding", &embeddings, &expected);
        Self { sam, decoder, features, embeddings, interm }
    }

    /// What the decoder's graph says to prompts of equal length, on these images.
    fn graph(&self, prompts: &[PromptInput], images: &[usize], size: [usize; 2]) -> [Array; 3] {
        let (mut coords, mut labels) = (Vec::new(), Vec::new());
        for prompt in prompts {
            for &PromptPoint { x, y, label } in &prompt.points {
                coords.extend([x, y]);
                labels.push(label as f32);
            }
            if let Some([x0, y0, x1, y1]) = prompt.box_xyxy {
                coords.extend([x0, y0, x1, y1]);
                labels.extend([2.0, 3.0]);
            } else if !prompt.points.is_empty() {
                coords.extend([0.0, 0.0]);
                labels.push(-1.0);
            }
        }
        let (count, points) = (prompts.len(), labels.len() / prompts.len());
        let side = self.sam.config().mask_size();
        let blank = vec![7.0; side * side];
        let masks: Vec<f32> =
            prompts.iter().flat_map(|p| p.mask.as_deref().unwrap_or(&blank)).copied().collect();
        let flags = prompts.iter().map(|p| f32::from(u8::from(p.mask.is_some()))).collect();
        let pick = |(shape, values): &Array, axis: usize| {
            let before: usize = shape[..axis].iter().product();
            let after: usize = shape[axis + 1..].iter().product();
            let mut picked = Vec::new();
            for row in 0..before {
                for image in images {
                    picked
                        .extend_from_slice(&values[(row * shape[axis] + image) * after..][..after]);
                }
            }
            let mut shape = shape.clone();
            shape[axis] = images.len();
            (shape, picked)
        };
        let embeddings = pick(&self.embeddings, 0);
        let interm = self.interm.as_ref().map(|interm| pick(interm, 1));
        let (coords, labels) = ((vec![count, points, 2], coords), (vec![count, points], labels));
        let (masks, flags) = ((vec![count, 1, side, side], masks), (vec![count], flags));
        let size = (vec![2], size.map(|v| v as f32).to_vec());
        let mut inputs = vec![
            ("image_embeddings", &embeddings),
            ("point_coords", &coords),
            ("point_labels", &labels),
            ("mask_input", &masks),
            ("has_mask_input", &flags),
            ("orig_im_size", &size),
        ];
        inputs.extend(interm.as_ref().map(|interm| ("interm_embeddings", interm)));
        run(&self.decoder, &inputs, ["masks", "iou_predictions", "low_res_masks"])
    }

    /// What the model itself says.
    fn model(
        &self,
        prompts: &[PromptInput],
        images: &[usize],
        [height, width]: [usize; 2],
        (masks, multimask): (Masks, bool),
    ) -> [Array; 3] {
        let mode = match masks {
            Masks::Sam => DecodeMode::Sam { multimask },
            Masks::Hq | Masks::SamHq => DecodeMode::Both { multimask },
        };
        // One image for all prompts, or one for each.
        let image_of: Vec<usize> =
            (0..prompts.len()).map(|i| images[i.min(images.len() - 1)]).collect();
        let output = self.sam.predict(&self.features, prompts, &image_of, mode).unwrap();
        let output = if masks == Masks::Sam { output } else { output.best() };
        let low = match masks {
            Masks::Sam => output.sam.clone(),
            Masks::Hq => output.hq.clone(),
            Masks::SamHq => output.logits(),
        };
        let low = low.unwrap();
        let side = self.sam.config().image_size as f32;
        let scale = side / height.max(width) as f32;
        let shown = [height, width].map(|v| (v as f32 * scale + 0.5) as usize);
        let full = self.sam.postprocess_masks(low.clone(), shown, [height, width]);
        [array(full), array(output.iou.unwrap()), array(low)]
    }
}

/// Every kind of prompt and their combinations.
fn prompts(sam: &Sam) -> Vec<(&'static str, PromptInput)> {
    let side = sam.config().mask_size();
    let mask: Arc<[f32]> = noise(side * side, 3).into_iter().map(|v| 8.0 * v - 4.0).collect();
    let corners = Some([10.0, 7.5, 60.0, 71.0]);
    let points = [(30.0, 41.5, 1), (3.0, 70.0, 0), (0.0, 0.0, -1)]
        .map(|(x, y, l)| PromptPoint::new(x, y, l));
    let prompt = |points: &[PromptPoint], box_xyxy, mask: Option<&Arc<[f32]>>| PromptInput {
        points: points.to_vec(),
        box_xyxy,
        mask: mask.cloned(),
    };
    vec![
        ("box", prompt(&[], corners, None)),
        ("point", prompt(&points[..1], None, None)),
        ("points", prompt(&points, None, None)),
        ("mask", prompt(&[], None, Some(&mask))),
        ("box + points", prompt(&points, corners, None)),
        ("box + mask", prompt(&[], corners, Some(&mask))),
        ("points + mask", prompt(&points, None, Some(&mask))),
        ("all", prompt(&points[..2], corners, Some(&mask))),
    ]
}

fn hold(sam: Sam, modes: &[(Masks, bool)]) {
    let folder = tempfile::tempdir().unwrap();
    for &(masks, multimask) in modes {
        let options = ExportOptions { masks: Some(masks), multimask, ..Default::default() };
        let asked = Asked::new(sam.clone(), folder.path(), &options);
        let all = prompts(&sam);
        for (number, (name, prompt)) in all.iter().enumerate() {
            let size = [[53, 90], [121, 64], [17, 17]][number % 3];
            let image = [number % 2];
            let one = std::slice::from_ref(prompt);
            let found = asked.graph(one, &image, size);
            let expected = asked.model(one, &image, size, (masks, multimask));
            for (what, (found, expected)) in
                ["masks", "IoU", "low_res_masks"].into_iter().zip(found.iter().zip(&expected))
            {
                close(&format!("{masks:?} {multimask} {name} {what}"), found, expected);
            }
        }
        // Several at once: of one image, and one of each.
        let two = [all[0].1.clone(), all[5].1.clone()];
        for images in [vec![1], vec![1, 0]] {
            let found = asked.graph(&two, &images, [40, 80]);
            let expected = asked.model(&two, &images, [40, 80], (masks, multimask));
            for (found, expected) in found.iter().zip(&expected) {
                close(&format!("{masks:?} {multimask} two of {images:?}"), found, expected);
            }
        }
    }
}

#[test]
fn a_vit_gives_its_own_numbers() {
    let modes = [
        (Masks::SamHq, false),
        (Masks::SamHq, true),
        (Masks::Hq, false),
        (Masks::Hq, true),
        (Masks::Sam, false),
        (Masks::Sam, true),
    ];
    hold(scattered(&small_vit()), &modes);
}

#[test]
fn a_tiny_vit_gives_its_own_numbers() {
    hold(scattered(&common::tiny_vit().with_image_size(80)), &[(Masks::SamHq, true)]);
}

#[test]
fn a_plain_sam_gives_its_own_numbers() {
    hold(scattered(&small_vit().with_hq(false)), &[(Masks::Sam, true)]);
}

/// The golden models, at their own size and at one they were not made for.
#[test]
fn the_golden_models_give_their_own_numbers() {
    for folder in common::golden::folders() {
        let file = folder.join("small_sam_hq.safetensors");
        for image_size in [None, Some(96)] {
            let options = LoadOptions { image_size, ..LoadOptions::default() };
            let loaded = weights::load(&file, &options, &Device::flex()).unwrap();
            hold(loaded.sam, &[(Masks::SamHq, false)]);
        }
    }
}
