//! Anti-aliased rendering of a [`Drawing`] into coverage and shade planes.
//!
//! A drawing is a list of parts in its own frame, about -100..100 on both axes, y
//! down. A part adds coverage with a shade (a place between the object's two
//! colours) or cuts a hole. Coverage is what the mask file holds and what the
//! picture is blended with, so that mask and picture agree to the last level.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Path, PathStroker, Rect, Stroke, Transform};

/// Curves of a stroke's outline are flattened for an object drawn about this many
/// times larger than its own frame (420 px sides give a little over 2).
const STROKE_RESOLUTION: f32 = 2.5;

enum Op {
    Add { shade: f32 },
    Cut,
}

struct Part {
    outline: Path,
    op: Op,
}

/// An object as filled outlines, painted in order.
#[derive(Default)]
pub(super) struct Drawing {
    parts: Vec<Part>,
}

impl Drawing {
    /// Adds a filled outline. `shade` is 0 for the object's first colour, 1 for its second.
    pub(super) fn fill(&mut self, path: Option<Path>, shade: f32) {
        // A path of no extent has nothing to paint; the builder gives None for it.
        if let Some(outline) = path {
            self.parts.push(Part { outline, op: Op::Add { shade } });
        }
    }

    /// Adds a line of `width` along the path, with round ends and joins.
    pub(super) fn stroke(&mut self, path: Option<Path>, width: f32, shade: f32) {
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let outline =
            path.and_then(|path| PathStroker::new().stroke(&path, &stroke, STROKE_RESOLUTION));
        self.fill(outline, shade);
    }

    /// Removes everything painted so far inside the outline.
    pub(super) fn cut(&mut self, path: Option<Path>) {
        if let Some(outline) = path {
            self.parts.push(Part { outline, op: Op::Cut });
        }
    }

    /// The smallest upright rectangle around all added parts after `transform`.
    pub(super) fn bounds(&self, transform: Transform) -> Option<Rect> {
        self.parts
            .iter()
            .filter(|part| matches!(part.op, Op::Add { .. }))
            .filter_map(|part| part.outline.clone().transform(transform)?.compute_tight_bounds())
            .reduce(|a, b| {
                Rect::from_ltrb(
                    a.left().min(b.left()),
                    a.top().min(b.top()),
                    a.right().max(b.right()),
                    a.bottom().max(b.bottom()),
                )
                .unwrap_or(a)
            })
    }

    /// Renders the drawing into a frame of `width` x `height` pixels.
    ///
    /// `transform` leads from the drawing's frame to pixels, where pixel (x, y)
    /// covers the square from (x, y) to (x + 1, y + 1).
    pub(super) fn render(&self, transform: Transform, width: usize, height: usize) -> Layer {
        let mut layer =
            Layer { coverage: vec![0.0; width * height], shade: vec![0.0; width * height] };
        let Some(mut mask) = Mask::new(width as u32, height as u32) else {
            return layer;
        };
        for part in &self.parts {
            let Some(outline) = part.outline.clone().transform(transform) else {
                continue;
            };
            mask.fill_path(&outline, FillRule::Winding, true, Transform::identity());
            // Only the rows and columns the part can have touched, a pixel to spare.
            let bounds = outline.bounds();
            let columns = span(bounds.left(), bounds.right(), width);
            for y in span(bounds.top(), bounds.bottom(), height) {
                let row = y * width + columns.start..y * width + columns.end;
                let mask_row = &mut mask.data_mut()[row.clone()];
                let coverage = &mut layer.coverage[row.clone()];
                let shade = &mut layer.shade[row];
                for ((m, c), s) in mask_row.iter_mut().zip(coverage).zip(shade) {
                    let alpha = f32::from(std::mem::take(m)) / 255.0;
                    let keep = 1.0 - alpha;
                    // `shade` is premultiplied by coverage until the end: source-over.
                    *c *= keep;
                    *s *= keep;
                    if let Op::Add { shade } = part.op {
                        *c += alpha;
                        *s += alpha * shade;
                    }
                }
            }
        }
        for (shade, &coverage) in layer.shade.iter_mut().zip(&layer.coverage) {
            if coverage > 0.0 {
                *shade /= coverage;
            }
        }
        layer
    }
}

/// The pixels an extent can touch along one axis of `size` pixels.
fn span(low: f32, high: f32, size: usize) -> std::ops::Range<usize> {
    // Float-to-integer casts saturate, so an extent outside the frame is empty.
    let start = ((low - 1.0).floor() as usize).min(size);
    let end = ((high + 2.0).ceil() as usize).min(size);
    start..end.max(start)
}

/// A rendered drawing; both planes are height x width, row by row.
pub(super) struct Layer {
    /// Part of the pixel's area that the object covers, 0..1.
    pub(super) coverage: Vec<f32>,
    /// Place between the object's two colours, 0..1, where coverage is above 0.
    pub(super) shade: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiny_skia::PathBuilder;

    fn rect(x: f32, y: f32, w: f32, h: f32) -> Option<Path> {
        Rect::from_xywh(x, y, w, h).map(PathBuilder::from_rect)
    }

    #[test]
    fn coverage_is_the_covered_area() {
        let mut drawing = Drawing::default();
        drawing.fill(rect(1.0, 1.0, 2.5, 2.0), 0.0);
        let layer = drawing.render(Transform::identity(), 6, 5);
        let row: Vec<f32> = layer.coverage[6..12].to_vec();
        assert_eq!(row[0], 0.0);
        assert_eq!(row[1], 1.0);
        assert_eq!(row[2], 1.0);
        assert!((row[3] - 0.5).abs() < 0.05, "{row:?}");
        assert_eq!(row[4], 0.0);
        let area: f32 = layer.coverage.iter().sum();
        assert!((area - 5.0).abs() < 0.1, "{area}");
    }

    #[test]
    fn later_parts_paint_over_and_cuts_open_holes() {
        let mut drawing = Drawing::default();
        drawing.fill(rect(0.0, 0.0, 4.0, 4.0), 0.0);
        drawing.fill(rect(0.0, 0.0, 4.0, 2.0), 1.0);
        drawing.cut(rect(3.0, 0.0, 1.0, 4.0));
        let layer = drawing.render(Transform::identity(), 4, 4);
        assert_eq!(layer.shade[0], 1.0);
        assert_eq!(layer.shade[3 * 4], 0.0);
        assert_eq!(layer.coverage[2], 1.0);
        assert_eq!(layer.coverage[3], 0.0);
    }

    #[test]
    fn parts_outside_the_frame_leave_it_empty() {
        let mut drawing = Drawing::default();
        drawing.fill(rect(-50.0, -50.0, 10.0, 10.0), 0.0);
        drawing.fill(rect(90.0, 2.0, 10.0, 10.0), 0.0);
        let layer = drawing.render(Transform::identity(), 8, 8);
        assert!(layer.coverage.iter().all(|&c| c == 0.0));
    }

    #[test]
    fn bounds_include_the_stroke() {
        let mut drawing = Drawing::default();
        let mut path = PathBuilder::new();
        path.move_to(0.0, 0.0);
        path.line_to(10.0, 0.0);
        drawing.stroke(path.finish(), 4.0, 0.0);
        let bounds = drawing.bounds(Transform::from_scale(2.0, 2.0)).unwrap();
        assert!((bounds.left() + 4.0).abs() < 0.1 && (bounds.right() - 24.0).abs() < 0.1);
        assert!((bounds.top() + 4.0).abs() < 0.1 && (bounds.bottom() - 4.0).abs() < 0.1);
    }
}
