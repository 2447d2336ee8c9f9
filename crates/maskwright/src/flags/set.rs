//! `--set KEY=VALUE`: any setting by its key, where there is no flag for it.

use std::path::Path;
use std::str::FromStr;

use maskwright_data::source::{DataFile, hqseg44k_names, in_words, nearest};
use maskwright_train::TrainConfig;

use crate::exit::Usage;

/// The sections of config.toml that say how a run trains; data have none of them.
const RUN: [&str; 8] =
    ["model", "train", "optimizer", "schedule", "checkpoints", "validation", "compute", "cache"];

/// The sections of a data file beside its sets.
const DATA: [&str; 3] = ["mix", "plan", "prompts"];

/// Settings by their keys.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a>(pub(crate) &'a [Setting]);

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    key: String,
    value: toml::Value,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected KEY=VALUE, such as plan.scale_min=0.5".to_owned();
        let (key, value) = text.split_once('=').ok_or_else(expected)?;
        let key = key.trim().to_owned();
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(expected());
        }
        // A word need not be quoted.
        let read = format!("value = {value}").parse::<toml::Table>();
        let value = read.ok().and_then(|mut table| table.remove("value"));
        let word = || toml::Value::String(text.split_once('=').map_or("", |(_, word)| word).into());
        Ok(Self { key, value: value.unwrap_or_else(word) })
    }
}

impl Setting {
    fn first(&self) -> &str {
        self.key.split('.').next().unwrap_or_default()
    }

    fn is_of_run(&self) -> bool {
        self.key.contains('.') && RUN.contains(&self.first())
    }

    fn refused(&self, why: impl std::fmt::Display) -> Usage {
        let why = in_words(&why.to_string()).trim().replace('\n', " ");
        Usage(format!("--set {}={}: {why}", self.key, self.value))
    }

    /// Sets what a path of keys leads to.
    fn put(&self, path: &str, table: &mut toml::Table) -> Result<(), Usage> {
        match path.split_once('.') {
            None => {
                table.insert(path.to_owned(), self.value.clone());
                Ok(())
            }
            Some((section, rest)) => {
                let inner =
                    table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
                let inner = inner
                    .as_table_mut()
                    .ok_or_else(|| self.refused(format!("expected a section {section}")))?;
                self.put(rest, inner)
            }
        }
    }

    /// Sets a key of the sets that it is for.
    fn put_into_sets(&self, data: &mut toml::Table) -> Result<(), Usage> {
        let mut names = Vec::new();
        let mut found = false;
        for list in ["train", "valid", "other"] {
            let sets = data.get_mut(list).and_then(toml::Value::as_array_mut);
            for set in sets.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
                let name = set.get("name").and_then(toml::Value::as_str).unwrap_or_default();
                let of_set = self.key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
                let path = of_set.map(str::to_owned);
                // How often records come is a matter of those that train.
                let for_all = !self.key.contains('.') && (list == "train" || self.key != "repeat");
                names.push(name.to_owned());
                if let Some(path) = path.or(for_all.then(|| self.key.clone())) {
                    found = true;
                    self.put(&path, set)?;
                }
            }
        }
        match found {
            true => Ok(()),
            false => Err(self.refused(self.no_such_set(&names))),
        }
    }

    /// What is said of a key that belongs to no section and to none of the sets.
    fn no_such_set(&self, names: &[String]) -> String {
        // A set's name may hold dots.
        let wanted = self.key.rsplit_once('.').map_or(self.key.as_str(), |(set, _)| set);
        if hqseg44k_names().any(|name| name == wanted) {
            let there = names.join(", ");
            return format!("{wanted} is not among the sub-sets that are there: {there}");
        }
        let sections = DATA.iter().chain(&RUN).copied();
        let known: Vec<&str> = names.iter().map(String::as_str).chain(sections).collect();
        let meant = nearest(wanted, &known);
        let meant = meant.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
        format!(
            "expected a key of all sets, or one behind {}, {}, or a set's name ({}), found `{wanted}`{meant}",
            DATA.join(", "),
            RUN.join(", "),
            names.join(", ")
        )
    }
}

impl Settings<'_> {
    /// The data with what is set for them.
    pub(crate) fn of_data(self, mut data: DataFile) -> Result<DataFile, Usage> {
        for setting in self.0.iter().filter(|setting| !setting.is_of_run()) {
            let mut table = toml::Table::try_from(&data).map_err(|error| setting.refused(error))?;
            if DATA.contains(&setting.first()) {
                setting.put(&setting.key, &mut table)?;
            } else {
                setting.put_into_sets(&mut table)?;
            }
            let text = toml::to_string(&table).map_err(|error| setting.refused(error))?;
            data = DataFile::parse(&text, Path::new("")).map_err(|error| {
                // The line is one of a text that nobody wrote.
                let text = error.to_string();
                let why = text.split_once(": ").filter(|(place, _)| place.contains("line "));
                let why = why.map_or(text.as_str(), |(_, why)| why);
                // TOML's own errors draw the line first.
                let drawn = why.contains("TOML parse error");
                let why = why.lines().last().filter(|_| drawn).unwrap_or(why);
                // Settings of the command line stand in no file.
                setting.refused(why.trim_start_matches(", "))
            })?;
        }
        Ok(data)
    }

    /// The settings of a run with what is set for it.
    pub(crate) fn of_run(self, mut config: TrainConfig) -> Result<TrainConfig, Usage> {
        for setting in self.0.iter().filter(|setting| setting.is_of_run()) {
            let mut table =
                toml::Table::try_from(&config).map_err(|error| setting.refused(error))?;
            setting.put(&setting.key, &mut table)?;
            config = table
                .try_into()
                .map_err(|error: toml::de::Error| setting.refused(error.message()))?;
        }
        Ok(config)
    }

    /// Refuses what only a training has.
    pub(crate) fn check_no_run(self) -> Result<(), Usage> {
        match self.0.iter().find(|setting| setting.is_of_run()) {
            Some(setting) => {
                Err(setting.refused("expected a setting of data, found one of a training"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(texts: &[&str]) -> Vec<Setting> {
        texts.iter().map(|text| text.parse().expect("a setting")).collect()
    }

    fn data() -> DataFile {
        DataFile::from_folders("leaves/images", "leaves/masks")
    }

    #[test]
    fn keys_of_data_and_of_runs_are_set() {
        let set = settings(&[
            "plan.scale_min=0.5",
            "prompts.points = 5",
            "mask_channel=red",
            "leaves.repeat=2",
            "train.epochs=3",
            "validation.limit=20",
            "compute.device=cpu",
        ]);
        let set = Settings(&set);
        let found = set.of_data(data()).expect("set");
        assert_eq!(found.plan.scale_min, 0.5);
        assert_eq!(found.train[0].repeat, Some(2.0));
        let text = toml::to_string(&found).expect("TOML");
        assert!(text.contains("points = 5") && text.contains("mask_channel = \"red\""), "{text}");
        let config = set.of_run(TrainConfig::new(found, "run".into())).expect("set");
        assert_eq!((config.train.epochs, config.validation.limit), (3, 20));
        assert!(set.check_no_run().is_err());
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        let of_data =
            |text: &str| Settings(&settings(&[text])).of_data(data()).expect_err("refused").0;
        let config = || TrainConfig::new(data(), "run".into());
        let of_run =
            |text: &str| Settings(&settings(&[text])).of_run(config()).expect_err("refused").0;
        let lines = [
            of_data("plan.scale_mni=0.5"),
            of_data("plan.scale_min=small"),
            of_data("roots.repeat=2"),
            of_data("repeated=2"),
            of_run("train.epoch=3"),
            of_run("train.epochs=three"),
            Settings(&settings(&["train.epochs=3"])).check_no_run().expect_err("refused").0,
            "plan".parse::<Setting>().expect_err("refused"),
            ".a=1".parse::<Setting>().expect_err("refused"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
            --set plan.scale_mni=0.5: unknown key `scale_mni` in [plan] (did you mean `scale_min`?); known are flip_probability, scale_min, scale_max, transforms, max_redraws, pad, decode, strict
            --set plan.scale_min="small": expected a number, found the text "small"
            --set roots.repeat=2: expected a key of all sets, or one behind mix, plan, prompts, model, train, optimizer, schedule, checkpoints, validation, compute, cache, or a set's name (leaves), found `roots`
            --set repeated=2: unknown key `repeated` in [[train]] (did you mean `repeat`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range
            --set train.epoch=3: unknown key `epoch` (did you mean `epochs`?); known are learns, batch_size, epochs, first_epoch, seed, log_every_steps, last_batch, on_refusal, objects_per_image, objects_per_step, corrections, views, accumulate, ema, patience, lora, loss
            --set train.epochs="three": expected a whole number, found the text "three"
            --set train.epochs=3: expected a setting of data, found one of a training
            expected KEY=VALUE, such as plan.scale_min=0.5
            expected KEY=VALUE, such as plan.scale_min=0.5
            "#);
    }
}
