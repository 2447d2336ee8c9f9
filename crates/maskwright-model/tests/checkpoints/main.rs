//! The world's checkpoints in and out: layouts, names and number types; and files that are none.

mod bad;
mod bombs;
#[path = "../common/mod.rs"]
mod common;
mod conventions;
mod frameworks;
mod support;
mod tuned;

use common::tiny_vit;
use maskwright_model::weights::{
    self, Checkpoint, Container, Content, Element, Layout, LoadOptions, StateDict, Tensors,
};
use maskwright_model::{Error, Trainable};
use support::{
    Place, config, contents, entries, legacy, model, pair, pair_entries, plain_config,
    without_folder,
};

fn open(path: &std::path::Path) -> Checkpoint {
    Checkpoint::open(path).unwrap()
}

#[test]
fn every_layout_leads_to_every_other_bit_for_bit() {
    for (config, has_folder) in [
        (config(), true),
        (config().with_hq(false), true),
        (plain_config(), true),
        (tiny_vit(), false),
    ] {
        let place = Place::new();
        let whole = Checkpoint::of(&model(&config));
        let expected = contents(&whole);
        let first = place.join("first.pth");
        whole.write(&first, Container::Pth).unwrap();
        let mut layouts =
            vec![(Container::Safetensors, "a.safetensors"), (Container::Pth, "b.pth")];
        if has_folder {
            layouts.push((Container::HuggingFace, "folder"));
        }
        for (container, name) in &layouts {
            let there = place.join(name);
            let written = open(&first).write(&there, *container).unwrap();
            assert_eq!((written.tensors, written.not_finite), (expected.len(), vec![]));
            let read = open(&there);
            assert_eq!(contents(&read), expected, "{name}");
            assert_eq!(weights::detect(&read).unwrap(), config, "{name}");
            // And back: the same file, byte for byte.
            let again = place.join(&format!("{name}.pth"));
            read.write(&again, Container::Pth).unwrap();
            assert!(std::fs::read(&first).unwrap() == std::fs::read(&again).unwrap(), "{name}");
        }
        // The older stream of pickles has the same tensors' pickle.
        if has_folder {
            let old = place.write("old.pth", &legacy(&entries(&first), 4));
            let read = open(&old);
            assert_eq!(read.layout, Some(Layout::LegacyPth));
            assert_eq!(contents(&read), expected);
        }
    }
}

#[test]
fn models_are_told_from_their_tensors_alone() {
    for config in [plain_config(), plain_config().with_hq(false)] {
        let place = Place::new();
        let mut whole = Checkpoint::of(&model(&config));
        whole.metadata.clear();
        let path = place.join("a.pth");
        whole.write(&path, Container::Pth).unwrap();
        let read = open(&path);
        assert!(read.metadata.is_empty());
        assert_eq!(weights::detect(&read).unwrap(), config);
    }
}

#[test]
fn number_types_are_read_and_written() {
    let place = Place::new();
    let sam = model(&config());
    let whole = Checkpoint::of(&sam);
    for (element, size) in [(Element::F16, 2), (Element::Bf16, 2), (Element::F64, 8)] {
        let narrow = whole.clone().to_element(element);
        let expected = contents(&narrow);
        assert!(expected.values().all(|(name, ..)| *name == element.to_string()));
        let mut files = vec![place.join("a.pth"), place.join("a.safetensors")];
        narrow.write(&files[0], Container::Pth).unwrap();
        narrow.write(&files[1], Container::Safetensors).unwrap();
        files.push(place.write("old.pth", &legacy(&entries(&files[0]), size)));
        for file in files {
            assert_eq!(contents(&open(&file)), expected, "{element} {}", file.display());
            let loaded =
                weights::load(&file, &LoadOptions::default(), &burn::tensor::Device::flex());
            let loaded = Checkpoint::of(&loaded.unwrap().sam);
            for (name, (_, shape, bits)) in contents(&loaded) {
                assert_eq!((&shape, &bits), (&expected[&name].1, &expected[&name].2), "{name}");
            }
        }
    }
}

#[test]
fn wrappers_and_prefixes_are_undone() {
    let place = Place::new();
    let whole = Checkpoint::of(&model(&config()));
    let expected = contents(&whole);
    for prefix in ["module.", "model.", "state_dict.module.", "model_state_dict."] {
        let renamed = whole.clone().rename(|name| Some(format!("{prefix}{name}")));
        let path = place.join("a.pth");
        renamed.write(&path, Container::Pth).unwrap();
        assert_eq!(contents(&open(&path)), expected, "{prefix}");
    }
    // Beside the model lies an optimizer with counters of a type that no model has; dictionaries in
    // dictionaries are named by their keys.
    let entries = pair_entries(&place);
    let pickle = &entries.iter().find(|(name, _)| name.ends_with("data.pkl")).unwrap().1;
    let state = &pickle[2..pickle.len() - 1];
    let optimizer = b"}K\x00ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nIntStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00))\x89}tRs";
    let nested = [
        b"\x80\x02}(X\x05\x00\x00\x00model".as_slice(),
        state,
        b"X\x09\x00\x00\x00optimizer",
        optimizer,
        b"X\x05\x00\x00\x00epochK\x03u.",
    ]
    .concat();
    let path = place.write("training.pth", &support::with_pickle(&entries, &nested));
    let read = open(&path);
    assert_eq!(read.notes.len(), 1, "{:?}", read.notes);
    assert_eq!(read.into_state().unwrap().tensors, pair().tensors);
}

#[test]
fn a_decoder_goes_into_a_sam_completely() {
    let place = Place::new();
    let sam_config = config().with_hq(false);
    let tuned = Checkpoint::of(&config().init(&burn::tensor::Device::flex(), 99).unwrap());
    let decoder = weights::decoder_of(tuned.clone());
    assert_eq!(weights::content(&decoder.shapes()), Content::Decoder);
    assert!(decoder.names().all(|name| !name.starts_with("mask_decoder.")));
    assert_eq!(weights::decoder_width(&decoder), Some(config().early_dim()));
    assert_eq!(weights::decoder_width(&tuned), Some(config().early_dim()));
    let path = place.join("epoch_3.pth");
    decoder.write(&path, Container::Pth).unwrap();

    let mut merged = Checkpoint::of(&model(&sam_config));
    let before = contents(&merged);
    let (replaced, added) = weights::merge(&mut merged, open(&path)).unwrap();
    assert_eq!((replaced + added, added), (decoder.len(), 25));
    assert_eq!(weights::detect(&merged).unwrap(), config());
    let tuned = contents(&tuned);
    for (name, found) in contents(&merged) {
        let expected =
            if name.starts_with("mask_decoder.") { &tuned[&name] } else { &before[&name] };
        assert_eq!(&found, expected, "{name}");
    }
    // The same into a model, and SAM's own decoder without the HQ head (`*_maskdecoder.pth`).
    let sam = weights::apply_decoder(model(&config()), open(&path)).unwrap().sam;
    let applied = contents(&Checkpoint::of(&sam));
    assert!(applied.iter().all(|(n, t)| !n.starts_with("mask_decoder.") || *t == tuned[n]));
    let mut own = open(&path);
    own.retain(|name| !Trainable::Hq.contains(&format!("mask_decoder.{name}")));
    weights::check_decoder_alone(&own).unwrap();
    assert_eq!(weights::decoder_width(&own), None);
    let mut merged = Checkpoint::of(&model(&sam_config));
    assert_eq!(weights::merge(&mut merged, own).unwrap(), (replaced, 0));

    // One that lacks a tensor is refused, as is a whole model in a decoder's place.
    let mut part = open(&path);
    part.retain(|name| name != "hf_token.weight" && name != "transformer.layers.0.norm1.bias");
    let mut sam = Checkpoint::of(&model(&sam_config));
    match weights::merge(&mut sam, part.clone()).unwrap_err() {
        Error::Mismatch(mismatch) => assert_eq!(
            mismatch.missing,
            ["mask_decoder.hf_token.weight", "mask_decoder.transformer.layers.0.norm1.bias"]
        ),
        other => panic!("{other}"),
    }
    assert!(weights::apply_decoder(model(&config()), part).is_err());
    assert!(weights::merge(&mut sam.clone(), sam).is_err());
    // A decoder alone is no model.
    let refusal = weights::load(&path, &LoadOptions::default(), &burn::tensor::Device::flex());
    insta::assert_snapshot!(without_folder(&refusal.unwrap_err(), &path), @"FOLDER/epoch_3.pth: cannot tell the model from the checkpoint: expected a whole SAM, found a mask decoder alone (141 tensors), which goes over a SAM: as model.restore_model beside model.checkpoint, or merged with it into one checkpoint");
}

#[test]
fn folders_of_shards_and_older_folders_are_read() {
    let place = Place::new();
    let config = config();
    let whole = Checkpoint::of(&model(&config));
    let folder = place.join("hub");
    whole.write(&folder, Container::HuggingFace).unwrap();
    // Transformers writes the file's kind into it and looks for it.
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");

    // In two shards, and without this crate's metadata.
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (even, odd): (Vec<_>, Vec<_>) =
        file.tensors().into_iter().partition(|(name, _)| name.len() % 2 == 0);
    let mut map = serde_json::Map::new();
    for (shard, tensors) in [("even.safetensors", even), ("odd.safetensors", odd)] {
        for (name, _) in &tensors {
            map.insert(name.clone(), shard.into());
        }
        let bytes = safetensors::serialize(tensors, None).unwrap();
        std::fs::write(folder.join(shard), bytes).unwrap();
    }
    let index = folder.join("model.safetensors.index.json");
    let text = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    std::fs::write(&index, text).unwrap();
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    let read = open(&folder);
    assert_eq!(contents(&read), contents(&whole));
    assert_eq!(weights::detect(&read).unwrap(), config);

    // A shard's name leads out of the folder.
    std::fs::write(&index, r#"{"weight_map": {"a": "../pair.safetensors"}}"#).unwrap();
    let refusal = Checkpoint::open(&folder).unwrap_err();
    insta::assert_snapshot!(without_folder(&refusal, &folder), @r#"FOLDER/hub/model.safetensors.index.json: not a readable checkpoint (Hugging Face): expected shards in this folder, found "../pair.safetensors""#);

    // One file by itself, with the tied copy of the positions that older releases wrote too.
    whole.write(&place.join("other"), Container::HuggingFace).unwrap();
    let theirs = std::fs::read(place.join("other/model.safetensors")).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&theirs).unwrap();
    let mut state = StateDict::default();
    for (name, view) in theirs.tensors() {
        let values = view.data().chunks_exact(4);
        let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let tensor = weights::StateTensor { shape: view.shape().to_vec(), values };
        if name == "shared_image_embedding.positional_embedding" {
            let tied = "prompt_encoder.shared_embedding.positional_embedding";
            state.tensors.insert(tied.into(), tensor.clone());
        }
        state.tensors.insert(name, tensor);
    }
    let plain = place.join("plain.safetensors");
    state.write(&plain).unwrap();
    let read = open(&plain);
    assert_eq!(read.layout, Some(Layout::HuggingFace));
    assert_eq!(contents(&read), contents(&whole));
}

#[test]
fn misfits_are_named_all_at_once_with_the_file() {
    let place = Place::new();
    let config = config();
    let path = place.join("odd.pth");
    let mut whole = Checkpoint::of(&model(&config));
    whole.metadata.clear();
    let gone = [
        "image_encoder.pos_embed",
        "prompt_encoder.no_mask_embed.weight",
        "mask_decoder.transformer.layers.0.mlp.lin1.weight",
        "mask_decoder.hf_token.weight",
    ];
    whole.retain(|name| !gone.contains(&name));
    let odd = whole.rename(|name| {
        Some(if name == "image_encoder.neck.1.bias" { "stray".into() } else { name.to_owned() })
    });
    odd.write(&path, Container::Pth).unwrap();
    let refusal = weights::load(&path, &LoadOptions::default(), &burn::tensor::Device::flex());
    insta::assert_snapshot!(without_folder(&refusal.unwrap_err(), &path), @"FOLDER/odd.pth: the checkpoint does not fit the model: 5 missing (image_encoder.neck.1.bias, image_encoder.pos_embed, mask_decoder.hf_token.weight, mask_decoder.transformer.layers.0.mlp.lin1.weight, prompt_encoder.no_mask_embed.weight); 1 unexpected (stray)");
}

#[test]
fn weights_that_are_no_numbers_are_counted_by_tensor() {
    let place = Place::new();
    let mut state = weights::state_dict(&model(&config()));
    let token = state.tensors.get_mut("mask_decoder.iou_token.weight").unwrap();
    token.values[3] = f32::NAN;
    token.values[5] = f32::INFINITY;
    let path = place.join("nan.safetensors");
    state.write(&path).unwrap();
    let expected = [("mask_decoder.iou_token.weight".to_owned(), 2)];
    let loaded = weights::load(&path, &LoadOptions::default(), &burn::tensor::Device::flex());
    assert_eq!(loaded.unwrap().not_finite, expected);
    for (container, name) in [(Container::Pth, "b.pth"), (Container::HuggingFace, "folder")] {
        let written = open(&path).write(&place.join(name), container).unwrap();
        assert_eq!(written.not_finite, expected);
    }
}

#[test]
fn views_and_strides_are_gathered() {
    let place = Place::new();
    let entries = pair_entries(&place);
    // `a` transposed, and a view of its second row.
    let rebuilt = |offset: u8, shape: &[u8], strides: &[u8]| {
        let mut out = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK".to_vec();
        out.push(offset);
        for sizes in [shape, strides] {
            out.push(b'(');
            sizes.iter().for_each(|&size| out.extend([b'K', size]));
            out.push(b't');
        }
        out.extend(b"\x89}tR");
        out
    };
    let pickle = [
        b"\x80\x02}(U\x01t".as_slice(),
        &rebuilt(0, &[3, 2], &[1, 3]),
        b"U\x01v",
        &rebuilt(3, &[3], &[1]),
        b"U\x01e",
        &rebuilt(1, &[2, 2], &[0, 1]),
        b"u.",
    ]
    .concat();
    let path = place.write("views.pth", &support::with_pickle(&entries, &pickle));
    let read = open(&path);
    let values = |name: &str| read.values(name).unwrap().0;
    assert_eq!(values("t"), [1.0, 0.0, -2.5, 1e-3, 3.25, 7.0]);
    assert_eq!(values("v"), [0.0, 1e-3, 7.0]);
    assert_eq!(values("e"), [-2.5, 3.25, -2.5, 3.25]);
}

#[test]
fn what_pytorch_wrote_is_read_as_safetensors_has_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("tests/golden/pickled");
    let mut stems = vec![own];
    let shared = root.join("../../../shared/golden/model");
    if shared.is_dir() {
        stems.push(shared.join("small_sam_hq"));
    } else {
        eprintln!("left out: the optional folder ../shared/golden/model is not here");
    }
    for stem in stems {
        let [pth, safe] = ["pth", "safetensors"].map(|ending| stem.with_extension(ending));
        assert_eq!(contents(&open(&pth)), contents(&open(&safe)), "{}", stem.display());
    }
}
