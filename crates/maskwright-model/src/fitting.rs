//! Fitting images into a model's input as its [`Conventions`](crate::Conventions) say.

use std::str::FromStr;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::conventions::Padding;
use crate::error::{Error, Result};
use crate::sam::Sam;

/// Where the geometry by which images are fitted into the input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeometryFrom {
    /// The caller.
    Caller,
    /// The checkpoint, which stores the geometry that its model was validated with.
    Checkpoint,
    /// Neither: the checkpoint stores no geometry, so the default is used.
    Default,
}

impl Sam {
    /// Returns the geometry to use and where it comes from: `asked` if given, otherwise the one that the
    /// model was validated with, otherwise `otherwise`. The last is also used if `G` does not know the
    /// checkpoint's geometry.
    pub fn geometry<G: FromStr>(&self, asked: Option<G>, otherwise: G) -> (G, GeometryFrom) {
        let validated = || self.conventions()?.geometry.parse().ok();
        match (asked, validated()) {
            (Some(geometry), _) => (geometry, GeometryFrom::Caller),
            (None, Some(geometry)) => (geometry, GeometryFrom::Checkpoint),
            (None, None) => (otherwise, GeometryFrom::Default),
        }
    }

    /// Returns the value of the pixels beside an image, 0..=255, if the model's conventions give one.
    pub fn padding_value(&self) -> Option<u8> {
        match self.conventions()?.padding {
            Padding::Value(value) => Some(value),
            Padding::Zero => None,
        }
    }

    /// As [`Sam::preprocess`] for one image `[3, s, s]` of which only the upper left `[h, w]` shows
    /// something. If the conventions ask for zeros after normalisation beside it, these replace the
    /// rest.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of pixels, or h or w beyond the model's input.
    pub fn preprocess_fitted(
        &self,
        pixels: &[u8],
        [h, w]: [usize; 2],
        device: &Device,
    ) -> Result<Tensor<4>> {
        let side = self.config().image_size;
        let zeros = self.conventions().is_some_and(|found| found.padding == Padding::Zero);
        if !zeros || [h, w] == [side, side] {
            return self.preprocess(pixels, 1, device);
        }
        if pixels.len() != 3 * side * side || h > side || w > side {
            return Err(Error::Input {
                what: "image pixels",
                expected: format!("3 x {side} x {side}"),
                found: format!("{}, {h} x {w} of them shown", pixels.len()),
            });
        }
        let rows = pixels.chunks_exact(side).enumerate();
        let shown: Vec<u8> =
            rows.filter(|(y, _)| y % side < h).flat_map(|(_, row)| &row[..w]).copied().collect();
        self.preprocess_padded(&shown, 1, [h, w], device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SamConfig;
    use crate::conventions::{Conventions, MaskPromptValues};

    fn sam(padding: Padding, geometry: &str) -> Sam {
        let sam = SamConfig::small(32, 16, 32, 2).init(&Device::flex(), 3).expect("a model");
        let conventions = Conventions::new(padding, MaskPromptValues::ZeroTo255, geometry);
        sam.with_conventions(conventions).expect("possible")
    }

    #[test]
    fn the_caller_goes_before_the_checkpoint_and_both_before_habit() {
        let ours = sam(Padding::Value(128), "77");
        assert_eq!(ours.geometry(Some(5), 9), (5, GeometryFrom::Caller));
        assert_eq!(ours.geometry(None, 9), (77, GeometryFrom::Checkpoint));
        let later = sam(Padding::Value(128), "of_a_later_version");
        assert_eq!(later.geometry(None, 9), (9, GeometryFrom::Default));
        let foreign = SamConfig::small(32, 16, 32, 2).init(&Device::flex(), 3).expect("a model");
        assert_eq!(foreign.geometry(None, 9), (9, GeometryFrom::Default));
    }

    #[test]
    fn what_lies_beside_the_image_is_as_in_training() {
        let device = Device::flex();
        let pixels: Vec<u8> = (0..3 * 32 * 32).map(|i| (i % 251) as u8).collect();
        let values = |sam: &Sam| -> Vec<f32> {
            let input = sam.preprocess_fitted(&pixels, [20, 32], &device).expect("an input");
            assert_eq!(input.dims(), [1, 3, 32, 32]);
            input.into_data().iter::<f32>().collect()
        };
        let grey = values(&sam(Padding::Value(128), "longest_side"));
        let zero = values(&sam(Padding::Zero, "longest_side"));
        for (i, (grey, zero)) in grey.into_iter().zip(zero).enumerate() {
            let shown = i / 32 % 32 < 20;
            assert!(if shown { grey == zero } else { zero == 0.0 }, "{i}: {grey} {zero}");
        }
    }
}
