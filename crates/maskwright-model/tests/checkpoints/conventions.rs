//! How a model was trained, carried by its files.

use burn::tensor::Device;
use maskwright_model::onnx::{ExportOptions, export};
use maskwright_model::weights::{self, CONVENTIONS_KEY, Checkpoint, Container, LoadOptions};
use maskwright_model::{Conventions, Error, MaskPromptValues, Padding, Sam, Trainable};

use crate::support::{Place, config, model, without_folder};

fn ours() -> Conventions {
    Conventions {
        pixel_mean: [10.0, 20.5, 30.25],
        pixel_std: [40.0, 50.5, 60.25],
        ..Conventions::new(Padding::Value(128), MaskPromptValues::ZeroTo255, "longest_side")
    }
}

fn known(sam: Sam) -> Sam {
    sam.with_conventions(ours()).unwrap()
}

fn load(path: &std::path::Path) -> Sam {
    weights::load(path, &LoadOptions::default(), &Device::flex()).unwrap().sam
}

#[test]
fn every_layout_carries_them() {
    let place = Place::new();
    let whole = Checkpoint::of(&known(model(&config())));
    for (container, name) in [
        (Container::Safetensors, "a.safetensors"),
        (Container::Pth, "b.pth"),
        (Container::HuggingFace, "folder"),
    ] {
        let path = place.join(name);
        whole.write(&path, container).unwrap();
        assert_eq!(load(&path).conventions(), Some(&ours()), "{name}");
    }
    let text = std::fs::read_to_string(place.join("folder/preprocessor_config.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["image_mean"][1], 0.080392);
    assert_eq!(json["image_std"][2], 0.236275);

    let exported =
        export(&whole, &place.join("m.onnx"), &ExportOptions::default(), &mut |_, _| {}).unwrap();
    let bytes = std::fs::read(&exported.files[0]).unwrap();
    let expected = serde_json::to_string(&ours()).unwrap();
    assert!(bytes.windows(expected.len()).any(|part| part == expected.as_bytes()));
}

#[test]
fn a_file_of_others_has_none() {
    let place = Place::new();
    let path = place.join("a.pth");
    Checkpoint::of(&model(&config())).write(&path, Container::Pth).unwrap();
    assert_eq!(load(&path).conventions(), None);
}

#[test]
fn pixels_are_normalised_by_them() {
    let device = Device::flex();
    let sam = model(&config());
    let pixels = vec![200u8; 3 * 64 * 64];
    let values = |sam: &Sam| {
        let images = sam.preprocess(&pixels, 1, &device).unwrap();
        images.try_into_vec_as::<f32>().unwrap()
    };
    let plain = values(&sam);
    assert_eq!(plain[64 * 64], (200.0 - 116.28) / 57.12);
    let ours = values(&known(sam));
    assert_eq!(ours[64 * 64], (200.0 - 20.5) / 50.5);
}

#[test]
fn those_of_what_was_tuned_last_win() {
    let place = Place::new();
    let tuned_with = Conventions { geometry: "squash".into(), ..ours() };
    for trainable in ["hq", "mask_decoder.hf_*"] {
        let trainable: Trainable = trainable.parse().unwrap();
        let sam = model(&config()).with_conventions(tuned_with.clone()).unwrap();
        let path = place.join("tuned.safetensors");
        weights::tuned(&sam, &trainable).write(&path, Container::Safetensors).unwrap();
        for base in [model(&config()), known(model(&config()))] {
            let mut merged = Checkpoint::of(&base);
            weights::merge(&mut merged, Checkpoint::open(&path).unwrap()).unwrap();
            assert_eq!(weights::conventions(&merged).unwrap(), Some(tuned_with.clone()));
            let sam = weights::apply_tuned(base, Checkpoint::open(&path).unwrap()).unwrap().sam;
            assert_eq!(sam.conventions(), Some(&tuned_with));
        }
        // What says nothing changes nothing.
        let silent = weights::tuned(&model(&config()), &trainable);
        let sam = weights::apply_tuned(known(model(&config())), silent.clone()).unwrap().sam;
        assert_eq!(sam.conventions(), Some(&ours()));
        let mut merged = Checkpoint::of(&known(model(&config())));
        weights::merge(&mut merged, silent).unwrap();
        assert_eq!(weights::conventions(&merged).unwrap(), Some(ours()));
    }
}

#[test]
fn damaged_ones_are_refused_by_the_files_name() {
    let place = Place::new();
    let path = place.join("odd.safetensors");
    let mut whole = Checkpoint::of(&model(&config()));
    let good = serde_json::to_string(&ours()).unwrap();
    let mut refusals = Vec::new();
    for odd in ["", "{}", "nonsense", &good.replace("40.0", "0.0"), &good.replace("128", "1280")] {
        whole.metadata.insert(CONVENTIONS_KEY.into(), odd.into());
        whole.write(&path, Container::Safetensors).unwrap();
        let refusal = weights::load(&path, &LoadOptions::default(), &Device::flex()).unwrap_err();
        assert!(matches!(refusal, Error::Checkpoint { .. }), "{odd}: {refusal}");
        refusals.push(without_folder(&refusal, &path));
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
        FOLDER/odd.safetensors: not a readable checkpoint (its conventions): EOF while parsing a value at line 1 column 0
        FOLDER/odd.safetensors: not a readable checkpoint (its conventions): missing field `pixel_mean` at line 1 column 2
        FOLDER/odd.safetensors: not a readable checkpoint (its conventions): expected ident at line 1 column 2
        FOLDER/odd.safetensors: not a readable checkpoint (its conventions): expected a pixel_std above 0 and up to 255, found [0.0, 50.5, 60.25]
        FOLDER/odd.safetensors: not a readable checkpoint (its conventions): expected a padding of 0..255, or "zero" at line 1 column 76
        "#);
    let odd = Conventions { pixel_mean: [f32::NAN; 3], ..ours() };
    assert!(model(&config()).with_conventions(odd).is_err());
}
