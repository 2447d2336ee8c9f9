//! The number types of checkpoint files, and the way from one to another.

use std::str::FromStr;

use half::{bf16, f16};
use strum::{Display, EnumString, IntoStaticStr};

use crate::error::{Error, Result};
use crate::words;

/// The type of a tensor's values in a file; all are little-endian.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum Element {
    /// IEEE 754 single precision, what models are computed in.
    #[strum(to_string = "f32", serialize = "float32")]
    F32,
    /// IEEE 754 half precision.
    #[strum(to_string = "f16", serialize = "float16")]
    F16,
    /// The upper half of an f32.
    #[strum(to_string = "bf16", serialize = "bfloat16")]
    Bf16,
    /// IEEE 754 double precision.
    F64,
    /// Counters: batch normalisation's `num_batches_tracked`.
    I64,
}

impl Element {
    /// Those that a checkpoint can be brought to.
    pub const WRITABLE: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// The type of this name, one of [`Element::WRITABLE`].
    ///
    /// # Errors
    /// [`Error::Config`] for another.
    pub fn writable(name: &str) -> Result<Self> {
        let element = Self::from_str(name).ok().filter(|element| Self::WRITABLE.contains(element));
        element.ok_or_else(|| Error::Config {
            field: "dtype",
            value: name.to_owned(),
            reason: format!("known: {}", Self::writable_names("and")),
        })
    }

    /// The names of [`Element::WRITABLE`]: "a, b or c", where `last` is "or".
    pub fn writable_names(last: &str) -> String {
        words::list(&Self::WRITABLE.map(Into::into), last)
    }

    /// Bytes of one value.
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// Whether it is a floating-point type.
    pub const fn is_float(self) -> bool {
        !matches!(self, Self::I64)
    }

    /// The value in `bytes`, of which there are [`Element::size`].
    fn decode(self, bytes: &[u8]) -> f64 {
        match (self, bytes) {
            (Self::F32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
            (Self::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f64(),
            (Self::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f64(),
            (Self::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            (Self::I64, &[a, b, c, d, e, f, g, h]) => {
                i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64
            }
            _ => f64::NAN,
        }
    }

    /// Appends values as f32, rounded to the nearest where they are wider.
    pub(crate) fn to_f32(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => {
                values.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)));
            }
            _ => values.extend(bytes.chunks_exact(self.size()).map(|b| self.decode(b) as f32)),
        }
    }

    /// The bytes of f32 values in this type, rounded to nearest even.
    pub(crate) fn of_f32(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
            Self::F64 => values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect(),
            Self::I64 => values.iter().flat_map(|&v| (v as i64).to_le_bytes()).collect(),
        }
    }

    /// Bytes of this type in another, each value rounded once, to nearest even; counters stay what
    /// they are, and so do bytes of that type already.
    pub(crate) fn convert(self, bytes: &[u8], to: Self) -> Vec<u8> {
        if self == to || !self.is_float() || !to.is_float() {
            return bytes.to_vec();
        }
        let values = bytes.chunks_exact(self.size()).map(|b| self.decode(b));
        match to {
            Self::F32 => values.flat_map(|v| (v as f32).to_le_bytes()).collect(),
            Self::F16 => values.flat_map(|v| f16::from_f32(to_odd(v)).to_le_bytes()).collect(),
            Self::Bf16 => values.flat_map(|v| bf16::from_f32(to_odd(v)).to_le_bytes()).collect(),
            Self::F64 | Self::I64 => values.flat_map(f64::to_le_bytes).collect(),
        }
    }

    /// How many values are NaN or infinite.
    pub(crate) fn not_finite(self, bytes: &[u8]) -> usize {
        // Not finite is an exponent of ones, which the highest bytes tell without decoding.
        let exponent = |mask: u16, high: usize| {
            bytes
                .chunks_exact(self.size())
                .filter(|b| u16::from_le_bytes([b[high], b[high + 1]]) & mask == mask)
                .count()
        };
        match self {
            Self::F32 => exponent(0x7f80, 2),
            Self::F16 => exponent(0x7c00, 0),
            Self::Bf16 => exponent(0x7f80, 0),
            Self::F64 => exponent(0x7ff0, 6),
            Self::I64 => 0,
        }
    }
}

/// An f32 that rounds to any narrower type as the f64 does: where it is not exact, towards zero with the
/// last bit set (Boldo and Melquiond, 2008). `half`'s own way from f64 drops the lower 32 bits.
fn to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    if !nearest.is_finite() || f64::from(nearest) == value {
        return nearest;
    }
    let above = f64::from(nearest).abs() > value.abs();
    f32::from_bits((nearest.to_bits() - u32::from(above)) | 1)
}

/// What number type a model's tensor has in files: PyTorch's counters are integers.
pub(super) fn element_of(name: &str) -> Element {
    if name.ends_with("num_batches_tracked") { Element::I64 } else { Element::F32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOATS: [Element; 4] = [Element::F32, Element::F16, Element::Bf16, Element::F64];

    fn values(element: Element, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        element.to_f32(bytes, &mut values);
        values
    }

    #[test]
    fn narrow_values_survive_the_way_through_wider_types() {
        for narrow in [Element::F16, Element::Bf16] {
            let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            for wide in [Element::F32, Element::F64] {
                let back = wide.convert(&narrow.convert(&bytes, wide), narrow);
                for (pattern, (a, b)) in bytes.chunks(2).zip(back.chunks(2)).enumerate() {
                    // A signalling NaN comes back as a quiet one.
                    assert!(a == b || narrow.decode(a).is_nan(), "{narrow} {pattern:04x}");
                }
            }
            let values = values(narrow, &bytes);
            let finite = values.iter().filter(|v| v.is_finite()).count();
            assert_eq!(narrow.not_finite(&bytes), 65_536 - finite, "{narrow}");
        }
    }

    #[test]
    fn rounding_is_to_nearest_even_and_once() {
        // Between 1 and the next bf16, 1 + 2^-7, lies the tie 1 + 2^-8; a hair above it is up. By way
        // of f32 the hair would be lost, and the tie go down.
        let hair = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        let bytes = Element::F64.convert(&hair.to_le_bytes(), Element::Bf16);
        assert_eq!(values(Element::Bf16, &bytes), [1.0078125]);
        let tie = (1.0 + 2f64.powi(-8)).to_le_bytes();
        assert_eq!(values(Element::Bf16, &Element::F64.convert(&tie, Element::Bf16)), [1.0]);
        // Below the tie, by less than an f32 tells: down; and so its negative.
        let below = 1.0 + 3.0 * 2f64.powi(-8) - 2f64.powi(-40);
        for (sign, expected) in [(1.0, 1.0078125), (-1.0, -1.0078125)] {
            let bytes = Element::F64.convert(&(sign * below).to_le_bytes(), Element::Bf16);
            assert_eq!(values(Element::Bf16, &bytes), [expected]);
        }
        let hair: f64 = 1.0 + 2f64.powi(-11) + 2f64.powi(-45);
        let bytes = Element::F64.convert(&hair.to_le_bytes(), Element::F16);
        assert_eq!(values(Element::F16, &bytes), [1.0 + 2f32.powi(-10)]);
    }

    #[test]
    fn what_is_not_finite_is_counted_in_every_type() {
        let values = [0.0, -1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 65_504.0];
        for element in FLOATS {
            assert_eq!(element.not_finite(&element.of_f32(&values)), 3, "{element}");
        }
        // What f16 cannot hold becomes infinite.
        assert_eq!(Element::F16.not_finite(&Element::F16.of_f32(&[70_000.0, 1.0])), 1);
        assert_eq!(Element::I64.not_finite(&[0xff; 16]), 0);
    }

    #[test]
    fn names_are_read_and_written() {
        for (name, own) in [("f32", "f32"), ("f16", "f16"), ("bf16", "bf16"), ("bfloat16", "bf16")]
        {
            assert_eq!(Element::writable(name).unwrap().to_string(), own);
        }
        let refusals = ["f8", "f64"].map(|name| Element::writable(name).unwrap_err().to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
            model configuration: dtype = f8: known: f32, f16 and bf16
            model configuration: dtype = f64: known: f32, f16 and bf16
            ");
    }
}
