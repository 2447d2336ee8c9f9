//! The form for training: the flags of `maskwright train`, by the keys of their settings, with their help.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Args, Command};
use maskwright_studio::api::{FieldKind, FormField, FormPreset, TrainForm};
use maskwright_train::config::Preset;

use crate::commands::train::TrainFlags;
use crate::words;

/// The settings that a person may want to move, the first ones first. What says which data and where to write is the studio's.
const KEYS: [&str; 26] = [
    "preset",
    "train.epochs",
    "optimizer.learning_rate",
    "train.batch_size",
    "train.learns",
    "model.input_size",
    "model.checkpoint",
    "data.prompts.kinds",
    "train.objects_per_step",
    "train.corrections",
    "train.views",
    "train.loss.weights",
    "train.ema",
    "train.patience",
    "train.seed",
    "optimizer.kind",
    "optimizer.weight_decay",
    "schedule.kind",
    "schedule.drop_every_epochs",
    "schedule.warmup_steps",
    "validation.every_epochs",
    "validation.prompts",
    "checkpoints.best_by",
    "checkpoints.keep",
    "cache.keep",
    "compute.workers",
];

/// The flags of `maskwright train`.
pub(super) fn train_flags() -> Command {
    TrainFlags::augment_args(Command::new("train"))
}

/// The flag of a key of the form.
pub(super) fn flag_of(key: &str) -> Option<&'static str> {
    KEYS.contains(&key).then(|| words::flag_of_key(key))?
}

/// The form.
pub(super) fn form() -> TrainForm {
    let command = train_flags();
    let fields: Vec<FormField> = KEYS
        .iter()
        .filter_map(|key| {
            let flag = flag_of(key)?;
            let arg =
                command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"))?;
            Some(field(key, flag, arg))
        })
        .collect();
    let presets = Preset::names().filter_map(|name| preset(name, &fields)).collect();
    TrainForm { presets, fields }
}

fn field(key: &str, flag: &str, arg: &Arg) -> FormField {
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let default = defaults.collect::<Vec<_>>().join(",");
    let mut choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !arg.get_action().takes_values() {
        choices.clear();
    }
    if key == "preset" {
        choices = Preset::names().map(str::to_owned).collect();
    }
    let takes_list = arg.get_value_delimiter().is_some();
    let name = arg.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
    let kind = match (arg.get_action(), name) {
        (ArgAction::SetTrue, _) => FieldKind::Flag,
        _ if !choices.is_empty() && !takes_list => FieldKind::Choice,
        (_, "N" | "PIXELS" | "BYTES") => FieldKind::Integer,
        (_, "RATE" | "DECAY" | "NORM" | "PERCENT") => FieldKind::Number,
        _ => FieldKind::Text,
    };
    let words = flag.trim_start_matches('-').replace('-', " ");
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    FormField {
        key: key.to_owned(),
        label: words,
        help: help.split_whitespace().collect::<Vec<_>>().join(" "),
        kind,
        choices,
        default: if arg.get_action().takes_values() { default } else { "false".into() },
        group: arg.get_help_heading().unwrap_or("Run").to_owned(),
        flag: flag.to_owned(),
    }
}

/// A preset: its first words, and those of its settings that the form has.
fn preset(name: &str, fields: &[FormField]) -> Option<FormPreset> {
    let preset = Preset::find(name).ok()?;
    let comment = preset.text().lines().take_while(|line| line.starts_with('#'));
    let help: Vec<&str> = comment.map(|line| line.trim_start_matches('#').trim()).collect();
    // What it is for stands before the command that uses it.
    let help = help.join(" ");
    let help =
        help.split("maskwright train").next().unwrap_or_default().trim_end_matches([':', ' ']);
    let mut settings = BTreeMap::new();
    flatten("", &preset.text().parse().ok()?, &mut settings);
    let mut values: BTreeMap<String, String> = settings
        .into_iter()
        .filter(|(key, _)| fields.iter().any(|field| field.key == *key))
        .collect();
    values.insert("preset".into(), name.to_owned());
    Some(FormPreset { name: name.to_owned(), help: help.trim().to_owned(), values })
}

/// Settings by their dotted keys, those of lists and tables that a field cannot show left out.
fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&key, table, into),
            toml::Value::String(text) => drop(into.insert(key, text.clone())),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                into.insert(key, value.to_string());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_flag_and_its_help() {
        let form = form();
        let found: Vec<&str> = form.fields.iter().map(|field| &*field.key).collect();
        assert_eq!(found, KEYS, "a key without a flag of train");
        assert!(form.fields.iter().all(|field| !field.help.is_empty()));
        let epochs = &form.fields[1];
        assert_eq!((&*epochs.default, &*epochs.flag), ("12", "--max-epoch-num"));
        assert_eq!(epochs.kind, FieldKind::Integer);
    }

    #[test]
    fn presets_set_fields_of_the_form() {
        let form = form();
        let leaves = form.presets.iter().find(|preset| preset.name == "leaves-300").expect("known");
        assert_eq!(leaves.values["preset"], "leaves-300");
        assert_eq!(leaves.values["train.epochs"], "30");
        assert!(!leaves.help.is_empty());
    }
}
