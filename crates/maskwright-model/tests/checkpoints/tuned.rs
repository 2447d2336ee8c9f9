//! What training changed, saved and put back.

use maskwright_model::weights::{self, Checkpoint, Container, Content, Tensors};
use maskwright_model::{Error, Trainable};

use crate::support::{Place, config, contents, model};

fn other() -> maskwright_model::Sam {
    config().init(&burn::tensor::Device::flex(), 99).unwrap()
}

fn written(place: &Place, name: &str, checkpoint: &Checkpoint) -> Checkpoint {
    let path = place.join(name);
    checkpoint.write(&path, Container::Safetensors).unwrap();
    Checkpoint::open(&path).unwrap()
}

#[test]
fn of_the_head_and_of_the_decoder_the_whole_decoder_is_saved_as_hq_sam_names_it() {
    for trainable in [Trainable::Hq, Trainable::Decoder] {
        let tuned = weights::tuned(&other(), &trainable);
        assert_eq!(contents(&tuned), contents(&weights::decoder_of(Checkpoint::of(&other()))));
        assert!(!tuned.metadata.contains_key(weights::TRAINABLE_KEY));
        assert_eq!(weights::content(&tuned.shapes()), Content::Decoder);
    }
    let all = weights::tuned(&other(), &Trainable::All);
    assert_eq!(contents(&all), contents(&Checkpoint::of(&other())));
}

#[test]
fn what_patterns_match_is_saved_and_put_back_complete() {
    let place = Place::new();
    for text in ["image_encoder.neck.*,mask_decoder.hf_*", "mask_decoder.hf_*", "*.bias", "*"] {
        let trainable: Trainable = text.parse().unwrap();
        let tuned = written(&place, "tuned.safetensors", &weights::tuned(&other(), &trainable));
        let names: Vec<&str> = tuned.names().collect();
        let whole = contents(&Checkpoint::of(&other()));
        let expected: Vec<&String> = whole.keys().filter(|name| trainable.contains(name)).collect();
        assert_eq!(names, expected, "{text}");

        let before = contents(&Checkpoint::of(&model(&config())));
        let after = weights::apply_tuned(model(&config()), tuned.clone()).unwrap().sam;
        let mut merged = Checkpoint::of(&model(&config()));
        assert_eq!(weights::merge(&mut merged, tuned.clone()).unwrap(), (names.len(), 0));
        for found in [Checkpoint::of(&after), merged] {
            for (name, tensor) in contents(&found) {
                let from = if trainable.contains(&name) { &whole } else { &before };
                assert_eq!(tensor, from[&name], "{text}: {name}");
            }
        }

        // One that lacks a tensor is refused, and one that has another's.
        let gone = names[0].to_owned();
        let mut part = tuned.clone();
        part.retain(|name| name != gone);
        match weights::apply_tuned(model(&config()), part).unwrap_err() {
            Error::Mismatch(mismatch) => assert_eq!(mismatch.missing, [gone]),
            other => panic!("{other}"),
        }
    }
    let head: Trainable = "mask_decoder.hf_*".parse().unwrap();
    let mut odd = weights::tuned(&other(), &head);
    odd.metadata.insert(weights::TRAINABLE_KEY.into(), "mask_decoder.hf_token.*".into());
    match weights::apply_tuned(model(&config()), odd.clone()).unwrap_err() {
        Error::Mismatch(mismatch) => assert_eq!(mismatch.unexpected.len(), 6),
        other => panic!("{other}"),
    }
    for text in ["", "hq", "no pattern", "\u{0}.*"] {
        odd.metadata.insert(weights::TRAINABLE_KEY.into(), text.into());
        let refusal = weights::apply_tuned(model(&config()), odd.clone()).unwrap_err();
        assert!(matches!(refusal, Error::Checkpoint { .. }), "{refusal}");
    }
}
