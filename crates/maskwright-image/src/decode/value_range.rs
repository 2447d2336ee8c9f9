//! Which stored numbers are black and white.

use serde::{Deserialize, Serialize};

/// The share of numbers, in thousandths, that is left below and above a range of percentiles.
const BEYOND: usize = 1;

/// The stored numbers that become 0 and 255, for pictures of more than 8 bits per channel: everything between is scaled,
/// everything beyond is cut off.
///
/// Cameras and microscopes write numbers of 10, 12 or 14 bits into files of 16, and floats of any size; nothing in
/// such a file says what is bright.
///
/// ```
/// use maskwright_image::decode::ValueRange;
/// let range = ValueRange::new(0.0, 4095.0).unwrap();
/// assert_eq!([0.0, 2047.5, 4095.0, 65535.0].map(|value| range.level(value)), [0, 128, 255, 255]);
/// assert_eq!(ValueRange::new(5.0, 5.0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct ValueRange {
    low: f64,
    high: f64,
}

impl ValueRange {
    /// From black to white; none where these are not two finite numbers, the smaller one first.
    pub fn new(low: f64, high: f64) -> Option<Self> {
        let sound = low.is_finite() && high.is_finite() && low < high;
        (sound && (high - low).is_finite()).then_some(Self { low, high })
    }

    /// Between the 0.1th and the 99.9th percentile of numbers, which are sorted; those that are not finite are left out. None
    /// where no two of these differ.
    ///
    /// ```
    /// use maskwright_image::decode::ValueRange;
    /// let range = ValueRange::spanning((0..=1000u16).map(f32::from).collect());
    /// assert_eq!(range, ValueRange::new(1.0, 999.0));
    /// ```
    pub fn spanning(mut numbers: Vec<f32>) -> Option<Self> {
        numbers.retain(|number| number.is_finite());
        numbers.sort_unstable_by(f32::total_cmp);
        let below = numbers.len() * BEYOND / 1000;
        let (low, high) = (numbers.get(below)?, numbers.iter().nth_back(below)?);
        Self::new((*low).into(), (*high).into())
    }

    /// What becomes 0.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// What becomes 255.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// The level of a stored number, rounded; 0 for NaN, which stands for "no data".
    pub fn level(&self, value: f64) -> u8 {
        // A cast cuts off at both ends and makes NaN 0.
        ((value - self.low) / (self.high - self.low) * 255.0 + 0.5) as u8
    }
}

impl TryFrom<[f64; 2]> for ValueRange {
    type Error = String;

    fn try_from([low, high]: [f64; 2]) -> Result<Self, String> {
        Self::new(low, high).ok_or_else(|| {
            format!("expected two numbers, the smaller one first, found [{low}, {high}]")
        })
    }
}

impl From<ValueRange> for [f64; 2] {
    fn from(range: ValueRange) -> Self {
        [range.low, range.high]
    }
}
