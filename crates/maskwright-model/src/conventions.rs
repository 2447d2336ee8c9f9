//! How a model has to be used, beside its weights.
//!
//! Models of the same sizes can need different inputs. The normalisation of pixels, the padding beside
//! an image, and the values of mask prompts must be those of the model's training, and its metrics hold
//! for the geometry that it was validated with. [`Conventions`] store all this as JSON in the metadata
//! of the files that this crate writes (safetensors, `.pth`, Hugging Face folders and ONNX). Checkpoints
//! from elsewhere have none.
//!
//! ```
//! use maskwright_model::{Conventions, MaskPromptValues, Padding};
//!
//! let ours = Conventions::new(Padding::Value(128), MaskPromptValues::ZeroTo255, "longest_side");
//! let json = serde_json::to_string(&ours).unwrap();
//! assert!(json.contains(r#""padding":128,"mask_prompt":"0_255","geometry":"longest_side""#));
//! assert_eq!(Conventions::from_json(&json).unwrap(), ours);
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::image_sketch::ImageSketch;
use crate::mask_kind::MaskKind;

/// The mean of the pixels that SAM was trained on: red, green, blue, in 0..255.
pub const PIXEL_MEAN: [f32; 3] = [123.675, 116.28, 103.53];

/// The standard deviation of the pixels that SAM was trained on: red, green, blue, in 0..255.
pub const PIXEL_STD: [f32; 3] = [58.395, 57.12, 57.375];

/// How a model was trained and validated; see the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conventions {
    /// The mean of each channel, red, green, blue, in 0..255. It is subtracted from the pixels.
    pub pixel_mean: [f32; 3],
    /// The standard deviation of each channel, in 0..255. The differences are divided by it.
    pub pixel_std: [f32; 3],
    /// The values beside an image that does not fill the square input.
    pub padding: Padding,
    /// The values of mask prompts.
    pub mask_prompt: MaskPromptValues,
    /// The name of the geometry that the model was validated with: how an image is fitted into the
    /// square input, such as `longest_side`, `squash` or `sam`. Lower-case letters, digits and `_`.
    pub geometry: String,
    /// The mask that its validation judged, which is the one to use where none is asked for. Files of earlier versions do
    /// not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskKind>,
    /// How it was trained last. Files of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// Further entries, written by a later version. They are kept as they are.
    #[serde(flatten)]
    pub further: BTreeMap<String, serde_json::Value>,
}

/// How a model was trained last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The program and its version, such as `maskwright 0.1.0`.
    pub program: String,
    /// The SHA-256 of the checkpoint that it began with, in hexadecimal; none if it began from nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_with: Option<String>,
    /// The settings of the run that say what its weights became, as TOML with the keys of its `config.toml`; no places of files.
    pub settings: String,
    /// The images that it learned from, as far as they are files.
    pub images: ImageSketch,
}

/// The values beside an image in the model's input. In JSON this is a number or `"zero"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PaddingJson", into = "PaddingJson")]
pub enum Padding {
    /// Pixels of this value, normalised with the image.
    Value(u8),
    /// Zeros after the image was normalised, as SAM's predictor pads.
    Zero,
}

/// The values of mask prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaskPromptValues {
    /// 0 on the background and 255 on the object, as HQ-SAM trains.
    #[serde(rename = "0_255")]
    ZeroTo255,
    /// Logits, such as those of an earlier prediction, as SAM's predictor takes them.
    #[serde(rename = "logits")]
    Logits,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a padding of 0..255, or \"zero\"")]
enum PaddingJson {
    Value(u8),
    Word(ZeroWord),
}

#[derive(Clone, Serialize, Deserialize)]
enum ZeroWord {
    #[serde(rename = "zero")]
    Zero,
}

impl From<PaddingJson> for Padding {
    fn from(json: PaddingJson) -> Self {
        match json {
            PaddingJson::Value(value) => Self::Value(value),
            PaddingJson::Word(ZeroWord::Zero) => Self::Zero,
        }
    }
}

impl From<Padding> for PaddingJson {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::Value(value) => Self::Value(value),
            Padding::Zero => Self::Word(ZeroWord::Zero),
        }
    }
}

impl Conventions {
    /// Returns conventions with SAM's pixel mean and standard deviation.
    pub fn new(padding: Padding, mask_prompt: MaskPromptValues, geometry: &str) -> Self {
        Self {
            pixel_mean: PIXEL_MEAN,
            pixel_std: PIXEL_STD,
            padding,
            mask_prompt,
            geometry: geometry.to_owned(),
            mask: None,
            training: None,
            further: BTreeMap::new(),
        }
    }

    /// Reads conventions from their JSON and checks them.
    ///
    /// # Errors
    /// What is odd, in words.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        read.check()?;
        Ok(read)
    }

    /// Checks that the values are possible: mean and deviation are finite and within the range of 8
    /// bits, the deviation is above 0, and the geometry is a valid name.
    ///
    /// # Errors
    /// What is odd, in words.
    pub fn check(&self) -> Result<(), String> {
        const NAME: std::ops::RangeInclusive<usize> = 1..=40;
        let level = |v: f32| (0.0..=255.0).contains(&v);
        if !self.pixel_mean.iter().all(|&mean| level(mean)) {
            return Err(format!("expected a pixel_mean of 0..255, found {:?}", self.pixel_mean));
        }
        // A millionth of a level would make numbers that no f32 norm survives.
        if !self.pixel_std.iter().all(|&std| level(std) && std >= 1e-3) {
            let found = self.pixel_std;
            return Err(format!("expected a pixel_std above 0 and up to 255, found {found:?}"));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(NAME.contains(&self.geometry.len()) && self.geometry.chars().all(plain)) {
            let start: String = self.geometry.chars().take(*NAME.end()).collect();
            return Err(format!("expected the name of a geometry, found {start:?}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Conventions {
        Conventions::new(Padding::Value(128), MaskPromptValues::Logits, "squash")
    }

    #[test]
    fn they_are_read_as_they_are_written() {
        for conventions in [
            ours(),
            Conventions { padding: Padding::Zero, geometry: "sam".into(), ..ours() },
            Conventions { pixel_mean: [0.0, 127.5, 255.0], pixel_std: [1.0, 0.5, 255.0], ..ours() },
        ] {
            let json = serde_json::to_string(&conventions).expect("plain");
            assert_eq!(Conventions::from_json(&json), Ok(conventions));
        }
    }

    #[test]
    fn what_a_later_version_adds_is_kept() {
        let json = serde_json::to_string(&ours()).expect("plain");
        let json = json.replacen('{', r#"{"channels":{"order":"bgr"},"#, 1);
        let read = Conventions::from_json(&json).expect("readable");
        assert_eq!(read.further["channels"]["order"], "bgr");
        let again = serde_json::to_string(&read).expect("plain");
        assert_eq!(Conventions::from_json(&again), Ok(read));
    }

    #[test]
    fn hostile_values_are_refused() {
        let json = serde_json::to_string(&ours()).expect("plain");
        for (from, to) in [
            ("123.675", "NaN"),
            ("123.675", "null"),
            ("123.675", "1e39"),
            ("123.675", "-1"),
            ("123.675", "256"),
            ("123.675,", ""),
            ("58.395", "0"),
            ("58.395", "1e-30"),
            ("58.395", "-58"),
            ("58.395", "1e999"),
            ("\"padding\":128", "\"padding\":256"),
            ("\"padding\":128", "\"padding\":-1"),
            ("\"padding\":128", "\"padding\":\"none\""),
            ("\"padding\":128,", ""),
            ("\"logits\"", "\"other\""),
            ("\"squash\"", "\"\""),
            ("\"squash\"", "\"../x\""),
            ("\"squash\"", "\"a\\u0000\""),
        ] {
            assert!(json.contains(from), "{from} in {json}");
            let odd = json.replacen(from, to, 1);
            assert!(Conventions::from_json(&odd).is_err(), "{odd}");
        }
        let long = Conventions { geometry: "a".repeat(41), ..ours() };
        assert!(long.check().is_err());
        let nan = Conventions { pixel_std: [f32::NAN, 1.0, 1.0], ..ours() };
        assert!(nan.check().is_err());
        for text in ["", "null", "[]", "{}", "{\"pixel_mean\":"] {
            assert!(Conventions::from_json(text).is_err(), "{text}");
        }
    }
}
