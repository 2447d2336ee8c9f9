//! The geometry of a sample: where every pixel of it comes from.
//!
//! One [`Geometry`] maps the image, the label and the prompts. The source image is mirrored, resized,
//! cropped, and padded at the right and the bottom, in this order. Training, evaluation and prediction
//! differ only in the preset:
//!
//! | preset | what it does | used by |
//! |---|---|---|
//! | [`Geometry::jitter`] | resizes both axes by one scale, then crops | HQ-SAM's training |
//! | [`Geometry::squash`] | stretches both axes to the full output | HQ-SAM's evaluation |
//! | [`Geometry::longest_side`] | resizes the longer side to the full output and keeps the proportions | SAM's predictor |
//!
//! # Coordinates
//!
//! Points are `(x, y)` in pixel indices: the *centre* of the top-left pixel is `(0, 0)`, x grows to the
//! right, y down. Resizing follows `align_corners = false`: it stretches pixel areas, not the distances
//! of pixel centres, so index `i` of `n` maps to `(i + 0.5) * scaled / n - 0.5`.
//!
//! ```
//! use maskwright_data::geometry::Geometry;
//! use maskwright_image::Size;
//!
//! let geometry = Geometry::longest_side(Size::new(300, 400), 1024);
//! assert_eq!(geometry.scaled, Size::new(768, 1024));
//! assert_eq!(geometry.visible(), geometry.scaled); // the 256 rows below are padding
//! let (x, y) = geometry.to_output(199.5, 149.5); // the middle of the image
//! assert_eq!((x, y), (511.5, 383.5));
//! assert_eq!(geometry.to_source(x, y), (199.5, 149.5));
//! ```

use maskwright_image::Size;
use maskwright_image::sample::AxisTable;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::error::Error;

/// A mirrored, resized, cropped and padded view of an image.
///
/// In JSON a size is `[height, width]` and the crop is `[row, column]`. All sizes are in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// The size of the source image.
    #[serde(with = "pair")]
    pub source: Size,
    /// Whether the source is mirrored left to right, before everything else.
    pub flip: bool,
    /// The size of the whole image after resizing. The output may show only a part of it.
    #[serde(with = "pair")]
    pub scaled: Size,
    /// The row and column of the resized image that are row 0 and column 0 of the output.
    pub crop: (usize, usize),
    /// The size of the output. What is beyond the resized image is padding.
    #[serde(with = "pair")]
    pub output: Size,
}

impl Geometry {
    /// Returns a view of the image as it is, to which steps can be applied.
    pub fn whole(source: Size) -> Geometry {
        Geometry { source, flip: false, scaled: source, crop: (0, 0), output: source }
    }

    /// Returns HQ-SAM's large scale jitter with the crop at the top-left; for other crops see
    /// [`with_crop`](Geometry::with_crop).
    ///
    /// The image is resized, keeping its proportions, so that it just fits into a square with a side of
    /// `scale * size` pixels. The arithmetic is the reference's, in f32 with ties rounded to even,
    /// except that a side never becomes smaller than one pixel. The output of `size` x `size` pixels
    /// shows the part that begins at the crop's position.
    pub fn jitter(source: Size, size: usize, flip: bool, scale: f32) -> Geometry {
        let whole = Geometry::whole(source).with_flip(flip);
        whole.scaled_to_fit(size, scale).with_output(Size::square(size))
    }

    /// All of what this view shows, resized as by [`jitter`](Geometry::jitter) and not cropped yet; the
    /// view must show all of the image.
    pub(crate) fn scaled_to_fit(self, size: usize, scale: f32) -> Geometry {
        let (h, w) = (self.output.height as f32, self.output.width as f32);
        let target = (scale * size as f32).round_ties_even();
        let ratio = (target / h).min(target / w);
        let side = |length: f32| ((length * ratio).round_ties_even() as usize).max(1);
        self.resized(Size::new(side(h), side(w)))
    }

    /// Returns a view of the whole image, stretched to `size`.
    pub fn resized(self, size: Size) -> Geometry {
        Geometry { scaled: size, crop: (0, 0), output: size, ..self }
    }

    /// Returns a view with both axes stretched to `size`, as in HQ-SAM's evaluation. It does not keep
    /// the proportions and has no padding.
    pub fn squash(source: Size, size: usize) -> Geometry {
        Geometry::whole(source).resized(Size::square(size))
    }

    /// Returns a view with the longer side resized to `size` and the shorter one in proportion, padded
    /// at the right or the bottom, as in SAM's predictor. Sides are computed in f64, with halves rounded
    /// up.
    pub fn longest_side(source: Size, size: usize) -> Geometry {
        Geometry::whole(source).fitted(size)
    }

    /// [`longest_side`](Geometry::longest_side) of what this view shows; the view must show all of the
    /// image.
    pub(crate) fn fitted(self, size: usize) -> Geometry {
        let ratio = size as f64 / self.output.height.max(self.output.width) as f64;
        let side = |length: usize| ((length as f64 * ratio + 0.5) as usize).max(1);
        self.resized(Size::new(side(self.output.height), side(self.output.width)))
            .with_output(Size::square(size))
    }

    /// Returns the same view, mirrored if `flip` is true.
    pub fn with_flip(self, flip: bool) -> Geometry {
        Geometry { flip, ..self }
    }

    /// Returns the same view with its top-left pixel at row `crop.0` and column `crop.1` of the resized
    /// image.
    pub fn with_crop(self, crop: (usize, usize)) -> Geometry {
        Geometry { crop, ..self }
    }

    /// Returns the same view with another output size and the same top-left pixel.
    pub fn with_output(self, output: Size) -> Geometry {
        Geometry { output, ..self }
    }

    /// Returns how far the crop can be moved down and right before it shows padding: the size of the
    /// resized image minus that of the output, or 0 if the image is smaller. Crops of a whole image are
    /// drawn from `0..=margin`.
    pub fn margin(&self) -> Size {
        let side = |scaled: usize, output: usize| scaled.saturating_sub(output);
        Size {
            height: side(self.scaled.height, self.output.height),
            width: side(self.scaled.width, self.output.width),
        }
    }

    /// Returns the number of rows and columns of the output that show the image. The rest is padding.
    pub fn visible(&self) -> Size {
        let side =
            |scaled: usize, crop: usize, output: usize| scaled.saturating_sub(crop).min(output);
        Size {
            height: side(self.scaled.height, self.crop.0, self.output.height),
            width: side(self.scaled.width, self.crop.1, self.output.width),
        }
    }

    /// Returns the sampling table of the rows.
    pub fn rows(&self) -> AxisTable {
        AxisTable::new(
            self.source.height,
            self.scaled.height,
            false,
            self.crop.0,
            self.output.height,
        )
    }

    /// Returns the sampling table of the columns.
    pub fn cols(&self) -> AxisTable {
        AxisTable::new(
            self.source.width,
            self.scaled.width,
            self.flip,
            self.crop.1,
            self.output.width,
        )
    }

    /// Sets two tables to [`rows`](Geometry::rows) and [`cols`](Geometry::cols), reusing their memory.
    pub fn set_tables(&self, rows: &mut AxisTable, cols: &mut AxisTable) {
        rows.set(self.source.height, self.scaled.height, false, self.crop.0, self.output.height);
        cols.set(self.source.width, self.scaled.width, self.flip, self.crop.1, self.output.width);
    }

    /// Maps the point `(x, y)` of the source to the output. Points that the crop does not show get
    /// negative coordinates, or coordinates beyond the output.
    pub fn to_output(&self, x: f64, y: f64) -> (f64, f64) {
        let x = if self.flip { self.source.width as f64 - 1.0 - x } else { x };
        let axis = |at: f64, source: usize, scaled: usize, crop: usize| {
            (at + 0.5) * scaled as f64 / source as f64 - 0.5 - crop as f64
        };
        (
            axis(x, self.source.width, self.scaled.width, self.crop.1),
            axis(y, self.source.height, self.scaled.height, self.crop.0),
        )
    }

    /// Maps the point `(x, y)` of the output to the source. It is the inverse of
    /// [`to_output`](Geometry::to_output).
    pub fn to_source(&self, x: f64, y: f64) -> (f64, f64) {
        let axis = |at: f64, source: usize, scaled: usize, crop: usize| {
            (at + 0.5 + crop as f64) * source as f64 / scaled as f64 - 0.5
        };
        let x = axis(x, self.source.width, self.scaled.width, self.crop.1);
        let y = axis(y, self.source.height, self.scaled.height, self.crop.0);
        (if self.flip { self.source.width as f64 - 1.0 - x } else { x }, y)
    }

    /// Maps the box `[x0, y0, x1, y1]` of the source to the output, with x0 <= x1 also if the view is
    /// mirrored.
    pub fn box_to_output(&self, corners: [f64; 4]) -> [f64; 4] {
        let a = self.to_output(corners[0], corners[1]);
        let b = self.to_output(corners[2], corners[3]);
        ordered(a, b)
    }

    /// Maps the box `[x0, y0, x1, y1]` of the output to the source, with x0 <= x1.
    pub fn box_to_source(&self, corners: [f64; 4]) -> [f64; 4] {
        let a = self.to_source(corners[0], corners[1]);
        let b = self.to_source(corners[2], corners[3]);
        ordered(a, b)
    }
}

fn ordered(a: (f64, f64), b: (f64, f64)) -> [f64; 4] {
    [a.0.min(b.0), a.1.min(b.1), a.0.max(b.0), a.1.max(b.1)]
}

/// Sizes as `[height, width]`, the form that they have in files.
mod pair {
    use maskwright_image::Size;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(size: &Size, to: S) -> Result<S::Ok, S::Error> {
        [size.height, size.width].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Size, D::Error> {
        <[usize; 2]>::deserialize(from).map(|[height, width]| Size { height, width })
    }
}

/// A geometry without random draws, for evaluation and prediction.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = no_preset)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// [`Geometry::squash`]: HQ-SAM's evaluation.
    #[default]
    Squash,
    /// [`Geometry::longest_side`]: SAM's predictor.
    #[strum(to_string = "longest_side", serialize = "longest-side")]
    LongestSide,
}

impl Preset {
    /// Returns the name in settings and in checkpoints.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the view of an image of the size `source`, for an input of `size` x `size` pixels.
    pub fn geometry(self, source: Size, size: usize) -> Geometry {
        match self {
            Preset::Squash => Geometry::squash(source, size),
            Preset::LongestSide => Geometry::longest_side(source, size),
        }
    }
}

fn no_preset(found: &str) -> Error {
    Error::unknown_name("geometry", Preset::VARIANTS, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn jitter_rounds_ties_to_even() {
        // 0.5 * 5 = 2.5 goes to 2, not 3.
        assert_eq!(Geometry::jitter(Size::new(5, 5), 5, false, 0.5).scaled, Size::new(2, 2));
        // 0.7 * 5 = 3.5 goes to 4.
        assert_eq!(Geometry::jitter(Size::new(5, 5), 5, false, 0.7).scaled, Size::new(4, 4));
    }

    #[test]
    fn jitter_keeps_proportions() {
        let geometry = Geometry::jitter(Size::new(300, 400), 1024, false, 1.0);
        assert_eq!(geometry.scaled, Size::new(768, 1024));
        assert_eq!(geometry.margin(), Size::new(0, 0));
        assert_eq!(geometry.visible(), Size::new(768, 1024));
        let larger = Geometry::jitter(Size::new(300, 400), 1024, true, 2.0);
        assert_eq!(larger.scaled, Size::new(1536, 2048));
        assert_eq!(larger.margin(), Size::new(512, 1024));
        assert_eq!(larger.with_crop((512, 1024)).visible(), Size::new(1024, 1024));
    }

    #[test]
    fn no_side_vanishes() {
        assert_eq!(
            Geometry::jitter(Size::new(3, 4000), 1024, false, 0.1).scaled,
            Size::new(1, 102)
        );
        assert_eq!(Geometry::longest_side(Size::new(1, 9000), 1024).scaled, Size::new(1, 1024));
    }

    #[test]
    fn longest_side_rounds_halves_up() {
        // 333 * 1024 / 500 = 681.98.
        assert_eq!(Geometry::longest_side(Size::new(333, 500), 1024).scaled, Size::new(682, 1024));
        assert_eq!(Geometry::longest_side(Size::new(5, 4), 10).scaled, Size::new(10, 8));
    }

    #[test]
    fn a_mirrored_corner_goes_to_the_other_side() {
        let geometry = Geometry::squash(Size::new(10, 20), 20).with_flip(true);
        assert_eq!(geometry.to_output(0.0, 0.0), (19.0, 0.5));
        assert_eq!(geometry.box_to_output([0.0, 0.0, 4.0, 4.0]), [15.0, 0.5, 19.0, 8.5]);
    }

    /// In files a size is a pair, its height first.
    #[test]
    fn sizes_are_written_as_height_and_width() {
        let geometry = Geometry::jitter(Size::new(300, 400), 64, true, 1.0).with_crop((0, 3));
        let text = serde_json::to_string(&geometry).unwrap();
        let expected =
            r#"{"source":[300,400],"flip":true,"scaled":[48,64],"crop":[0,3],"output":[64,64]}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Geometry>(&text).unwrap(), geometry);
    }

    proptest! {
        #[test]
        fn points_come_back(
            h in 1usize..5000, w in 1usize..5000, size in 1usize..2048, flip: bool,
            scale in 0.1f32..2.0, cut in (0.0f64..1.0, 0.0f64..1.0),
            at in (0.0f64..1.0, 0.0f64..1.0),
        ) {
            let geometry = Geometry::jitter(Size::new(h, w), size, flip, scale);
            let margin = geometry.margin();
            let geometry = geometry.with_crop((
                (margin.height as f64 * cut.0) as usize,
                (margin.width as f64 * cut.1) as usize,
            ));
            let (x, y) = (at.0 * w as f64, at.1 * h as f64);
            let (u, v) = geometry.to_output(x, y);
            let (back_x, back_y) = geometry.to_source(u, v);
            prop_assert!((back_x - x).abs() < 1e-6 && (back_y - y).abs() < 1e-6);
            let visible = geometry.visible();
            prop_assert!((1..=size).contains(&visible.height));
            prop_assert!((1..=size).contains(&visible.width));
        }
    }
}
