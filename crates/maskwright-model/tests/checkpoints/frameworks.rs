//! Checkpoints as frameworks and training programs wrap them: the rows of the table in `docs/checkpoints.md`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use maskwright_model::weights::{
    self, Checkpoint, Container, LoadOptions, StateDict, StateTensor, Tensors,
};

use crate::common::tiny_vit;
use crate::support::{Place, config, contents, model, plain_config, refusal, without_folder};

fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(path).unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load_refusal(path: &Path) -> String {
    let refusal = weights::load(path, &LoadOptions::default(), &Device::flex()).unwrap_err();
    without_folder(&refusal, path)
}

/// Tensors of ones with these names and shapes, as a `.pth`.
fn file(place: &Place, name: &str, tensors: &[(&str, &[usize])]) -> PathBuf {
    let mut state = StateDict::default();
    for (name, shape) in tensors {
        let values = vec![1.0; shape.iter().product()];
        state.tensors.insert((*name).into(), StateTensor { shape: shape.to_vec(), values });
    }
    let there = place.join("there.safetensors");
    // Written without a wrapper: a `.pth` keeps names as they are.
    state.write(&there).unwrap();
    let path = place.join(name);
    std::fs::rename(there, &path).unwrap();
    path
}

#[test]
fn the_wrappers_of_frameworks_are_undone_in_both_kinds_of_file() {
    let place = Place::new();
    for config in [plain_config(), plain_config().with_hq(false), tiny_vit().with_hq(false)] {
        let mut whole = Checkpoint::of(&model(&config));
        whole.metadata.clear();
        let expected = contents(&whole);
        for (framework, prefix) in [
            ("Lightning", "state_dict.model."),
            ("Lightning around a compiled model", "state_dict.model._orig_mod."),
            ("Fabric", "model."),
            ("Fabric around DDP", "model._forward_module.module."),
            ("DDP", "module."),
            ("torch.compile", "_orig_mod."),
            ("torch.compile around DDP", "_orig_mod.module."),
            ("micro-sam", "model_state.sam."),
            ("MedSAM", "model."),
            ("HQ-SAM's trainer, nested", "net.module.sam."),
            ("averaged weights alone", "ema_state_dict.module."),
            ("timm's averaged weights", "state_dict_ema."),
        ] {
            let mut wrapped = whole.clone().rename(|name| Some(format!("{prefix}{name}")));
            // A loss, and an optimizer's moments, beside the model.
            let beside = Checkpoint::of(&model(&config)).rename(|name| {
                (name == "mask_decoder.iou_token.weight").then(|| "optimizer.0.exp_avg".to_owned())
            });
            wrapped.put_over(beside);
            for (container, name) in
                [(Container::Pth, "a.pth"), (Container::Safetensors, "a.safetensors")]
            {
                let path = place.join(name);
                wrapped.write(&path, container).unwrap();
                let read = open(&path);
                assert!(contents(&read) == expected, "{framework}: {name}");
                assert!(read.notes[0].contains("took what lies under"), "{:?}", read.notes);
                assert_eq!(weights::detect(&read).unwrap().hq, config.hq);
            }
        }
    }
}

#[test]
fn an_averaged_copy_is_left_and_named() {
    let place = Place::new();
    let trained = Checkpoint::of(&model(&config()));
    let averaged = Checkpoint::of(&config().init(&Device::flex(), 77).unwrap());
    let mut both = trained.clone().rename(|name| Some(format!("model.{name}")));
    both.put_over(averaged.clone().rename(|name| Some(format!("model_ema.module.{name}"))));
    let path = place.join("both.pth");
    both.write(&path, Container::Pth).unwrap();
    let read = open(&path);
    assert_eq!(contents(&read), contents(&trained));
    insta::assert_snapshot!(read.notes.join("\n"), @r#"
        took what lies under "model", and nothing else
        left its averaged copy (EMA), which lies under "model_ema.module"
        "#);
}

#[test]
fn objects_beside_the_tensors_are_passed_over() {
    for name in ["training.pth", "training_legacy.pth"] {
        let read = open(&golden(name));
        let names: Vec<&str> = read.names().collect();
        let expected = [
            "image_encoder.neck.0.weight",
            "mask_decoder.iou_token.weight",
            "prompt_encoder.no_mask_embed.weight",
        ];
        assert_eq!(names, expected, "{name}");
        let values = expected.map(|name| read.values(name).unwrap().0);
        assert_eq!(values[0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(values[1], [0.5, -1.5]);
        assert_eq!(values[2], [7.0, 7.0]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(read.notes.join("\n"), @r#"
                took what lies under "model_state.sam", and nothing else
                passed over objects of its training program, none of which was built: argparse.Namespace, collections.Counter, collections.defaultdict and 10 more
                "#);
        }
    }
}

#[test]
fn whole_modules_are_refused_with_the_line_that_saves_their_tensors() {
    let names = ["module.pth", "module_inside.pth", "module_legacy.pth", "script.pt"];
    let refusals = names.map(|name| refusal(&golden(name)));
    insta::assert_snapshot!(refusals.join("\n"), @r#"
        FOLDER/module.pth: not a readable checkpoint (PyTorch): it is a whole pickled module, wrapped.Tiny, which only its own program can rebuild; there, save its tensors: torch.save(torch.load("module.pth", weights_only=False).state_dict(), "state.pth")
        FOLDER/module_inside.pth: not a readable checkpoint (PyTorch): it is a whole pickled module, wrapped.Tiny, which only its own program can rebuild; there, save its tensors: torch.save(torch.load("module_inside.pth", weights_only=False)["model"].state_dict(), "state.pth")
        FOLDER/module_legacy.pth: not a readable checkpoint (PyTorch): it is a whole pickled module, wrapped.Tiny, which only its own program can rebuild; there, save its tensors: torch.save(torch.load("module_legacy.pth", weights_only=False).state_dict(), "state.pth")
        FOLDER/script.pt: not a readable checkpoint (PyTorch): it is a program of TorchScript (torch.jit.save); save its tensors in Python: torch.save(torch.jit.load("script.pt").state_dict(), "state.pth")
        "#);
}

#[test]
fn shards_of_pytorch_files_are_one_model() {
    let place = Place::new();
    let whole = Checkpoint::of(&model(&config()));
    let folder = place.join("hub");
    whole.write(&folder, Container::HuggingFace).unwrap();
    let theirs = StateDict::read(&folder.join("model.safetensors")).unwrap();
    let config_json = std::fs::read(folder.join("config.json")).unwrap();
    for prefix in ["", "module."] {
        let folder = place.join(&format!("shards{prefix}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.json"), &config_json).unwrap();
        // The names in a folder are Hugging Face's, which a file by itself would have read as official.
        whole.write(&place.join("hub"), Container::HuggingFace).unwrap();
        let bytes = std::fs::read(place.join("hub/model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut map = serde_json::Map::new();
        let mut shards = [StateDict::default(), StateDict::default()];
        for (place, (name, view)) in file.tensors().into_iter().enumerate() {
            let values = view.data().chunks_exact(4);
            let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            let tensor = StateTensor { shape: view.shape().to_vec(), values };
            let name = format!("{prefix}{name}");
            map.insert(name.clone(), format!("pytorch_model-{}.bin", place % 2).into());
            shards[place % 2].tensors.insert(name, tensor);
        }
        for (number, shard) in shards.into_iter().enumerate() {
            let path = folder.join(format!("pytorch_model-{number}.bin"));
            shard.write(&path).unwrap();
        }
        let text = serde_json::json!({ "weight_map": map }).to_string();
        std::fs::write(folder.join("pytorch_model.bin.index.json"), text).unwrap();
        let read = open(&folder);
        assert_eq!(contents(&read), contents(&whole), "{prefix}");
        assert_eq!(weights::detect(&read).unwrap(), config());
        std::fs::remove_file(folder.join("pytorch_model-1.bin")).unwrap();
        insta::allow_duplicates! {
            let refusal = Checkpoint::open(&folder).unwrap_err().to_string();
            assert!(refusal.ends_with("pytorch_model-1.bin: No such file or directory (os error 2)"));
        }
    }
    assert_eq!(theirs.tensors.len(), whole.len());
}

#[test]
fn folders_without_a_model_say_what_is_in_them() {
    let place = Place::new();
    let mut refusals = Vec::new();
    for (folder, files) in [
        ("empty", &[][..]),
        ("one", &["best.pt", "log.txt"]),
        ("many", &["a.pth", "b.ckpt", "c.safetensors", "d.pth"]),
        ("distributed", &["__0_0.distcp", ".metadata"]),
    ] {
        std::fs::create_dir(place.join(folder)).unwrap();
        files.iter().for_each(|file| _ = place.write(&format!("{folder}/{file}"), b""));
        refusals.push(refusal(&place.join(folder)));
    }
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/empty: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found none
        FOLDER/one: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found best.pt: give a file by itself
        FOLDER/many: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found a.pth, b.ckpt, c.safetensors and 1 more: give one of them by itself
        FOLDER/distributed: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found a distributed checkpoint of PyTorch: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE makes one file of it
        ");
}

#[test]
fn models_of_others_are_named() {
    let place = Place::new();
    let trunk: Vec<String> =
        (0..12).map(|n| format!("model.image_encoder.trunk.blocks.{n}.norm1.weight")).collect();
    let mut sam_2: Vec<(&str, &[usize])> =
        trunk.iter().map(|name| (name.as_str(), &[96][..])).collect();
    sam_2.push(("model.image_encoder.trunk.patch_embed.proj.weight", &[96, 3, 7, 7]));
    sam_2.push(("model.sam_mask_decoder.iou_token.weight", &[1, 256]));
    sam_2.push(("model.no_obj_embed_spatial", &[1, 64]));
    let refusals = [
        file(&place, "sam2.1_hiera_tiny.pt", &sam_2),
        file(
            &place,
            "efficient_sam.pt",
            &[
                ("model.image_encoder.blocks.0.norm1.weight", &[192]),
                ("model.mask_decoder.final_output_upscaling_layers.0.0.bias", &[64]),
            ],
        ),
        file(
            &place,
            "vit.pth",
            &[("blocks.0.attn.qkv.weight", &[6, 2]), ("cls_token", &[1, 1, 2])],
        ),
        file(
            &place,
            "unknown.pth",
            &[("encoder.conv.weight", &[2]), ("decoder.conv.weight", &[2])],
        ),
        file(&place, "lora.pth", &[("w_a_000", &[2, 32]), ("w_b_000", &[32, 2])]),
    ]
    .map(|path| load_refusal(&path));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/sam2.1_hiera_tiny.pt: cannot tell the model from the checkpoint: expected a SAM, found names like `image_encoder.trunk.blocks.0.norm1.weight` and `no_obj_embed_spatial`: this is SAM 2.1 tiny; not supported yet
        FOLDER/efficient_sam.pt: cannot tell the model from the checkpoint: expected a SAM, found names like `image_encoder.blocks.0.norm1.weight` and `mask_decoder.final_output_upscaling_layers.0.0.bias`: this is EfficientSAM; not supported yet
        FOLDER/vit.pth: cannot tell the model from the checkpoint: expected a SAM, found names like `blocks.0.attn.qkv.weight` and `cls_token`: this is a plain ViT, as timm names it; not supported yet
        FOLDER/unknown.pth: cannot tell the model from the checkpoint: expected the image encoder of a SAM (image_encoder.blocks.0...), found names like `decoder.conv.weight` and `encoder.conv.weight` (2 tensors), which no SAM has
        FOLDER/lora.pth: cannot tell the model from the checkpoint: expected a SAM, found names like `w_a_000` and `w_b_000`: this is a low-rank adapter (LoRA) of SAMed, no model by itself
        ");
    // In a decoder's place.
    let other = open(&file(&place, "clip.pt", &[("visual.conv1.weight", &[2])]));
    let refusal = weights::merge(&mut Checkpoint::of(&model(&config())), other).unwrap_err();
    insta::assert_snapshot!(without_folder(&refusal, &place.join("a")), @"FOLDER/clip.pt: cannot tell the model from the checkpoint: expected a mask decoder alone, found names like `visual.conv1.weight`: this is CLIP; not supported yet");
}

/// Values from a seed, for matrices of adapters.
fn matrix(shape: [usize; 2], seed: u32) -> StateTensor {
    let value = |n: usize| ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 20) as f32;
    let values = (0..shape[0] * shape[1]).map(|n| value(n) / 4096.0 - 0.5).collect();
    StateTensor { shape: shape.to_vec(), values }
}

/// `weight + B A` in a third of the rows, by its definition.
fn add_product(weight: &mut StateTensor, third: usize, a: &StateTensor, b: &StateTensor) {
    let [rank, width] = [a.shape[0], a.shape[1]];
    for row in 0..b.shape[0] {
        for column in 0..width {
            let terms = (0..rank).map(|k| b.values[row * rank + k] * a.values[k * width + column]);
            weight.values[(third * b.shape[0] + row) * width + column] += terms.sum::<f32>();
        }
    }
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

#[test]
fn the_adapters_of_samed_go_over_their_sam() {
    let place = Place::new();
    let plain = config().with_hq(false);
    let base = weights::state_dict(&model(&plain));
    let mut expected = base.clone();
    let mut adapter = StateDict::default();
    for block in 0..3 {
        let name = format!("image_encoder.blocks.{block}.attn.qkv.weight");
        let width = base.tensors[&name].shape[1];
        for (pair, third) in [(2 * block, 0), (2 * block + 1, 2)] {
            let (a, b) = (matrix([4, width], pair as u32), matrix([width, 4], 100 + pair as u32));
            add_product(expected.tensors.get_mut(&name).unwrap(), third, &a, &b);
            adapter.tensors.insert(format!("w_a_{pair:03}"), a);
            adapter.tensors.insert(format!("w_b_{pair:03}"), b);
        }
    }
    // Its file has the tuned prompt encoder and mask decoder too.
    let token = "mask_decoder.iou_token.weight";
    let mut tuned = base.tensors[token].clone();
    tuned.values.fill(0.25);
    adapter.tensors.insert(token.into(), tuned.clone());
    expected.tensors.insert(token.into(), tuned);
    let path = place.join("epoch_159.safetensors");
    adapter.clone().write(&path).unwrap();

    let mut merged = Checkpoint::of(&model(&plain));
    assert_eq!(weights::merge(&mut merged, open(&path)).unwrap(), (4, 0));
    let applied = weights::apply_tuned(model(&plain), open(&path)).unwrap().sam;
    for state in [merged.into_state().unwrap(), weights::state_dict(&applied)] {
        for (name, tensor) in &expected.tensors {
            assert_near(&state.tensors[name].values, &tensor.values);
        }
    }
    // Of a model with another number of blocks, and of another width.
    adapter.tensors.remove("w_a_005");
    adapter.tensors.remove("w_b_005");
    adapter.clone().write(&path).unwrap();
    let fewer = weights::merge(&mut Checkpoint::of(&model(&plain)), open(&path)).unwrap_err();
    adapter.tensors.insert("w_a_005".into(), matrix([4, 8], 0));
    adapter.tensors.insert("w_b_005".into(), matrix([8, 4], 0));
    adapter.write(&path).unwrap();
    let narrow = weights::merge(&mut Checkpoint::of(&model(&plain)), open(&path)).unwrap_err();
    let refusals = [fewer, narrow].map(|refusal| without_folder(&refusal, &path));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/epoch_159.safetensors: not a readable checkpoint (a low-rank adapter of SAMed): expected 6 pairs, query and value of the 3 blocks of the model, found 5 of A and 5 of B
        FOLDER/epoch_159.safetensors: not a readable checkpoint (a low-rank adapter of SAMed): image_encoder.blocks.2.attn.qkv.weight: expected A [rank, 32] and B [32, rank], found [4, 8] and [8, 4]
        ");
}

#[test]
fn adapters_inside_a_model_are_merged_where_their_rule_is_known() {
    let place = Place::new();
    let base = weights::state_dict(&model(&plain_config()));
    for (inner, a_name, b_name, letters) in [
        ("qkv", "linear_a_", "linear_b_", "qv"),
        ("qkv_proj", "w_a_linear_", "w_b_linear_", "qv"),
        ("qkv_proj", "w_a_linear_", "w_b_linear_", "qkv"),
    ] {
        let (mut expected, mut wrapped) = (base.clone(), StateDict::default());
        for (name, tensor) in &base.tensors {
            let inside = name.replace(".attn.qkv.", &format!(".attn.qkv.{inner}."));
            wrapped.tensors.insert(format!("model_state.sam.{inside}"), tensor.clone());
            let Some(stem) = name.strip_suffix(".attn.qkv.weight") else { continue };
            for letter in letters.chars() {
                let third = "qkv".find(letter).unwrap();
                let width = tensor.shape[1];
                let (a, b) = (matrix([2, width], third as u32), matrix([width, 2], 9));
                add_product(expected.tensors.get_mut(name).unwrap(), third, &a, &b);
                for (part, matrix) in [(a_name, a), (b_name, b)] {
                    let name = format!("model_state.sam.{stem}.attn.qkv.{part}{letter}.weight");
                    wrapped.tensors.insert(name, matrix);
                }
            }
        }
        let path = place.join("best.pt");
        wrapped.write(&path).unwrap();
        let read = open(&path);
        insta::allow_duplicates! {
            insta::assert_snapshot!(read.notes.join("\n"), @r#"
                took what lies under "model_state.sam", and nothing else
                merged the low-rank adapters (LoRA) of 3 blocks
                "#);
        }
        let read = read.into_state().unwrap();
        assert_eq!(read.tensors.len(), expected.tensors.len());
        for (name, tensor) in &expected.tensors {
            assert_near(&read.tensors[name].values, &tensor.values);
        }
    }
    let refusals = [
        file(
            &place,
            "peft.pth",
            &[
                ("base_model.model.image_encoder.blocks.0.attn.qkv.base_layer.weight", &[6, 2]),
                ("base_model.model.image_encoder.blocks.0.attn.qkv.lora_A.default.weight", &[1, 2]),
            ],
        ),
        file(
            &place,
            "fact.pt",
            &[
                ("sam.image_encoder.blocks.0.attn.qkv.qkv_proj.weight", &[6, 2]),
                ("sam.image_encoder.blocks.0.attn.qkv.FacTu.weight", &[1, 2]),
            ],
        ),
        file(
            &place,
            "half.pt",
            &[
                ("image_encoder.blocks.0.attn.qkv.qkv.weight", &[6, 2]),
                ("image_encoder.blocks.0.attn.qkv.linear_a_q.weight", &[1, 2]),
            ],
        ),
    ]
    .map(|path| refusal(&path));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/peft.pth: not a readable checkpoint (a low-rank adapter): image_encoder.blocks.0.attn.qkv.lora_A.default.weight is an adapter of PEFT, whose scale is not in this file: expected the merged model (merge_and_unload in Python)
        FOLDER/fact.pt: not a readable checkpoint (a low-rank adapter): image_encoder.blocks.0.attn.qkv.FacTu.weight is an adapter that is no LoRA of a weight
        FOLDER/half.pt: not a readable checkpoint (a low-rank adapter): image_encoder.blocks.0.attn.qkv has half an adapter
        ");
}
