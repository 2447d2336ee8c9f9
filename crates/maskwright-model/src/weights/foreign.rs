//! Which model of others a checkpoint holds, told by its names, where it is no SAM that is read here.

use std::collections::BTreeMap;

use super::tensor_shapes::TensorShapes;

/// What a checkpoint without a SAM holds: some of its names, and the model, if it is known by them.
pub(super) fn described(shapes: &TensorShapes) -> String {
    let names = sample(&shapes.0);
    let total = match shapes.0.len() {
        1 => "1 tensor".to_owned(),
        total => format!("{total} tensors"),
    };
    match model(shapes) {
        Some(model) if model.starts_with("a low-rank") => {
            format!("names like {names}: this is {model}, no model by itself")
        }
        Some(model) => format!("names like {names}: this is {model}; not supported yet"),
        None => format!("names like {names} ({total}), which no SAM has"),
    }
}

/// The model, if it is known by its names.
pub(super) fn model(shapes: &TensorShapes) -> Option<String> {
    let any = |part: &str| shapes.0.keys().any(|name| name.contains(part));
    let starts = |prefix: &str| shapes.0.keys().any(|name| name.starts_with(prefix));
    let all = |prefix: &str| shapes.0.keys().all(|name| name.starts_with(prefix));
    if starts("image_encoder.trunk.blocks.") {
        return Some(sam_2(shapes));
    }
    let known: [(bool, &str); 18] = [
        (any("vision_backbone.trunk.") || starts("detector_model."), "SAM 3"),
        (any("vision_encoder.backbone.blocks."), "SAM 2 in transformers' layout"),
        (starts("w_a_0"), "a low-rank adapter (LoRA) of SAMed"),
        (any(".lora_A."), "a low-rank adapter (LoRA) of PEFT"),
        (any("final_output_upscaling_layers."), "EfficientSAM"),
        (starts("image_encoder.backbone.input_stem."), "EfficientViT-SAM"),
        (
            starts("image_encoder.features.") || starts("image_encoder.stages."),
            "EdgeSAM or RepViT-SAM",
        ),
        (any("MLP_Adapter.") || any("Space_Adapter."), "Medical SAM Adapter"),
        (any("22.proto.") || any("23.proto."), "FastSAM or YOLO"),
        (starts("model.0.conv.") || starts("0.conv.weight"), "YOLO"),
        (
            starts("visual.transformer.") || starts("visual.conv1") || starts("vision_model."),
            "CLIP",
        ),
        (starts("backbone.body."), "a detector of torchvision"),
        (any("backbone.bottom_up."), "a model of Detectron2"),
        (any("ls1.gamma") && any("patch_embed."), "DINOv2"),
        (starts("decoder_embed."), "a masked autoencoder (MAE)"),
        (starts("blocks.0.attn.qkv.") && any("cls_token"), "a plain ViT, as timm names it"),
        (starts("encoder.layers.encoder_layer_0."), "a ViT of torchvision"),
        (starts("layer1.0.conv1.") && starts("conv1."), "a ResNet"),
    ];
    let classifier = || {
        (starts("features.0") && starts("classifier."))
            .then(|| "a classifier of torchvision".to_owned())
    };
    let head = || all("head.").then(|| "a head alone".to_owned());
    let found = known.into_iter().find(|(is, _)| *is).map(|(_, name)| name.to_owned());
    found.or_else(classifier).or_else(head)
}

/// Which SAM 2, from the blocks of its Hiera; the later one has an embedding for objects without a place.
fn sam_2(shapes: &TensorShapes) -> String {
    const SIZES: [(usize, usize, &str); 4] =
        [(12, 96, "tiny"), (16, 96, "small"), (24, 112, "base-plus"), (48, 144, "large")];
    let depth = shapes.count("image_encoder.trunk.blocks.");
    let width = shapes
        .axis("image_encoder.trunk.patch_embed.proj.weight", 0)
        .or_else(|| shapes.axis("image_encoder.trunk.blocks.0.norm1.weight", 0));
    let version = if shapes.has("no_obj_embed_spatial") { "SAM 2.1" } else { "SAM 2" };
    let size = SIZES.iter().find(|(d, w, _)| *d == depth && width.is_none_or(|width| width == *w));
    size.map_or_else(|| version.to_owned(), |(_, _, size)| format!("{version} {size}"))
}

/// Two names: the first one, and the first of another part.
fn sample(shapes: &BTreeMap<String, Vec<usize>>) -> String {
    let part = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let mut names = shapes.keys();
    let Some(first) = names.next() else { return "none".to_owned() };
    match names.find(|name| part(name) != part(first)) {
        Some(other) => format!("`{first}` and `{other}`"),
        None => format!("`{first}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(names: &[(&str, &[usize])]) -> TensorShapes {
        TensorShapes(names.iter().map(|(n, shape)| ((*n).to_owned(), shape.to_vec())).collect())
    }

    #[test]
    fn models_of_others_are_known_by_their_names() {
        let mut texts = Vec::new();
        for (depth, width) in [(12, 96), (16, 96), (24, 112), (48, 144), (7, 32)] {
            for later in [false, true] {
                let mut found =
                    shapes(&[("image_encoder.trunk.patch_embed.proj.weight", &[width, 3, 7, 7])]);
                for block in 0..depth {
                    let name = format!("image_encoder.trunk.blocks.{block}.norm1.weight");
                    found.0.insert(name, vec![width]);
                }
                if later {
                    found.0.insert("no_obj_embed_spatial".to_owned(), vec![1, 64]);
                }
                texts.push(described(&found));
            }
        }
        for names in [
            &["detector.backbone.vision_backbone.trunk.blocks.0.norm1.weight", "tracker.a"][..],
            &["vision_encoder.backbone.blocks.0.attn.qkv.weight"],
            &[
                "image_encoder.blocks.0.norm1.weight",
                "mask_decoder.final_output_upscaling_layers.0.0.bias",
            ],
            &["model.0.conv.weight", "model.22.proto.cv1.conv.weight"],
            &["visual.conv1.weight", "transformer.resblocks.0.ln_1.bias"],
            &["backbone.body.conv1.weight", "rpn.head.cls_logits.bias"],
            &["blocks.0.attn.qkv.weight", "cls_token", "head.weight"],
            &["conv1.weight", "fc.weight", "layer1.0.conv1.weight"],
            &["encoder.weight"],
        ] {
            let named: Vec<(&str, &[usize])> = names.iter().map(|name| (*name, &[1][..])).collect();
            texts.push(described(&shapes(&named)));
        }
        insta::assert_snapshot!(texts.join("\n"), @"
            names like `image_encoder.trunk.blocks.0.norm1.weight`: this is SAM 2 tiny; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1 tiny; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight`: this is SAM 2 small; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1 small; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight`: this is SAM 2 base-plus; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1 base-plus; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight`: this is SAM 2 large; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1 large; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight`: this is SAM 2; not supported yet
            names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1; not supported yet
            names like `detector.backbone.vision_backbone.trunk.blocks.0.norm1.weight` and `tracker.a`: this is SAM 3; not supported yet
            names like `vision_encoder.backbone.blocks.0.attn.qkv.weight`: this is SAM 2 in transformers' layout; not supported yet
            names like `image_encoder.blocks.0.norm1.weight` and `mask_decoder.final_output_upscaling_layers.0.0.bias`: this is EfficientSAM; not supported yet
            names like `model.0.conv.weight`: this is FastSAM or YOLO; not supported yet
            names like `transformer.resblocks.0.ln_1.bias` and `visual.conv1.weight`: this is CLIP; not supported yet
            names like `backbone.body.conv1.weight` and `rpn.head.cls_logits.bias`: this is a detector of torchvision; not supported yet
            names like `blocks.0.attn.qkv.weight` and `cls_token`: this is a plain ViT, as timm names it; not supported yet
            names like `conv1.weight` and `fc.weight`: this is a ResNet; not supported yet
            names like `encoder.weight` (1 tensor), which no SAM has
            ");
    }
}
