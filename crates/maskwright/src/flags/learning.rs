//! How a model learns: optimizer, learning rate, averages, and which checkpoints stay.

use std::collections::BTreeMap;

use clap::Args;
use maskwright_data::source::nearest;
use maskwright_train::TrainConfig;
use maskwright_train::config::{BestBy, BestMetric};
use maskwright_train::loss::{NAMED_LOSSES, TERMS};
use maskwright_train::optimizer::{OptimizerConfig, OptimizerKind};
use maskwright_train::schedule::ScheduleKind;

use super::named::named;
use crate::exit::Usage;

/// The flags of how a model learns; docs/training.md explains them.
#[derive(Args)]
#[command(next_help_heading = "Learning")]
pub(crate) struct LearningFlags {
    /// Rule that changes the weights: adam (HQ-SAM's) or adamw, with decoupled weight decay
    #[arg(long, value_name = "RULE", value_parser = named::<OptimizerKind>(), default_value = "adam")]
    optimizer: OptimizerKind,

    /// With adamw: decay of the weights of linear layers and convolutions; 0.01 if not given
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,

    /// Largest norm of all gradients together; longer ones are shortened to it; 0 for none
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f64>,

    /// Factor by which each block of the image encoder learns slower than the next, such as 0.8
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    layer_decay: f64,

    /// How the learning rate falls: step (a tenth after every --lr-drop-epoch), cosine or linear (to 0 at the
    /// end of the run), constant
    #[arg(long, value_name = "RULE", value_parser = named::<ScheduleKind>(), default_value = "step")]
    schedule: ScheduleKind,

    /// Updates at the beginning in which the learning rate grows
    #[arg(long, value_name = "N", default_value_t = 0)]
    warmup_steps: usize,

    /// Batches whose gradients make one update: --batch-size-train 1 --accumulate 8 learns as from 8 images at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    accumulate: usize,

    // Its help lists the names.
    #[arg(long, value_name = "LOSS", help = loss_help())]
    loss: Option<Loss>,

    /// Weight of one term of the loss, the others as they are; can be given several times
    #[arg(long, value_name = "NAME=WEIGHT")]
    loss_weight: Vec<Loss>,

    /// Also average the weights over the updates, with this decay, such as 0.999; evaluated and saved beside them
    /// (sam_hq_epoch_N_ema.safetensors); 0 for none
    #[arg(long, value_name = "DECAY")]
    ema: Option<f64>,

    /// End the run when so many validations in a row were no better; 0 for never
    #[arg(long, value_name = "N")]
    patience: Option<usize>,

    /// What says which epoch is the best: iou, boundary_iou, noc (the clicks until an IoU of 0.9; validations then click, too),
    /// or one of these of a validation set: SET:iou
    #[arg(long, value_name = "METRIC", default_value = "iou")]
    best_by: String,

    /// Epochs whose checkpoints stay, the newest ones, beside the best epoch's; if not given, one of the whole
    /// model, and all files of what was tuned
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

/// The weights of a loss's terms; terms that are not named are not computed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Loss(BTreeMap<String, f64>);

impl std::str::FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED_LOSSES.iter().find(|(name, _)| *name == text);
        if let Some((_, weights)) = named {
            return Ok(Self(weights.iter().map(|(name, w)| ((*name).to_owned(), *w)).collect()));
        }
        let term = |term: &str| {
            let (name, weight) = term.split_once('=')?;
            Some((name.trim().to_owned(), weight.trim().parse().ok()?))
        };
        let terms: Option<BTreeMap<String, f64>> = text.split(',').map(term).collect();
        terms.map(Self).ok_or_else(|| {
            let names = NAMED_LOSSES.map(|(name, _)| name).join(", ");
            format!("expected one of {names}, or terms with weights such as focal=20,dice=1")
        })
    }
}

/// Refuses terms that there are not, and weights that cannot be, in the words of --loss-weight.
fn check_weights(weights: &BTreeMap<String, f64>) -> Result<(), Usage> {
    let names: Vec<&str> = TERMS.iter().map(|term| term.name).collect();
    for (name, weight) in weights {
        let refused = |expected: String, found: String| {
            Err(Usage(format!("--loss-weight {name}={weight}: expected {expected}, found {found}")))
        };
        if !names.contains(&name.as_str()) {
            let meant = nearest(name, &names);
            let meant = meant.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
            return refused(format!("one of {}", names.join(", ")), format!("`{name}`{meant}"));
        }
        if !(weight.is_finite() && *weight >= 0.0) {
            return refused("a weight of at least 0".into(), weight.to_string());
        }
    }
    Ok(())
}

/// What the loss may be, by the names that there are.
fn loss_help() -> String {
    let of = |(name, weights): &(&str, &[(&str, f64)])| {
        let terms: Vec<String> = weights.iter().map(|(name, w)| format!("{name}={w}")).collect();
        format!("{name} ({})", terms.join(","))
    };
    let names: Vec<String> = NAMED_LOSSES.iter().map(of).collect();
    format!("Loss: {}, or such terms with weights; hq_sam if not given", names.join(", "))
}

impl LearningFlags {
    /// Sets what the flag of this id says; false if it is none of these.
    pub(crate) fn set(&self, flag: &str, config: &mut TrainConfig) -> anyhow::Result<bool> {
        match flag {
            "optimizer" => {
                if config.optimizer.kind != self.optimizer {
                    config.optimizer.weight_decay = match self.optimizer {
                        OptimizerKind::Adam => 0.0,
                        OptimizerKind::AdamW => OptimizerConfig::WEIGHT_DECAY,
                    };
                }
                config.optimizer.kind = self.optimizer;
            }
            "weight_decay" => {
                if let Some(decay) = self.weight_decay {
                    config.optimizer.weight_decay = decay;
                }
            }
            // What a preset asks for can be taken back by 0.
            "clip_norm" => config.optimizer.clip_norm = self.clip_norm.filter(|norm| *norm != 0.0),
            "layer_decay" => config.optimizer.layer_decay = self.layer_decay,
            "schedule" => config.schedule.kind = self.schedule,
            "warmup_steps" => config.schedule.warmup_steps = self.warmup_steps,
            "accumulate" => config.train.accumulate = self.accumulate,
            "loss" => {
                if let Some(Loss(weights)) = &self.loss {
                    let weights = weights.iter().map(|(name, weight)| (name.as_str(), *weight));
                    config.train.loss.set_weights(weights);
                }
            }
            "loss_weight" => {
                for Loss(weights) in &self.loss_weight {
                    check_weights(weights)?;
                    config.train.loss.weights.extend(weights.clone());
                }
            }
            "ema" => config.train.ema = self.ema.filter(|decay| *decay != 0.0),
            "patience" => config.train.patience = self.patience.filter(|count| *count > 0),
            "best_by" => {
                let best_by = self.best_by.parse::<BestBy>()?;
                if best_by.metric == BestMetric::Noc {
                    config.validation.clicks.get_or_insert_default();
                }
                config.checkpoints.best_by = best_by;
            }
            "keep" => config.checkpoints.keep = self.keep,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The ids of these flags, in the order in which they are set.
pub(crate) const LEARNING: [&str; 13] = [
    "optimizer",
    "weight_decay",
    "clip_norm",
    "layer_decay",
    "schedule",
    "warmup_steps",
    "accumulate",
    "loss",
    "loss_weight",
    "ema",
    "patience",
    "best_by",
    "keep",
];
