//! The settings that the flags of `maskwright train` say, for a run from its beginning and for one that goes on.

use std::path::Path;

use maskwright_data::loader::OnRefusal;
use maskwright_data::prompt::KindWeights;
use maskwright_data::sample::Preset as Geometry;
use maskwright_train::TrainConfig;
use maskwright_train::config::Preset;

use super::{Refusal, TrainFlags};
use crate::commands::config;
use crate::exit::Usage;
use crate::flags::data::says_where;
use crate::flags::learning::LEARNING;
use crate::flags::views::VIEWS;

impl TrainFlags {
    /// The settings: the flags', and with a preset its own where no flag was `given`.
    pub(super) fn resolve(&self, given: &[String]) -> anyhow::Result<TrainConfig> {
        let output = self.output.clone().unwrap_or_default();
        let former = self.config.as_deref().map(config::read).transpose()?;
        let keeps = |known: fn(&str) -> bool| !given.iter().any(|flag| known(flag));
        let data = match &former {
            Some(former) if keeps(says_where) => self.data.planned(former.data.clone())?,
            _ => self.data.resolve_with(self.folder.as_deref(), self.hold_out)?,
        };
        let mut config = match &former {
            Some(former) => TrainConfig { data, output, ..former.clone() },
            None => TrainConfig::new(data, output),
        };
        let preset = self.preset.as_deref().map(Preset::find).transpose()?;
        if let Some(preset) = &preset {
            preset.put_over(&mut config)?;
        }
        let input_size = config.model.input_size;
        if former.is_none() || !keeps(|flag| MODEL.contains(&flag)) {
            config.model = self.model.resolve()?;
        }
        config.model.input_size = input_size;
        let begun = preset.is_some() || former.is_some();
        for flag in SETTINGS.into_iter().chain(LEARNING).chain(VIEWS) {
            if !begun || given.iter().any(|given| given == flag) {
                self.set(flag, &mut config)?;
            }
        }
        Ok(self.data.set().of_run(config)?)
    }

    /// Refuses a command line without data, a model or an output folder, and names all that is missing at once.
    pub(super) fn check_told(&self) -> Result<(), Usage> {
        let has_data = self.folder.is_some() || self.data.says_where() || self.config.is_some();
        let needs_output = !(self.dry_run || self.legacy.eval);
        let missing = [
            (
                !has_data,
                "data (a folder of images and masks, or flags such as --images DIR --masks DIR; `maskwright train \
                 --help` lists them)",
            ),
            (
                !self.has_model(),
                "a model (--checkpoint with a file, or with a name such as sam-vit-b, which is fetched; `maskwright \
                 models` lists them)",
            ),
            (needs_output && self.output.is_none(), "--output DIR, the folder that the run writes"),
        ];
        let missing: Vec<&str> =
            missing.iter().filter(|(missing, _)| *missing).map(|(_, what)| *what).collect();
        match missing[..] {
            // Of one thing there are words of its own, but for the folder.
            [] => Ok(()),
            [_] if self.output.is_some() || !needs_output => Ok(()),
            _ => Err(Usage(format!("to train, there is still missing: {}", missing.join("; ")))),
        }
    }

    /// Whether a flag says where the weights come from.
    fn has_model(&self) -> bool {
        let fresh = self.from_scratch || self.config.is_some();
        fresh || self.model.says_which()
    }

    /// Refuses a run that would begin with fresh weights where nobody asked for them.
    pub(super) fn check_start(&self, config: &TrainConfig) -> Result<(), Usage> {
        let model = &config.model;
        let asked = self.from_scratch || model.config.is_some() || self.config.is_some();
        if model.checkpoint.is_some() || asked {
            return Ok(());
        }
        Err(Usage(
            "no checkpoint: give --checkpoint FILE or the name of a published one (`maskwright models` lists them), or \
             --from-scratch with --model-type to begin with fresh weights"
                .into(),
        ))
    }

    /// Sets what the flag of this id says; false if it says no setting.
    fn set(&self, flag: &str, config: &mut TrainConfig) -> anyhow::Result<bool> {
        let compute = self.device.resolve();
        match flag {
            "prompts" if !self.prompts.is_empty() => {
                let kinds = self.prompts.iter();
                config.data.prompts.kinds =
                    kinds.fold(KindWeights::none(), |weights, &kind| weights.with(kind, 1.0));
            }
            "mask_prompt" => {
                if let Some(values) = self.mask_prompt {
                    config.data.prompts.mask_values = values;
                }
            }
            "device" => config.compute.device = compute.device,
            "precision" => config.compute.precision = compute.precision,
            "allow_tf32" => config.compute.allow_tf32 = compute.allow_tf32,
            "workers" => config.compute.workers = self.workers,
            "prefetch_bytes" => config.compute.prefetch_bytes = self.prefetch_bytes,
            "decode_memory" => config.compute.decode_memory = self.decode_memory,
            "input_size" => config.model.input_size = self.input_size.or(config.model.input_size),
            "train" => config.train.learns = self.train.clone(),
            "batch_size_train" => config.train.batch_size = self.batch_size_train,
            "seed" => config.train.seed = self.seed,
            "start_epoch" => config.train.first_epoch = self.start_epoch,
            "max_epoch_num" => config.train.epochs = self.max_epoch_num,
            "log_every" => config.train.log_every_steps = self.log_every,
            "on_refusal" | "refusal_budget" => config.train.on_refusal = self.on_refusal(),
            "learning_rate" => config.optimizer.learning_rate = self.learning_rate,
            "lr_drop_epoch" => config.schedule.drop_every_epochs = self.lr_drop_epoch,
            "model_save_fre" => config.checkpoints.every_epochs = self.model_save_fre,
            "save_every" => config.checkpoints.state_every_steps = self.save_every,
            "eval_every" => config.validation.every_epochs = self.eval_every,
            "no_eval_before" => config.validation.before = !self.no_eval_before,
            "eval_prompts" => config.validation.prompts.clone_from(&self.eval_prompts),
            "geometry" => {
                config.validation.geometry = self.geometry.unwrap_or(Geometry::LongestSide)
            }
            other => {
                let known =
                    self.views.set(other, config) || self.lora.set(other, &mut config.train.lora);
                return Ok(known || self.learning.set(other, config)?);
            }
        }
        Ok(true)
    }

    fn on_refusal(&self) -> OnRefusal {
        match self.on_refusal {
            Refusal::Fail => OnRefusal::Fail,
            Refusal::Replace => OnRefusal::Replace { budget: self.refusal_budget / 100.0 },
        }
    }

    /// The settings of the run in the output folder, with those flags that may be `given` anew. Where data and weights
    /// lie may change; the trainer makes sure that they are the same.
    pub(super) fn resumed(&self, given: &[String]) -> anyhow::Result<TrainConfig> {
        let output = self.output.as_deref().unwrap_or(Path::new(""));
        let mut config = TrainConfig::read_from_run(output)?;
        let model = self.model.resolve()?;
        for flag in given {
            match flag.as_str() {
                "output" | "resume" | "json" | "log_to" | "progress" | "quiet" => {}
                data if says_where(data) => {}
                // The run knows which sub-sets it has.
                "partial" => {}
                "checkpoint" => config.model.checkpoint.clone_from(&model.checkpoint),
                "restore_model" => config.model.restore_model.clone_from(&model.restore_model),
                later if LATER.contains(&later) => drop(self.set(later, &mut config)?),
                other => {
                    return Err(Usage(format!(
                        "--{}: a resumed run keeps this setting; begin another run to change it",
                        match other {
                            "settings" => "set".to_owned(),
                            id => id.replace('_', "-"),
                        }
                    ))
                    .into());
                }
            }
        }
        if given.iter().any(|flag| says_where(flag)) {
            let moved = self.data.moved(self.folder.as_deref())?;
            config.data.take_places(&moved).map_err(maskwright_train::Error::from)?;
        }
        config.validate()?;
        Ok(config)
    }
}

/// The ids of the flags that say which model.
const MODEL: [&str; 4] = ["checkpoint", "model_type", "model_config", "restore_model"];

/// The ids of the flags here that say settings.
const SETTINGS: [&str; 29] = [
    "prompts",
    "mask_prompt",
    "device",
    "precision",
    "allow_tf32",
    "workers",
    "prefetch_bytes",
    "decode_memory",
    "input_size",
    "train",
    "batch_size_train",
    "seed",
    "start_epoch",
    "max_epoch_num",
    "log_every",
    "on_refusal",
    "refusal_budget",
    "learning_rate",
    "lr_drop_epoch",
    "model_save_fre",
    "save_every",
    "eval_every",
    "no_eval_before",
    "eval_prompts",
    "geometry",
    "lora_rank",
    "lora_alpha",
    "lora_blocks",
    "lora_targets",
];

/// The ids of those that change no step that was done, so that a resumed run may have them anew.
const LATER: [&str; 15] = [
    "max_epoch_num",
    "log_every",
    "on_refusal",
    "refusal_budget",
    "model_save_fre",
    "save_every",
    "eval_every",
    "device",
    "workers",
    "decode_memory",
    "prefetch_bytes",
    "patience",
    "keep",
    "objects_per_step",
    "cache",
];

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    /// The flags as if these words were given.
    fn flags(words: &[&str]) -> TrainFlags {
        let command = TrainFlags::augment_args(Command::new("train"));
        let matches = command.get_matches_from([&["train", "--output", "run"], words].concat());
        TrainFlags::from_arg_matches(&matches).expect("flags")
    }

    fn config() -> TrainConfig {
        TrainConfig::new(Default::default(), "run".into())
    }

    #[test]
    fn every_setting_is_a_flag_whose_default_is_that_of_the_settings() {
        let command = TrainFlags::augment_args(Command::new("train"));
        let flags = flags(&[]);
        for flag in SETTINGS.into_iter().chain(LEARNING).chain(VIEWS) {
            assert!(command.get_arguments().any(|known| known.get_id() == flag), "{flag}");
            let mut set = config();
            let known = flags.set(flag, &mut set).expect("a default");
            assert!(known || flag == "prompts", "{flag}");
            assert_eq!(set, config(), "{flag}");
        }
        for flag in LATER {
            assert!(
                [&SETTINGS[..], &LEARNING, &VIEWS].iter().any(|flags| flags.contains(&flag)),
                "{flag}"
            );
        }
    }

    #[test]
    fn adamw_decays_as_in_pytorch_unless_told_otherwise() {
        let decay = |words: &[&str]| {
            let (flags, mut config) = (flags(words), config());
            for flag in LEARNING {
                flags.set(flag, &mut config).expect("set");
            }
            config.optimizer.weight_decay
        };
        assert_eq!(decay(&[]), 0.0);
        assert_eq!(decay(&["--optimizer", "adamw"]), 0.01);
        assert_eq!(decay(&["--optimizer", "adamw", "--weight-decay", "0.1"]), 0.1);
    }
}
