//! Maps an image to the model's input, and masks back to the image.

use burn::tensor::{Device, Tensor};
use maskwright_data::geometry::Geometry;
use maskwright_data::postprocess;
use maskwright_image::sample::{Sampler, resize_antialiased};
use maskwright_image::{RgbImage, Size};
use maskwright_model::Sam;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::error::{Error, Result};

/// Value of the padding beside the image where the model does not say it: HQ-SAM's in training.
const PAD: u8 = 128;

/// How an image of any size is fitted into the model's square input.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    Display,
    VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = no_fit)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// As in training and evaluation here: the longer side is resized to the input's side, sampled like
    /// training samples, and padded as in the model's training. Prompts are mapped by pixel areas.
    #[strum(to_string = "longest_side", serialize = "longest-side")]
    LongestSide,
    /// Both sides are stretched to the input's, as in HQ-SAM's evaluation, without padding.
    Squash,
    /// As in SAM's and HQ-SAM's published predictors, number by number: the longer side is resized with
    /// Pillow's antialiasing, zeros are added beside the image after normalisation, and prompts are
    /// scaled without regard to pixel centres, which moves them by up to half a pixel of the input.
    Sam,
}

impl Fit {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn no_fit(found: &str) -> Error {
    Error::Setting {
        key: "geometry".into(),
        expected: Fit::VARIANTS.join(", "),
        found: found.into(),
    }
}

/// One image's place in the model's input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    fit: Fit,
    geometry: Geometry,
}

impl View {
    /// The view on an image of this size for an input of `size` squared.
    pub(crate) fn new(fit: Fit, source: Size, size: usize) -> Self {
        let geometry = match fit {
            Fit::Squash => Geometry::squash(source, size),
            Fit::LongestSide | Fit::Sam => Geometry::longest_side(source, size),
        };
        Self { fit, geometry }
    }

    /// The image's size.
    pub(crate) fn source(&self) -> Size {
        self.geometry.source
    }

    /// The geometry beneath.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The image, normalised, as `[1, 3, s, s]`.
    pub(crate) fn input(&self, sam: &Sam, image: &RgbImage, device: &Device) -> Result<Tensor<4>> {
        if self.fit == Fit::Sam {
            let scaled = self.geometry.scaled;
            let planes = resize_antialiased(image, scaled).to_planes();
            return Ok(sam.preprocess_padded(&planes, 1, [scaled.height, scaled.width], device)?);
        }
        let mut pixels = vec![0; 3 * self.geometry.output.area()];
        let (rows, columns) = (self.geometry.rows(), self.geometry.cols());
        let pad = sam.padding_value().unwrap_or(PAD);
        Sampler::new().image(image, &rows, &columns, pad, &mut pixels);
        let shown = self.geometry.visible();
        Ok(sam.preprocess_fitted(&pixels, [shown.height, shown.width], device)?)
    }

    /// A pixel index of the image as one of the input.
    pub(crate) fn to_input(self, x: f64, y: f64) -> (f32, f32) {
        let (x, y) = match self.fit {
            Fit::Sam => {
                let (source, scaled) = (self.geometry.source, self.geometry.scaled);
                let stretch = |scaled: usize, source: usize| scaled as f64 / source as f64;
                (x * stretch(scaled.width, source.width), y * stretch(scaled.height, source.height))
            }
            _ => self.geometry.to_output(x, y),
        };
        (x as f32, y as f32)
    }

    /// Logits `[mask_size, mask_size]` over the input as logits of the image's size.
    pub(crate) fn to_source(self, logits: &[f32], mask_size: usize) -> Vec<f32> {
        match self.fit {
            Fit::Sam => postprocess::by_way_of_the_input(&self.geometry, logits, mask_size),
            _ => postprocess::to_source(&self.geometry, logits, mask_size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_ways_to_place_a_point() {
        let source = Size::new(30, 40);
        let ours = View::new(Fit::LongestSide, source, 80);
        let sams = View::new(Fit::Sam, source, 80);
        // The centre of the first pixel is that of the first two pixels of the input.
        assert_eq!(ours.to_input(0.0, 0.0), (0.5, 0.5));
        assert_eq!(sams.to_input(0.0, 0.0), (0.0, 0.0));
        assert_eq!(sams.to_input(10.0, 15.0), (20.0, 30.0));
    }

    #[test]
    fn names_are_read_and_others_refused() {
        for fit in [Fit::LongestSide, Fit::Squash, Fit::Sam] {
            assert_eq!(fit.name().parse::<Fit>().expect("a name"), fit);
        }
        assert_eq!("longest-side".parse::<Fit>().expect("a name"), Fit::LongestSide);
        assert!("wide".parse::<Fit>().is_err());
    }
}
