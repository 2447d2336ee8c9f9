//! Polygons to runs, as the COCO API fills them.
//!
//! The outline is drawn on a grid five times finer, with its points rounded to that grid; an edge takes one grid point per
//! step along its longer axis. Where it goes from one grid column to the next inside a pixel column's middle fifth, the
//! pixel column changes between background and foreground, at the row that the grid point falls into. Changes that meet
//! cancel out, so a polygon that crosses itself has holes (even-odd rule).
//!
//! The API walks all grid points. Here the points next to the crossings are computed directly, with the same
//! roundings, so the cost of an edge is the number of pixel columns that it crosses inside the picture, however
//! long it is.

use super::rle::{Rle, foreground, pixels, push_runs};
use super::rle_ops::{push_events, sweep};
use crate::error::{Error, Result};
use crate::size::Size;

/// Grid points per pixel and axis.
const SCALE: f64 = 5.0;
/// Coordinates are clamped to this many grid points on either side, so that sums of them stay exact: 214 million pixels.
const FARTHEST: f64 = (1 << 30) as f64;
/// Crossings that a mask may take. An outline of an object has some thousands.
const MAX_CROSSINGS: usize = 1 << 26;

/// Buffers of [`Rle::set_polygons`], to be kept from mask to mask.
#[derive(Debug, Default)]
pub struct PolygonScratch {
    toggles: Vec<u32>,
    counts: Vec<u32>,
    events: Vec<u64>,
}

impl Rle {
    /// Makes this the union of polygons `[x0, y0, x1, y1, ...]`, in pixels, where pixel (0, 0) covers 0..1 x 0..1; an
    /// empty mask for no polygons. Each is closed by itself; parts outside the picture are cut off. The memory of the
    /// mask and of `scratch` is used again.
    ///
    /// Runs are those of pycocotools' `merge(frPyObjects(polygons, height, width))`. Coordinates beyond 214 million pixels
    /// are taken as that.
    ///
    /// # Errors
    /// [`Error::PolygonLength`] for an odd number or fewer than 6 numbers, [`Error::PolygonCoordinate`] for NaN and
    /// infinite ones, [`Error::PolygonCrossings`] for outlines without end, [`Error::RleSize`] where height x width is
    /// over `u32::MAX`; then this is a mask of 0 x 0 pixels.
    pub fn set_polygons(
        &mut self,
        size: Size,
        polygons: &[Vec<f64>],
        scratch: &mut PolygonScratch,
    ) -> Result<()> {
        self.refill(size, |counts| {
            let pixels = pixels(size)?;
            polygons.iter().enumerate().try_for_each(|(k, polygon)| check(k, polygon))?;
            let PolygonScratch { toggles, counts: one, events } = scratch;
            let mut budget = MAX_CROSSINGS;
            if let [polygon] = polygons {
                outline(polygon, size, &mut budget, toggles)?;
                push_runs(toggles.iter().copied(), pixels, counts);
                return Ok(());
            }
            events.clear();
            for polygon in polygons {
                outline(polygon, size, &mut budget, toggles)?;
                one.clear();
                push_runs(toggles.iter().copied(), pixels, one);
                push_events(foreground(one), events);
            }
            sweep(events, 1, pixels, counts);
            Ok(())
        })
    }

    /// As [`Self::set_polygons`], into new memory.
    ///
    /// # Errors
    /// As [`Self::set_polygons`].
    ///
    /// ```
    /// use maskwright_image::{Size, mask::Rle};
    /// let triangle = vec![0.0, 0.0, 4.0, 0.0, 0.0, 4.0];
    /// let mask = Rle::from_polygons(Size::square(4), &[triangle])?;
    /// assert_eq!(mask.counts(), [0, 3, 1, 2, 2, 1, 7]);
    /// # Ok::<(), maskwright_image::Error>(())
    /// ```
    pub fn from_polygons(size: Size, polygons: &[Vec<f64>]) -> Result<Self> {
        let mut mask = Self::default();
        mask.set_polygons(size, polygons, &mut PolygonScratch::default())?;
        Ok(mask)
    }

    /// A filled box `[x, y, width, height]`, as the polygon of its corners.
    ///
    /// # Errors
    /// [`Error::BoxCoordinate`] for NaN and infinite numbers, [`Error::RleSize`] where height x width is over
    /// `u32::MAX`.
    pub fn from_box_xywh(size: Size, box_xywh: [f64; 4]) -> Result<Self> {
        if let Some(index) = box_xywh.iter().position(|number| !number.is_finite()) {
            return Err(Error::BoxCoordinate { index });
        }
        let [x0, y0, w, h] = box_xywh;
        let (x1, y1) = (x0 + w, y0 + h);
        // A sum over f64's range is as far away as can be.
        let corners = [x0, y0, x0, y1, x1, y1, x1, y0].map(|at| at.clamp(f64::MIN, f64::MAX));
        Self::from_polygons(size, &[corners.to_vec()])
    }
}

fn check(polygon: usize, numbers: &[f64]) -> Result<()> {
    if numbers.len() < 6 || !numbers.len().is_multiple_of(2) {
        return Err(Error::PolygonLength { polygon, found: numbers.len() });
    }
    let bad = numbers.iter().position(|number| !number.is_finite());
    bad.map_or(Ok(()), |index| Err(Error::PolygonCoordinate { polygon, index }))
}

/// A corner on the fine grid.
fn to_grid(coordinate: f64) -> i32 {
    // Truncated, not rounded down, below zero; that is outside the picture.
    (SCALE * coordinate + 0.5).clamp(-FARTHEST, FARTHEST) as i32
}

/// The pixels at which one polygon changes the mask, ascending, in `toggles`.
fn outline(polygon: &[f64], size: Size, budget: &mut usize, toggles: &mut Vec<u32>) -> Result<()> {
    toggles.clear();
    let corner = |k: usize| (to_grid(polygon[2 * k]), to_grid(polygon[2 * k + 1]));
    let corners = polygon.len() / 2;
    let mut from = corner(corners - 1);
    for k in 0..corners {
        let to = corner(k);
        edge(from, to, size, budget, toggles)?;
        from = to;
    }
    toggles.sort_unstable();
    Ok(())
}

/// Adds the changes along one edge. Its points are the same both ways.
fn edge(
    from: (i32, i32),
    to: (i32, i32),
    Size { height, width }: Size,
    budget: &mut usize,
    toggles: &mut Vec<u32>,
) -> Result<()> {
    // In pixel column c the grid columns 5 c + 2 and 5 c + 3 must be two points' own.
    let (left, right) = (i64::from(from.0.min(to.0)), i64::from(from.0.max(to.0)));
    let first = (left - 2 + 4).div_euclid(5).max(0);
    let end = (right - 3).div_euclid(5).min(width as i64 - 1) + 1;
    if first >= end {
        return Ok(());
    }
    *budget = budget
        .checked_sub((end - first) as usize)
        .ok_or(Error::PolygonCrossings { limit: MAX_CROSSINGS })?;
    let mut put = |column: i64, grid_row: i64| {
        // The first pixel row whose middle is not above the grid row.
        let row = (grid_row - 2 + 4).div_euclid(5).clamp(0, height as i64);
        toggles.push((column * height as i64 + row) as u32);
    };
    let (dx, dy) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
    // Differences as f64: those of corners as far away as can be are beyond i32.
    if dx >= dy {
        let ((x0, y0), (_, y1)) = if from.0 <= to.0 { (from, to) } else { (to, from) };
        let slope = (f64::from(y1) - f64::from(y0)) / f64::from(dx);
        let grid_row = |t: i64| (f64::from(y0) + slope * t as f64 + 0.5) as i64;
        for column in first..end {
            let t = 5 * column + 2 - i64::from(x0);
            put(column, grid_row(t).min(grid_row(t + 1)));
        }
    } else {
        let ((x0, y0), (x1, _)) = if from.1 <= to.1 { (from, to) } else { (to, from) };
        let slope = (f64::from(x1) - f64::from(x0)) / f64::from(dy);
        let grid_column = |t: i64| (f64::from(x0) + slope * t as f64 + 0.5) as i64;
        for column in first..end {
            let middle = 5 * column + 2;
            // The first step past the crossing; the one before it is the point above.
            let past = |t: i64| {
                if x0 < x1 { grid_column(t) > middle } else { grid_column(t) <= middle }
            };
            put(column, i64::from(y0) + first_where(1, i64::from(dy), past) - 1);
        }
    }
    Ok(())
}

/// The first number from `low` to `high` that is `past`, where all from some number on are, `high` among them.
fn first_where(mut low: i64, mut high: i64, past: impl Fn(i64) -> bool) -> i64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if past(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
