//! The views on one record that are tried until one shows the object.

use maskwright_image::Size;
use serde::{Deserialize, Serialize};

use super::PlanConfig;
use super::transform::Draws;
use crate::geometry::Geometry;
use crate::random::SampleKey;

/// How the final view of a record was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A view that was drawn by the transforms shows the object.
    Jitter,
    /// None of these views showed the object, so the whole image is fitted into the sample.
    WholeImage,
    /// The object is too small for that as well, so it is shown at the image's own resolution.
    Object,
}

/// The views on one record that are tried in turn until one shows the object.
#[derive(Debug, Clone)]
pub struct Attempts<'a> {
    config: &'a PlanConfig,
    key: SampleKey,
    source: Size,
    draws: Draws,
    flip: bool,
    redraws: u32,
}

impl<'a> Attempts<'a> {
    /// Returns the attempts of a sample. `source` is the size of the upright image.
    pub fn new(config: &'a PlanConfig, key: SampleKey, source: Size) -> Attempts<'a> {
        Attempts { config, key, source, draws: Draws::new(key), flip: false, redraws: 0 }
    }

    /// Returns the first view, which is also the final one for nearly all samples.
    pub fn first(&mut self) -> Geometry {
        let view = self.config.view(self.source, &mut self.draws);
        self.flip = view.flip;
        view
    }

    /// Returns a view with the same flip and scale and another crop, or `None` if all tries are used up
    /// or the crop has only one possible position.
    pub fn redraw(&mut self) -> Option<Geometry> {
        if self.redraws == self.config.max_redraws || !self.draws.had_choice() {
            return None;
        }
        self.redraws += 1;
        self.draws.other_crops(self.key);
        Some(self.first())
    }

    /// Returns how often the crop was drawn again.
    pub fn redraws(&self) -> u32 {
        self.redraws
    }

    /// Returns a view of the whole image, fitted into the sample.
    pub fn whole_image(&self) -> Geometry {
        Geometry::jitter(self.source, self.config.size, self.flip, 1.0)
    }

    /// Returns a view of the surroundings of the source pixel `(x, y)` at the image's own resolution.
    /// Pixels are not interpolated, so a foreground pixel stays one.
    pub fn around(&self, x: usize, y: usize) -> Geometry {
        let Size { height, width } = self.source;
        let side = self.config.size;
        let x = if self.flip { width - 1 - x } else { x };
        let whole =
            Geometry::whole(self.source).with_flip(self.flip).with_output(Size::square(side));
        debug_assert!(x < width && y < height);
        let margin = whole.margin();
        let crop = |at: usize, margin: usize| at.saturating_sub(side / 2).min(margin);
        whole.with_crop((crop(y, margin.height), crop(x, margin.width)))
    }
}
