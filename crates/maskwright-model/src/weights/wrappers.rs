//! What frameworks put before the names of a model's tensors, and which of several copies is the model.
//!
//! Lightning, Fabric, DataParallel, `torch.compile` and training scripts each put a word or more before
//! every name, and keep optimizers, losses and averaged weights (EMA) beside the model. The wrapper is found
//! from the names themselves: it is what comes before the part that every SAM has, its image encoder, or
//! of a mask decoder alone, its tokens.

use std::collections::{BTreeMap, BTreeSet};

/// Words that a wrapper is made of, the better one first where two copies are equally complete.
const KNOWN: [&str; 15] = [
    "model",
    "state_dict",
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "sam",
    "sam_model",
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "base_model",
    "weights",
];

/// Words for a copy whose weights are averaged over the training.
const AVERAGED: [&str; 8] = [
    "ema",
    "model_ema",
    "ema_state_dict",
    "state_dict_ema",
    "ema_model",
    "module_ema",
    "ema_net",
    "ema_weights",
];

/// Words that a wrapper of a part of the model puts into the middle of names.
const INNER: [&str; 5] = [
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// The official name for each name of the file that belongs to the model, and what has to be said of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Unwrapped {
    pub(super) names: BTreeMap<String, String>,
    pub(super) notes: Vec<String>,
    /// Whether a part of a SAM was found.
    pub(super) is_known: bool,
}

impl Unwrapped {
    /// Names that stay as they are.
    pub(super) fn as_they_are<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names = names.map(|name| (name.to_owned(), name.to_owned())).collect();
        Self { names, ..Self::default() }
    }
}

/// What part of a SAM a name shows, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shows {
    Encoder,
    Decoder,
    DecoderAlone,
}

/// What was seen below one wrapper.
#[derive(Debug, Clone, Copy)]
struct Copy {
    shows: Shows,
    names: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    Averaged,
    Unknown,
}

/// Finds the model among these names.
///
/// Of several copies the one that training itself changes is taken, and an averaged one only where there
/// is no other; of those the most complete. An unknown word before a whole model is passed over if there is
/// only one such model.
///
/// # Errors
/// A clause about the file where two whole models have unknown words before them.
pub(super) fn unwrap<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Unwrapped, String> {
    let mut copies: BTreeMap<&str, Copy> = BTreeMap::new();
    for name in names.clone() {
        if let Some((wrapper, shows)) = split(name) {
            let copy = copies.entry(wrapper).or_insert(Copy { shows, names: 0 });
            copy.shows = copy.shows.min(shows);
            copy.names += 1;
        }
    }
    let Some(best) = copies.values().map(|copy| copy.shows).min() else {
        return Ok(without_a_sam(names));
    };
    copies.retain(|_, copy| copy.shows == best);
    let whole = |wrapper: &str| {
        let has = |part: &str| names.clone().any(|name| starts(name, wrapper, part));
        best == Shows::Encoder && has("prompt_encoder.") && has("mask_decoder.")
    };
    let mut kinds: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    for &wrapper in copies.keys() {
        let kind = kind(wrapper);
        if kind != Kind::Unknown || whole(wrapper) {
            kinds.entry(kind).or_default().push(wrapper);
        }
    }
    let Some((kind, wrappers)) = kinds.first_key_value() else { return Ok(without_a_sam(names)) };
    if *kind == Kind::Unknown && wrappers.len() > 1 {
        let each: Vec<String> = wrappers.iter().map(|wrapper| shown(wrapper)).collect();
        return Err(format!(
            "it holds a whole model under each of {}: expected one of them alone",
            each.join(" and ")
        ));
    }
    let order = |wrapper: &&&str| {
        let first = wrapper.split('.').next().unwrap_or_default();
        let place = KNOWN.iter().position(|known| *known == first);
        (std::cmp::Reverse(copies[**wrapper].names), wrapper.matches('.').count(), place)
    };
    let Some(&wrapper) = wrappers.iter().min_by_key(order) else {
        return Ok(without_a_sam(names));
    };
    let mut unwrapped = under(wrapper, names);
    unwrapped.is_known = true;
    if *kind == Kind::Averaged {
        unwrapped.notes.push("these are weights averaged over the training (EMA)".to_owned());
    } else if let Some(averaged) = kinds.get(&Kind::Averaged).and_then(|all| all.first()) {
        let averaged = shown(averaged);
        unwrapped.notes.push(format!("left its averaged copy (EMA), which lies under {averaged}"));
    }
    Ok(unwrapped)
}

/// The names below a wrapper.
fn under<'a>(wrapper: &str, names: impl Iterator<Item = &'a str>) -> Unwrapped {
    let names = names
        .filter_map(|name| Some((name.to_owned(), without_inner(name.strip_prefix(wrapper)?))))
        .collect();
    let note = format!("took what lies under {}, and nothing else", shown(wrapper));
    let notes = if wrapper.is_empty() { Vec::new() } else { vec![note] };
    Unwrapped { names, notes, is_known: false }
}

/// What is known of training checkpoints alone, for names of no SAM: one dictionary is taken, and a word
/// before every name is dropped.
fn without_a_sam<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Unwrapped {
    const DICTIONARIES: [&str; 5] =
        ["model.", "state_dict.", "model_state_dict.", "model_state.", "net."];
    let found = DICTIONARIES
        .into_iter()
        .find(|wrapper| names.clone().any(|name| name.starts_with(wrapper)));
    let wrapper = found.unwrap_or_default();
    let inside = || names.clone().filter_map(|name| name.strip_prefix(wrapper));
    let parallel = if inside().next().is_some() && inside().all(|name| name.starts_with("module."))
    {
        "module."
    } else {
        ""
    };
    let prefix = format!("{wrapper}{parallel}");
    let mut unwrapped = Unwrapped::default();
    for name in names {
        if let Some(rest) = name.strip_prefix(&prefix) {
            unwrapped.names.insert(name.to_owned(), rest.to_owned());
        }
    }
    if !prefix.is_empty() {
        unwrapped.notes.push(format!("took what lies under {}, and nothing else", shown(&prefix)));
    }
    unwrapped
}

/// A wrapper in quotes, without its last dot.
fn shown(wrapper: &str) -> String {
    format!("{:?}", wrapper.trim_end_matches('.'))
}

fn starts(name: &str, wrapper: &str, part: &str) -> bool {
    name.strip_prefix(wrapper).is_some_and(|rest| rest.starts_with(part))
}

fn kind(wrapper: &str) -> Kind {
    let words: BTreeSet<&str> = wrapper.split_terminator('.').collect();
    let averaged = words.iter().any(|word| AVERAGED.contains(word));
    match words.iter().all(|word| KNOWN.contains(word) || AVERAGED.contains(word)) {
        true if averaged => Kind::Averaged,
        true => Kind::Plain,
        false => Kind::Unknown,
    }
}

/// What comes before the part of a SAM that a name shows, with its dot, and which part that is.
fn split(name: &str) -> Option<(&str, Shows)> {
    const TOKENS: [&str; 3] = ["hf_token.weight", "mask_tokens.weight", "iou_token.weight"];
    let mut at = 0;
    for word in name.split('.') {
        let shows = match word {
            "image_encoder" | "vision_encoder" => Some(Shows::Encoder),
            "mask_decoder" => Some(Shows::Decoder),
            _ if TOKENS.contains(&&name[at..]) => Some(Shows::DecoderAlone),
            _ => None,
        };
        if let Some(shows) = shows {
            return Some((&name[..at], shows));
        }
        at = (at + word.len() + 1).min(name.len());
    }
    None
}

/// A name without what wrappers of parts put into it.
fn without_inner(name: &str) -> String {
    if !name.split('.').any(|word| INNER.contains(&word)) {
        return name.to_owned();
    }
    let words: Vec<&str> = name.split('.').filter(|word| !INNER.contains(word)).collect();
    words.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: [&str; 3] = [
        "image_encoder.blocks.0.norm1.weight",
        "prompt_encoder.no_mask_embed.weight",
        "mask_decoder.iou_token.weight",
    ];

    fn wrapped(prefixes: &[&str]) -> Vec<String> {
        let all = prefixes.iter().flat_map(|prefix| SAM.map(|name| format!("{prefix}{name}")));
        all.collect()
    }

    fn taken(names: &[String]) -> (Vec<String>, Vec<String>) {
        let found = unwrap(names.iter().map(String::as_str)).expect("one model");
        let mut official: Vec<String> = found.names.into_values().collect();
        official.sort();
        (official, found.notes)
    }

    #[test]
    fn any_nesting_of_the_words_is_undone() {
        let mut expected = SAM.map(str::to_owned).to_vec();
        expected.sort();
        let words =
            ["model.", "module.", "sam.", "_orig_mod.", "net.", "state_dict.", "model_state."];
        let mut prefixes = vec![String::new()];
        for first in words {
            prefixes.push(first.to_owned());
            for second in words {
                prefixes.push(format!("{first}{second}"));
                prefixes.extend(words.map(|third| format!("{first}{second}{third}")));
            }
        }
        assert_eq!(prefixes.len(), 1 + 7 + 49 + 343);
        for prefix in &prefixes {
            let (names, notes) = taken(&wrapped(&[prefix]));
            assert_eq!(names, expected, "{prefix}");
            assert_eq!(notes.len(), usize::from(!prefix.is_empty()));
            // Beside the model lie a loss and an optimizer.
            let mut more = wrapped(&[prefix]);
            if !prefix.is_empty() {
                more.extend(["loss.weight", "optimizer.state.0.exp_avg"].map(str::to_owned));
            }
            assert_eq!(taken(&more).0, expected, "{prefix}");
        }
    }

    #[test]
    fn parts_that_were_compiled_or_sent_out_have_their_names_back() {
        let names = [
            "model.image_encoder._orig_mod.blocks.0.norm1.weight",
            "model.prompt_encoder.no_mask_embed.weight",
            "model.mask_decoder.module.iou_token.weight",
        ];
        let mut expected = SAM.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(taken(&names.map(str::to_owned)).0, expected);
    }

    #[test]
    fn of_copies_the_trained_one_is_taken_and_it_is_said() {
        let mut texts = Vec::new();
        for prefixes in [
            &["model.", "ema."][..],
            &["ema_state_dict.", "state_dict."],
            &["state_dict.", "model."],
            &["model_ema.module."],
            &["student."],
        ] {
            let (names, notes) = taken(&wrapped(prefixes));
            assert_eq!(names.len(), 3, "{prefixes:?}");
            texts.push(notes.join("; "));
        }
        // The more complete one, if its word comes later.
        let mut names = wrapped(&["state_dict."]);
        names.push("model.image_encoder.pos_embed".to_owned());
        texts.push(taken(&names).1.join("; "));
        let two = wrapped(&["student.", "teacher."]);
        texts.push(unwrap(two.iter().map(String::as_str)).expect_err("two models"));
        insta::assert_snapshot!(texts.join("\n"), @r#"
            took what lies under "model", and nothing else; left its averaged copy (EMA), which lies under "ema"
            took what lies under "state_dict", and nothing else; left its averaged copy (EMA), which lies under "ema_state_dict"
            took what lies under "model", and nothing else
            took what lies under "model_ema.module", and nothing else; these are weights averaged over the training (EMA)
            took what lies under "student", and nothing else
            took what lies under "state_dict", and nothing else
            it holds a whole model under each of "student" and "teacher": expected one of them alone
            "#);
    }

    #[test]
    fn decoders_alone_and_others_names_keep_what_is_theirs() {
        let decoder = ["module.hf_token.weight", "module.transformer.layers.0.norm1.bias"];
        let (names, _) = taken(&decoder.map(str::to_owned));
        assert_eq!(names, ["hf_token.weight", "transformer.layers.0.norm1.bias"]);
        let other = ["model.a", "model.module.b", "optimizer.0"].map(str::to_owned);
        assert_eq!(taken(&other).0, ["a", "module.b"]);
        let plain = ["a", "b.module.c"].map(str::to_owned);
        assert_eq!(taken(&plain), (plain.to_vec(), vec![]));
    }
}
