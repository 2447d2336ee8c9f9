//! The views on one record that are tried until one shows the object.

use maskwright_image::Size;
use serde::{Deserialize, Serialize};

use super::PlanConfig;
use super::transform::Draws;
use crate::geometry::Geometry;
use crate::random::SampleKey;

/// How the final view on a record came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// A view drawn by the transforms shows the object.
    Jitter,
    /// No view tried showed it; the whole image is fitted in.
    WholeImage,
    /// The object is too small for that as well; it is shown at the image's own resolution.
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
    /// The attempts of a sample. `source` is the image's size, upright.
    pub fn new(config: &'a PlanConfig, key: SampleKey, source: Size) -> Attempts<'a> {
        Attempts { config, key, source, draws: Draws::new(key), flip: false, redraws: 0 }
    }

    /// The first view: the one that a sample has in all but a few cases.
    pub fn first(&mut self) -> Geometry {
        let view = self.config.view(self.source, &mut self.draws);
        self.flip = view.flip;
        view
    }

    /// Another view of the same flip and scale, or `None` when all tries are used up or no crop had
    /// another position to go to.
    pub fn redraw(&mut self) -> Option<Geometry> {
        if self.redraws == self.config.max_redraws || !self.draws.had_choice() {
            return None;
        }
        self.redraws += 1;
        self.draws.other_crops(self.key);
        Some(self.first())
    }

    /// How many times the crop was drawn again.
    pub fn redraws(&self) -> u32 {
        self.redraws
    }

    /// The whole image, fitted into the sample.
    pub fn whole_image(&self) -> Geometry {
        Geometry::jitter(self.source, self.config.size, self.flip, 1.0)
    }

    /// The surroundings of the source pixel `(x, y)` at the image's own resolution: no pixel is
    /// blended with another, so a foreground pixel stays one.
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
