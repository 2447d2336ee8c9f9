//! The learning rate over the epochs: a step schedule.
//!
//! HQ-SAM trains with 1e-3 for ten epochs and with a tenth of it for the last two
//! (`StepLR(optimizer, lr_drop_epoch)`, whose factor is 0.1).
//!
//! ```
//! use maskwright_train::schedule::StepSchedule;
//! let schedule = StepSchedule { learning_rate: 1e-3, drop_epoch: 10 };
//! assert_eq!(schedule.at(9), 1e-3);
//! assert!((schedule.at(10) - 1e-4).abs() < 1e-12);
//! ```

use serde::{Deserialize, Serialize};

/// Divides the learning rate by ten every `drop_epoch` epochs.
///
/// The rate is a function of the epoch's number alone, so that it is right after a
/// resume too (the reference sets `last_epoch` by hand there and then never drops).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepSchedule {
    /// The rate of the first epochs.
    pub learning_rate: f64,
    /// Epochs between two drops; 0 never drops.
    pub drop_epoch: usize,
}

/// What a drop multiplies the rate by (PyTorch's default `gamma`).
const DROP_FACTOR: f64 = 0.1;

impl StepSchedule {
    /// The learning rate in `epoch`, counted from 0.
    pub fn at(&self, epoch: usize) -> f64 {
        match epoch.checked_div(self.drop_epoch) {
            Some(drops) => self.learning_rate * DROP_FACTOR.powi(drops as i32),
            None => self.learning_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_tenfold_every_drop_epoch() {
        let schedule = StepSchedule { learning_rate: 1e-3, drop_epoch: 3 };
        let rates: Vec<f64> = (0..8).map(|epoch| schedule.at(epoch)).collect();
        let wanted = [1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5];
        for (rate, wanted) in rates.iter().zip(wanted) {
            assert!((rate / wanted - 1.0).abs() < 1e-12, "{rate} {wanted}");
        }
    }

    #[test]
    fn zero_never_drops() {
        let schedule = StepSchedule { learning_rate: 0.5, drop_epoch: 0 };
        assert_eq!(schedule.at(1000), 0.5);
    }
}
