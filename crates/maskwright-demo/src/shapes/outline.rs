//! Outlines that the families are made of: circles, polygons, smooth curves and
//! limbs that taper. Each gives `None` where it would have no extent.

use std::f32::consts::{PI, TAU};

use tiny_skia::{Path, PathBuilder, Rect};

pub(super) type Point = (f32, f32);

/// The point at `angle` (radians, clockwise as seen, y down) and `radius` from `centre`.
pub(super) fn polar(centre: Point, radius: f32, angle: f32) -> Point {
    (centre.0 + radius * angle.cos(), centre.1 + radius * angle.sin())
}

pub(super) fn lerp(a: Point, b: Point, t: f32) -> Point {
    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
}

pub(super) fn circle(centre: Point, radius: f32) -> Option<Path> {
    PathBuilder::from_circle(centre.0, centre.1, radius)
}

/// An ellipse with half axes `rx`, `ry`, turned by `angle`.
pub(super) fn ellipse(centre: Point, rx: f32, ry: f32, angle: f32) -> Option<Path> {
    let (sin, cos) = angle.sin_cos();
    closed((0..48).map(|i| {
        let (s, c) = (TAU * i as f32 / 48.0).sin_cos();
        let (x, y) = (rx * c, ry * s);
        (centre.0 + x * cos - y * sin, centre.1 + x * sin + y * cos)
    }))
}

pub(super) fn rectangle(left: f32, top: f32, right: f32, bottom: f32) -> Option<Path> {
    Rect::from_ltrb(left, top, right, bottom).map(PathBuilder::from_rect)
}

/// An open line through the points.
pub(super) fn open(points: impl IntoIterator<Item = Point>) -> Option<Path> {
    let mut path = PathBuilder::new();
    add_points(&mut path, points);
    path.finish()
}

/// A closed polygon through the points.
pub(super) fn closed(points: impl IntoIterator<Item = Point>) -> Option<Path> {
    let mut path = PathBuilder::new();
    add_points(&mut path, points);
    path.close();
    path.finish()
}

/// Several open lines as one path, so that they are painted as one part.
pub(super) fn lines(segments: impl IntoIterator<Item = (Point, Point)>) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (from, to) in segments {
        add_points(&mut path, [from, to]);
    }
    path.finish()
}

fn add_points(path: &mut PathBuilder, points: impl IntoIterator<Item = Point>) {
    for (i, (x, y)) in points.into_iter().enumerate() {
        if i == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
}

/// A smooth open curve through the points (Catmull-Rom, as cubic segments).
pub(super) fn smooth(points: &[Point]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let first = points.first()?;
    path.move_to(first.0, first.1);
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    for i in 0..points.len() as isize - 1 {
        let (p0, p1, p2, p3) = (at(i - 1), at(i), at(i + 1), at(i + 2));
        path.cubic_to(
            p1.0 + (p2.0 - p0.0) / 6.0,
            p1.1 + (p2.1 - p0.1) / 6.0,
            p2.0 - (p3.0 - p1.0) / 6.0,
            p2.1 - (p3.1 - p1.1) / 6.0,
            p2.0,
            p2.1,
        );
    }
    path.finish()
}

/// An arc of a circle from `start` to `end` (radians), as a fine open line.
pub(super) fn arc(centre: Point, radius: f32, start: f32, end: f32) -> Vec<Point> {
    let steps = (((end - start).abs() / PI * 32.0).ceil() as usize).max(4);
    (0..=steps)
        .map(|i| polar(centre, radius, start + (end - start) * i as f32 / steps as f32))
        .collect()
}

/// A limb along the points whose width runs from `from` to `to`: a tapering
/// outline with a round tip and a round root.
pub(super) fn limb(points: &[Point], from: f32, to: f32) -> Option<Path> {
    let last = points.len().checked_sub(1).filter(|&n| n > 0)?;
    let mut left = Vec::with_capacity(points.len());
    let mut right = Vec::with_capacity(points.len());
    for (i, &(x, y)) in points.iter().enumerate() {
        let (a, b) = (points[i.saturating_sub(1)], points[(i + 1).min(last)]);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-3);
        let half = 0.5 * (from + (to - from) * i as f32 / last as f32) / length;
        left.push((x - dy * half, y + dx * half));
        right.push((x + dy * half, y - dx * half));
    }
    let mut path = PathBuilder::new();
    // Turning the same way as the circles: opposite windings would cancel.
    add_points(&mut path, right.into_iter().chain(left.into_iter().rev()));
    path.close();
    for (centre, width) in [(points[0], from), (points[last], to)] {
        path.push_circle(centre.0, centre.1, width * 0.5);
    }
    path.finish()
}

/// A curve that leaves `from` at `angle` and bends by `bend` radians over `length`.
pub(super) fn bent(from: Point, angle: f32, length: f32, bend: f32) -> Vec<Point> {
    const STEPS: usize = 12;
    let mut points = vec![from];
    let mut at = from;
    for i in 0..STEPS {
        let heading = angle + bend * (i as f32 + 0.5) / STEPS as f32;
        at = polar(at, length / STEPS as f32, heading);
        points.push(at);
    }
    points
}
