//! The learning rate over a run, step by step.
//!
//! HQ-SAM trains with 1e-3 for ten epochs and with a tenth of it for the last two
//! (`StepLR(optimizer, lr_drop_epoch)`, whose factor is 0.1).
//!
//! ```
//! use maskwright_train::schedule::{RunStep, ScheduleConfig};
//!
//! let schedule = ScheduleConfig::default();
//! let at = |epoch| RunStep { epoch, step: 0, steps_per_epoch: 50, epochs: 12 };
//! assert_eq!(schedule.rate(1e-3, at(9)), 1e-3);
//! assert!((schedule.rate(1e-3, at(10)) - 1e-4).abs() < 1e-12);
//! ```

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a run.
///
/// The rate depends only on the position of the step in the run, so that it is also right after a
/// resume. (HQ-SAM's code sets `last_epoch` by hand when it resumes, and the rate then never drops.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The rule.
    pub kind: ScheduleKind,
    /// With [`ScheduleKind::Step`]: the number of epochs between two drops to a tenth; with 0 the rate
    /// never drops.
    pub drop_every_epochs: usize,
}

/// A rule that the learning rate follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The rate drops to a tenth every [`drop_every_epochs`](ScheduleConfig::drop_every_epochs) epochs.
    #[default]
    Step,
}

impl Default for ScheduleConfig {
    /// HQ-SAM's.
    fn default() -> Self {
        Self { kind: ScheduleKind::Step, drop_every_epochs: 10 }
    }
}

/// The position of a step in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStep {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The number of steps done in this epoch.
    pub step: usize,
    /// The number of steps of a whole epoch.
    pub steps_per_epoch: usize,
    /// The number of the epoch before which the run ends.
    pub epochs: usize,
}

impl RunStep {
    /// Returns the number of steps done since the beginning of epoch 0.
    ///
    /// An epoch that was resumed with another batch size may have more steps than the others. Steps
    /// beyond a whole epoch still count as its last one.
    pub fn global_step(&self) -> usize {
        let last = self.steps_per_epoch.saturating_sub(1);
        self.epoch * self.steps_per_epoch + self.step.min(last)
    }

    /// Returns the number of steps of the whole run, from the beginning of epoch 0.
    pub fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch
    }
}

/// What a drop multiplies the rate by (PyTorch's default `gamma`).
const DROP_FACTOR: f64 = 0.1;

impl ScheduleConfig {
    /// Returns the learning rate of a step. `base` is the optimizer's learning rate.
    pub fn rate(&self, base: f64, at: RunStep) -> f64 {
        match self.kind {
            ScheduleKind::Step => {
                let epoch = at.global_step() / at.steps_per_epoch.max(1);
                match epoch.checked_div(self.drop_every_epochs) {
                    Some(drops) => base * DROP_FACTOR.powi(drops as i32),
                    None => base,
                }
            }
        }
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
        let schedule = ScheduleConfig { kind: ScheduleKind::Step, drop_every_epochs: 3 };
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
        let schedule = ScheduleConfig { kind: ScheduleKind::Step, drop_every_epochs: 0 };
        assert_eq!(schedule.rate(0.5, place(1000, 0)), 0.5);
    }

    #[test]
    fn places_count_steps_from_the_first_epoch() {
        assert_eq!(place(2, 3).global_step(), 17);
        assert_eq!(place(2, 3).steps(), 56);
    }
}
