//! Where the time of a run goes.

use serde::{Deserialize, Serialize};

/// Seconds that the parts of a run took.
///
/// A GPU works on while the program prepares what comes next: there the time of a part counts where its result is first
/// waited for, so the encoder's may be among the decoder's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainTimes {
    /// Waiting for a batch.
    pub data: f64,
    /// Image features: by the encoder, or from the cache of views.
    pub encoder: f64,
    /// Prompts, masks, the choice of the loss's points, and the loss.
    pub decoder: f64,
    /// Gradients.
    pub backward: f64,
    /// Changing the weights, and their averages where there are such.
    pub update: f64,
    /// Writing checkpoints and states.
    pub saving: f64,
    /// Validation.
    pub validation: f64,
}

impl TrainTimes {
    /// Returns the parts with their names, in the order in which a run comes to them.
    pub fn parts(&self) -> [(&'static str, f64); 7] {
        [
            ("data", self.data),
            ("encoder", self.encoder),
            ("decoder", self.decoder),
            ("backward", self.backward),
            ("update", self.update),
            ("saving", self.saving),
            ("validation", self.validation),
        ]
    }

    /// Adds times to these.
    pub fn add(&mut self, other: &Self) {
        self.data += other.data;
        self.encoder += other.encoder;
        self.decoder += other.decoder;
        self.backward += other.backward;
        self.update += other.update;
        self.saving += other.saving;
        self.validation += other.validation;
    }

    /// Returns these times with the same shares of `seconds` in all, as where several threads work side by side.
    pub(crate) fn scaled_to(&self, seconds: f64) -> Self {
        let factor = match self.total() {
            total if total > 0.0 => seconds / total,
            _ => 0.0,
        };
        Self {
            data: factor * self.data,
            encoder: factor * self.encoder,
            decoder: factor * self.decoder,
            backward: factor * self.backward,
            update: factor * self.update,
            saving: factor * self.saving,
            validation: factor * self.validation,
        }
    }

    /// Returns the sum of all parts.
    pub fn total(&self) -> f64 {
        self.parts().iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Returns the time of the clock in UTC, as RFC 3339 has it, to the millisecond: `2026-11-29T13:06:20.125Z`.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Measures one part after the other.
#[derive(Debug)]
pub(crate) struct Lap(std::time::Instant);

impl Lap {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Adds the seconds since the last call, or since the start.
    pub(crate) fn add_to(&mut self, part: &mut f64) {
        let now = std::time::Instant::now();
        *part += (now - self.0).as_secs_f64();
        self.0 = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_added_and_counted() {
        let one = TrainTimes {
            data: 1.0,
            encoder: 2.0,
            decoder: 4.0,
            backward: 8.0,
            update: 16.0,
            saving: 32.0,
            validation: 64.0,
        };
        let mut two = one;
        two.add(&one);
        assert_eq!((one.total(), two.total()), (127.0, 254.0));
        assert_eq!(two.scaled_to(127.0), one);
        assert_eq!(TrainTimes::default().scaled_to(1.0), TrainTimes::default());
        assert!(two.parts().iter().zip(one.parts()).all(|(two, one)| two.1 == 2.0 * one.1));
    }
}
