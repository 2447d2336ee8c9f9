//! The learning rate over a run, update by update.
//!
//! HQ-SAM trains with 1e-3 for ten epochs and with a tenth of it for the last two
//! (`StepLR(optimizer, lr_drop_epoch)`, whose factor is 0.1).
//!
//! ```
//! use maskwright_train::schedule::{RunStep, ScheduleConfig, ScheduleKind};
//!
//! let schedule = ScheduleConfig::default();
//! let at = |epoch, step| RunStep { epoch, step, steps_per_epoch: 50, epochs: 12 };
//! assert_eq!(schedule.rate(1e-3, at(9, 0)), 1e-3);
//! assert!((schedule.rate(1e-3, at(10, 0)) - 1e-4).abs() < 1e-12);
//!
//! // Up over ten updates, then down to zero on half a wave.
//! let cosine = ScheduleConfig { kind: ScheduleKind::Cosine, warmup_steps: 10, ..schedule };
//! assert_eq!(cosine.rate(1e-3, at(0, 4)), 0.5e-3);
//! assert_eq!(cosine.rate(1e-3, at(0, 10)), 1e-3);
//! assert!(cosine.rate(1e-3, at(11, 49)) < 1e-8);
//! ```

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a run.
///
/// The rate depends only on the position of the update in the run, so that it is also right after a
/// resume. (HQ-SAM's code sets `last_epoch` by hand when it resumes, and the rate then never drops.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The rule.
    pub kind: ScheduleKind,
    /// With [`ScheduleKind::Step`]: the number of epochs between two drops to a tenth; with 0 the rate
    /// never drops.
    pub drop_every_epochs: usize,
    /// The number W of updates at the beginning of the run in which the rate grows evenly: update u from 0 has
    /// `(u + 1) / W` of what it would have. 0 for none.
    pub warmup_steps: usize,
}

/// A rule that the learning rate follows after the warm-up. U is the number of updates of the run, W that of its
/// warm-up, u the update from 0.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ScheduleKind {
    /// The rate drops to a tenth every [`drop_every_epochs`](ScheduleConfig::drop_every_epochs) epochs.
    #[default]
    Step,
    /// The rate falls to 0 along half a cosine wave (Loshchilov and Hutter, 2017, without restarts):
    /// `(1 + cos(pi (u - W) / (U - W))) / 2`, PyTorch's `CosineAnnealingLR`.
    Cosine,
    /// The rate stays.
    Constant,
    /// The rate falls to 0 in a straight line: `1 - (u - W) / (U - W)`.
    Linear,
}

impl Default for ScheduleConfig {
    /// HQ-SAM's.
    fn default() -> Self {
        Self { kind: ScheduleKind::Step, drop_every_epochs: 10, warmup_steps: 0 }
    }
}

/// The position of an update in its run. Where every batch makes an update, updates are steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStep {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The number of updates done in this epoch.
    pub step: usize,
    /// The number of updates of a whole epoch.
    pub steps_per_epoch: usize,
    /// The number of the epoch before which the run ends.
    pub epochs: usize,
}

impl RunStep {
    /// Returns the number of updates done since the beginning of epoch 0.
    ///
    /// An epoch that was resumed with another batch size may have more updates than the others. Updates
    /// beyond a whole epoch still count as its last one.
    pub fn global_step(&self) -> usize {
        let last = self.steps_per_epoch.saturating_sub(1);
        self.epoch * self.steps_per_epoch + self.step.min(last)
    }

    /// Returns the number of updates of the whole run, from the beginning of epoch 0.
    pub fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch
    }
}

/// What a drop multiplies the rate by (PyTorch's default `gamma`).
const DROP_FACTOR: f64 = 0.1;

impl ScheduleConfig {
    /// Returns the learning rate of an update. `base` is the optimizer's learning rate.
    pub fn rate(&self, base: f64, at: RunStep) -> f64 {
        let rate = match self.kind {
            ScheduleKind::Step => {
                let epoch = at.global_step() / at.steps_per_epoch.max(1);
                match epoch.checked_div(self.drop_every_epochs) {
                    Some(drops) => base * DROP_FACTOR.powi(drops as i32),
                    None => base,
                }
            }
            ScheduleKind::Cosine => {
                base * (1.0 + (std::f64::consts::PI * self.done(at)).cos()) / 2.0
            }
            ScheduleKind::Constant => base,
            ScheduleKind::Linear => base * (1.0 - self.done(at)),
        };
        match at.global_step() + 1 {
            update if update < self.warmup_steps => {
                rate * (update as f64 / self.warmup_steps as f64)
            }
            _ => rate,
        }
    }

    /// The share of what follows the warm-up that is done, 0 to 1.
    fn done(&self, at: RunStep) -> f64 {
        let after = at.steps().saturating_sub(self.warmup_steps).max(1);
        at.global_step().saturating_sub(self.warmup_steps) as f64 / after as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epoch: usize, step: usize) -> RunStep {
        RunStep { epoch, step, steps_per_epoch: 7, epochs: 8 }
    }

    #[test]
    fn drops_tenfold_every_drop_epoch() {
        let schedule = ScheduleConfig { drop_every_epochs: 3, ..ScheduleConfig::default() };
        let wanted = [1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5];
        for (epoch, wanted) in wanted.into_iter().enumerate() {
            // The first step of an epoch, its last, and one more, after a resume with other batches.
            for step in [0, 6, 7] {
                let rate = schedule.rate(1e-3, place(epoch, step));
                assert!((rate / wanted - 1.0).abs() < 1e-12, "{rate} {wanted}");
            }
        }
    }

    #[test]
    fn zero_never_drops() {
        let schedule = ScheduleConfig { drop_every_epochs: 0, ..ScheduleConfig::default() };
        assert_eq!(schedule.rate(0.5, place(1000, 0)), 0.5);
    }

    #[test]
    fn places_count_steps_from_the_first_epoch() {
        assert_eq!(place(2, 3).global_step(), 17);
        assert_eq!(place(2, 3).steps(), 56);
    }
}
