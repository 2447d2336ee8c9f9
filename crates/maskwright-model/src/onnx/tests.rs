//! The files as messages: what a checker of ONNX looks at, held strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::tensor::Device;
use prost::Message;

use super::proto::{DataLocation, DataType, GraphProto, ModelProto, TensorProto};
use super::{ExportOptions, Exported, Masks};
use crate::config::SamConfig;
use crate::error::Result;
use crate::image_encoder::EncoderConfig;
use crate::weights::{self, Checkpoint, Element};

/// A small model of each encoder, sizes that are nobody's defaults.
fn configs() -> [SamConfig; 2] {
    let mut vit = SamConfig::small(64, 16, 32, 3);
    vit.decoder.iou_head_depth = 4;
    vit.decoder.multimask = 2;
    if let EncoderConfig::Vit(vit) = &mut vit.encoder {
        vit.window_size = 3;
    }
    let mut tiny = SamConfig::vit_tiny().with_image_size(96);
    if let EncoderConfig::TinyVit(tiny) = &mut tiny.encoder {
        tiny.embed_dims = [8, 16, 24, 32];
        tiny.depths = [1, 1, 2, 1];
        tiny.heads = [2, 2, 2];
        tiny.windows = [3, 4, 2];
        tiny.classes = 3;
    }
    tiny.prompt_dim = 64;
    [vit, tiny]
}

fn checkpoint(config: &SamConfig) -> Checkpoint {
    Checkpoint::of(&config.init(&Device::flex(), 3).unwrap())
}

/// Exports; what is told on the way ends with all bytes.
fn export(checkpoint: &Checkpoint, path: &Path, options: &ExportOptions) -> Result<Exported> {
    let mut told = Vec::new();
    let exported =
        super::export(checkpoint, path, options, &mut |done, total| told.push((done, total)))?;
    let bytes = exported.written.bytes;
    assert_eq!(told.len(), exported.written.tensors);
    assert!(told.is_sorted() && told.last() == Some(&(bytes, bytes)));
    Ok(exported)
}

fn read(path: &Path) -> ModelProto {
    ModelProto::decode(std::fs::read(path).unwrap().as_slice()).unwrap()
}

/// A tensor's bytes, wherever they lie.
fn values(tensor: &TensorProto, file: &Path) -> Vec<u8> {
    if tensor.data_location != Some(DataLocation::External as i32) {
        return tensor.raw_data.clone().unwrap();
    }
    let entry = |key: &str| {
        let found = tensor.external_data.iter().find(|e| e.key.as_deref() == Some(key)).unwrap();
        found.value.clone().unwrap()
    };
    let bytes = std::fs::read(file.with_file_name(entry("location"))).unwrap();
    let (offset, length): (usize, usize) =
        (entry("offset").parse().unwrap(), entry("length").parse().unwrap());
    assert_eq!(offset % 4096, 0);
    bytes[offset..offset + length].to_vec()
}

/// Every name is defined once and before it is used, everything that is defined is used, and every
/// constant's bytes fill its shape.
fn hold(graph: &GraphProto, file: &Path) {
    let mut defined = BTreeSet::new();
    let mut used = BTreeSet::new();
    let mut define = |name: &str| assert!(defined.insert(name.to_owned()), "{name} comes twice");
    for input in &graph.input {
        define(input.name());
    }
    for tensor in &graph.initializer {
        define(tensor.name());
        let size = match tensor.data_type() {
            DataType::Float => 4,
            DataType::Int64 => 8,
            DataType::Float16 | DataType::Bfloat16 => 2,
            DataType::Undefined => panic!("{}: no type", tensor.name()),
        };
        let count: i64 = tensor.dims.iter().product();
        assert_eq!(values(tensor, file).len() as i64, count * size, "{}", tensor.name());
    }
    let mut names = BTreeSet::new();
    for node in &graph.node {
        assert!(names.insert(node.name()), "node {} comes twice", node.name());
        assert!(!defined.contains(node.name()), "{} is a node and a value", node.name());
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            assert!(defined.contains(input), "{} takes {input}, which is not there", node.name());
            used.insert(input.clone());
        }
        assert!(!node.output.is_empty());
        for output in &node.output {
            assert!(defined.insert(output.clone()), "{output} comes twice");
        }
    }
    for output in &graph.output {
        assert!(defined.contains(output.name()), "{} is not there", output.name());
        used.insert(output.name().to_owned());
    }
    let idle: Vec<&String> = defined.difference(&used).collect();
    assert!(idle.is_empty(), "nobody uses {idle:?}");
}

/// The tensors that carry a checkpoint's names.
fn official(exported: &Exported) -> BTreeMap<String, (TensorProto, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for file in &exported.files[..2] {
        let graph = read(file).graph.unwrap();
        for tensor in graph.initializer {
            if !tensor.name().starts_with("constant_") {
                let bytes = values(&tensor, file);
                let twice = found.insert(tensor.name().to_owned(), (tensor, bytes));
                assert!(twice.is_none());
            }
        }
    }
    found
}

#[test]
fn graphs_are_whole_and_hold_every_tensor_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (number, config) in configs().into_iter().enumerate() {
        let checkpoint = checkpoint(&config);
        let path = folder.path().join(format!("model{number}.onnx"));
        let options =
            ExportOptions { multimask: true, masks: Some(Masks::SamHq), ..Default::default() };
        let exported = export(&checkpoint, &path, &options).unwrap();
        assert_eq!(exported.files.len(), 2);
        for (file, part) in exported.files.iter().zip(["encoder", "decoder"]) {
            assert_eq!(file, &folder.path().join(format!("model{number}.{part}.onnx")));
            let model = read(file);
            assert_eq!((model.ir_version, model.opset_import[0].version), (Some(8), Some(17)));
            let config_there = model.metadata_props.iter().find(|e| e.key() == weights::CONFIG_KEY);
            let there: SamConfig = serde_json::from_str(config_there.unwrap().value()).unwrap();
            assert_eq!(there, config);
            hold(&model.graph.unwrap(), file);
        }
        let found = official(&exported);
        assert_eq!(found.len(), exported.written.tensors);
        for name in checkpoint.names() {
            // Of the ambiguous masks the single one is none, and TinyViT's classifier is not used.
            let idle = name.ends_with("num_batches_tracked")
                || name.starts_with("image_encoder.head.")
                || name.starts_with("image_encoder.norm_head.")
                || name.starts_with("mask_decoder.output_hypernetworks_mlps.0.");
            assert_eq!(found.contains_key(name), !idle, "{name}");
            if let Some((tensor, bytes)) = found.get(name) {
                let shape: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
                assert_eq!(Some(shape.as_slice()), checkpoint.shape(name), "{name}");
                assert!(*bytes == checkpoint.bytes(name).unwrap(), "{name}");
            }
        }
    }
}

#[test]
fn a_small_limit_sends_values_to_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let [config, _] = configs();
    let checkpoint = checkpoint(&config);
    let path = folder.path().join("a.onnx");
    let inside = export(&checkpoint, &path, &ExportOptions::default()).unwrap();
    let inside = official(&inside);
    let options = ExportOptions { most_inside: 10_000, ..Default::default() };
    let outside = export(&checkpoint, &path, &options).unwrap();
    let names: Vec<_> = outside.files.iter().map(|f| f.file_name().unwrap()).collect();
    let expected =
        ["a.encoder.onnx", "a.decoder.onnx", "a.encoder.onnx.data", "a.decoder.onnx.data"];
    assert_eq!(names, expected);
    assert_eq!(outside.files, super::files(&path));
    for file in &outside.files[..2] {
        hold(&read(file).graph.unwrap(), file);
        assert!(std::fs::metadata(file).unwrap().len() < 200_000);
    }
    let outside = official(&outside);
    let bytes = |found: &BTreeMap<String, (TensorProto, Vec<u8>)>| -> Vec<Vec<u8>> {
        found.values().map(|(_, bytes)| bytes.clone()).collect()
    };
    assert!(bytes(&inside) == bytes(&outside));
    // A later export that needs none leaves none.
    let again = export(&checkpoint, &path, &ExportOptions::default()).unwrap();
    assert_eq!(again.files.len(), 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn number_types_stay_and_are_widened_in_the_graph() {
    let folder = tempfile::tempdir().unwrap();
    let [config, _] = configs();
    for (element, data_type) in [
        (Element::F16, DataType::Float16),
        (Element::Bf16, DataType::Bfloat16),
        // No operator takes doubles beside floats.
        (Element::F64, DataType::Float),
    ] {
        let narrow = checkpoint(&config).to_element(element);
        let path = folder.path().join(format!("{element}.onnx"));
        let exported = export(&narrow, &path, &ExportOptions::default()).unwrap();
        for (name, (tensor, _)) in official(&exported) {
            assert_eq!(tensor.data_type(), data_type, "{name}");
        }
        for file in &exported.files {
            let graph = read(file).graph.unwrap();
            hold(&graph, file);
            let casts = graph.node.iter().filter(|n| n.op_type() == "Cast").count();
            assert_eq!(casts > 10, data_type != DataType::Float);
        }
    }
}

#[test]
fn positions_are_brought_to_another_input_size() {
    let folder = tempfile::tempdir().unwrap();
    let [config, _] = configs();
    let checkpoint = checkpoint(&config);
    let options = ExportOptions { image_size: Some(96), ..Default::default() };
    let exported = export(&checkpoint, &folder.path().join("a.onnx"), &options).unwrap();
    let found = official(&exported);
    assert_eq!(found["image_encoder.pos_embed"].0.dims, [1, 6, 6, 32]);
    assert_eq!(found["image_encoder.blocks.1.attn.rel_pos_h"].0.dims[0], 11);
    assert_eq!(found["image_encoder.blocks.0.attn.rel_pos_h"].0.dims[0], 5);
    let input = &read(&exported.files[0]).graph.unwrap().input[0];
    let axes = &input.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().shape;
    assert_eq!(axes.as_ref().unwrap().dim[2].dim_value, Some(96));
}

#[test]
fn what_cannot_be_exported_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    let [config, _] = configs();
    let whole = checkpoint(&config);
    let says = |checkpoint: &Checkpoint, options: &ExportOptions| {
        let refusal = export(checkpoint, &path, options).unwrap_err().to_string();
        refusal.replace(&folder.path().display().to_string(), "FOLDER")
    };
    let default = ExportOptions::default();
    let decoder = weights::decoder_of(whole.clone());
    let mut refusals = vec![says(&decoder, &default)];
    let mut partial = whole.clone();
    partial.retain(|name| name != "prompt_encoder.no_mask_embed.weight");
    refusals.push(says(&partial, &default));
    let odd = ExportOptions { image_size: Some(100), ..Default::default() };
    refusals.push(says(&whole, &odd));
    let sam = checkpoint(&config.with_hq(false));
    let hq = ExportOptions { masks: Some(Masks::Hq), ..Default::default() };
    refusals.push(says(&sam, &hq));
    insta::assert_snapshot!(refusals.join("\n"), @"
        cannot tell the model from the checkpoint: expected a whole SAM, found a mask decoder alone (141 tensors), which goes over a SAM: as model.restore_model beside model.checkpoint, or merged with it into one checkpoint
        the checkpoint does not fit the model: 1 missing (prompt_encoder.no_mask_embed.weight)
        model configuration: image_size = 100: must be a positive multiple of patch_size (16)
        the model has no HQ head (hf_token and its features): load or initialise one first
        ");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(export(&sam, &folder.path().join("no/a.onnx"), &default).is_err());
}
