//! Grown things: antlers, trees, leaves, ferns, insects.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use super::outline::{
    Point, bent, circle, closed, ellipse, lerp, limb, lines, open, polar, rectangle,
};
use super::thin;
use crate::draw::Draw;
use crate::raster::Drawing;

pub(super) fn antlers(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let beam = draw.range(9.0, 13.0);
    let tip = draw.range(3.6, 5.0);
    let spread = draw.range(0.35, 0.7);
    let length = draw.range(105.0, 125.0);
    let tines = draw.count(3, 5);
    let tine_length = draw.range(30.0, 48.0);
    let bend = draw.range(0.5, 1.0);
    for side in [-1.0f32, 1.0] {
        let root = (side * 16.0, 28.0);
        // Out first, then curving in again.
        let spine = bent(root, -FRAC_PI_2 + side * (spread + bend * 0.6), length, -side * bend);
        drawing.fill(limb(&spine, beam, tip), 0.7);
        for i in 0..tines {
            let at = spine[2 + i * (spine.len() - 4) / tines];
            let share = 1.0 - 0.5 * i as f32 / tines as f32;
            let lean = draw.range(-0.2, 0.2);
            let inward = if draw.chance(0.75) { -1.0 } else { 1.0 };
            let angle = -FRAC_PI_2 + side * (inward * 0.55 + lean);
            let tine = bent(at, angle, tine_length * share, side * inward * 0.35);
            drawing.fill(limb(&tine, beam * 0.62, tip), 0.8);
        }
    }
    // Skull and ears.
    let head = draw.range(24.0, 31.0);
    for side in [-1.0f32, 1.0] {
        drawing.fill(ellipse((side * (head + 12.0), 40.0), 18.0, 7.5, side * -0.35), 0.3);
    }
    drawing.fill(ellipse((0.0, 44.0), head, head * 0.95, 0.0), 0.0);
    drawing.fill(ellipse((0.0, 72.0), head * 0.62, 28.0, 0.0), 0.1);
    drawing.fill(ellipse((0.0, 92.0), head * 0.34, 7.0, 0.0), 0.9);
    drawing
}

pub(super) fn tree(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let trunk = draw.range(15.0, 21.0);
    let tip = draw.range(4.2, 5.4);
    let start = (draw.range(-6.0, 6.0), 60.0);
    grow(draw, &mut drawing, start, -FRAC_PI_2, 62.0, trunk, tip, 3);
    // The pot.
    let (top, base) = (draw.range(26.0, 40.0), draw.range(18.0, 26.0));
    drawing.fill(closed([(-top, 58.0), (top, 58.0), (base, 100.0), (-base, 100.0)]), 0.0);
    drawing.fill(rectangle(-top - 5.0, 52.0, top + 5.0, 62.0), 0.35);
    drawing
}

/// One branch and, `depth` levels deep, the branches that leave it.
#[allow(clippy::too_many_arguments)]
fn grow(
    draw: &mut Draw,
    drawing: &mut Drawing,
    from: Point,
    angle: f32,
    length: f32,
    width: f32,
    tip: f32,
    depth: usize,
) {
    let end = if depth == 0 { tip } else { (width * 0.62).max(tip) };
    let bend = draw.range(-0.35, 0.35);
    let spine = bent(from, angle, length, bend);
    drawing.fill(limb(&spine, width.max(tip), end), 0.6 + 0.13 * (3 - depth.min(3)) as f32);
    if depth == 0 {
        return;
    }
    let last = spine.len() - 1;
    let fork = draw.range(0.38, 0.6);
    for (at, turn) in [(last, fork), (last, -fork), (last * 3 / 5, draw.sign() * 0.95)] {
        let turn = turn + draw.range(-0.12, 0.12);
        let share = if at == last { draw.range(0.7, 0.82) } else { 0.55 };
        // A side branch is a level thinner than a fork's.
        let depth = if at == last { depth - 1 } else { depth.saturating_sub(2) };
        let width = if at == last { end * 0.92 } else { end * 0.7 };
        grow(draw, drawing, spine[at], angle + bend + turn, length * share, width, tip, depth);
    }
}

pub(super) fn leaf(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let half_width = draw.range(32.0, 52.0);
    let teeth = draw.count(8, 15);
    let bite = draw.range(5.0, 10.0);
    let lobes = if draw.chance(0.45) { draw.range(0.25, 0.4) } else { 0.0 };
    let (top, bottom) = (-100.0, 48.0);
    let edge = |t: f32| {
        // Widest below the middle, pointed at the tip.
        let body = (PI * t.powf(0.8)).sin().max(0.0).powf(0.8);
        let lobe = 1.0 - lobes * (0.5 - 0.5 * (TAU * 3.0 * t).cos());
        half_width * body * lobe
    };
    let mut side = Vec::new();
    for i in 0..teeth {
        let (a, b) = (i as f32 / teeth as f32, (i as f32 + 0.75) / teeth as f32);
        let y = |t: f32| bottom + (top - bottom) * t;
        side.push((edge(a), y(a)));
        side.push((edge(b) + bite * (1.0 - b * 0.6), y(b) - 2.0));
    }
    side.push((0.0, top));
    let outline = side.iter().copied().chain(side.iter().rev().map(|&(x, y)| (-x, y)));
    drawing.fill(closed(outline), 0.0);
    let vein = draw.range(2.4, 3.6);
    let veins = draw.count(5, 8);
    drawing.stroke(
        lines((1..veins).flat_map(|i| {
            let t = i as f32 / veins as f32 * 0.85;
            let y = bottom + (top - bottom) * t;
            let out = edge(t + 0.1) * 0.8;
            [((0.0, y), (out, y - out * 0.55)), ((0.0, y), (-out, y - out * 0.55))]
        })),
        vein,
        0.7,
    );
    let stem = bent((0.0, top * 0.9), FRAC_PI_2, 190.0, 0.0);
    drawing.fill(limb(&stem[..9], 2.5, 5.0), 0.9);
    let bend = draw.range(-0.9, 0.9);
    let width = thin(draw) + 1.0;
    drawing.fill(limb(&bent((0.0, bottom - 8.0), FRAC_PI_2, 62.0, bend), width, width), 0.9);
    // A few holes that insects left.
    for _ in 0..draw.count(0, 3) {
        let at = draw.range(0.25, 0.7);
        let x = draw.sign() * half_width * draw.range(0.3, 0.5);
        let size = draw.range(4.0, 7.0);
        drawing.cut(circle((x, bottom + (top - bottom) * at), size));
    }
    drawing
}

pub(super) fn fern(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let bend = draw.range(-0.7, 0.7);
    let spine = bent((0.0, 100.0), -FRAC_PI_2, 195.0, bend);
    let pairs = draw.count(7, 10);
    let reach = draw.range(46.0, 64.0);
    let swing = draw.range(0.75, 1.1);
    let plump = draw.range(0.11, 0.16);
    let first = 0.2;
    for i in 0..pairs {
        let t = first + (1.0 - first) * (i as f32 + 0.3) / pairs as f32;
        let place = t * (spine.len() - 1) as f32;
        let knot = (place as usize).min(spine.len() - 2);
        let at = lerp(spine[knot], spine[knot + 1], place - knot as f32);
        let heading = -FRAC_PI_2 + bend * t;
        // Longest in the lower third, as fronds are.
        let length = reach * (0.35 + 0.65 * (PI * (0.28 + 0.72 * (1.0 - t))).sin().abs());
        for side in [-1.0f32, 1.0] {
            let angle = heading + side * swing;
            let middle = polar(at, length * 0.5, angle);
            drawing.fill(
                ellipse(middle, length * 0.54, (length * plump).max(4.0), angle),
                if side < 0.0 { 0.0 } else { 0.2 },
            );
        }
    }
    let root = draw.range(7.0, 10.0);
    drawing.fill(limb(&spine, root, 4.0), 0.9);
    drawing
}

pub(super) fn insect(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let belly = draw.range(20.0, 31.0);
    let chest = draw.range(14.0, 20.0);
    let leg = thin(draw);
    let reach = draw.range(52.0, 70.0);
    for (row, angle) in [(-26.0, -0.75), (-12.0, 0.05), (2.0, 0.8)] {
        for side in [-1.0f32, 1.0] {
            let wobble = draw.range(-0.15, 0.15);
            let aim = |a: f32| if side > 0.0 { a } else { PI - a };
            let hip = (side * chest * 0.6, row);
            let knee = polar(hip, reach * 0.55, aim(angle * 0.8 - 0.2 + wobble));
            let foot = polar(knee, reach * 0.75, aim(angle + 0.45 + wobble));
            drawing.stroke(open([hip, knee, foot]), leg, 0.8);
        }
    }
    let curl = draw.range(0.4, 1.0);
    for side in [-1.0f32, 1.0] {
        let feeler = bent((side * 5.0, -54.0), -FRAC_PI_2 + side * 0.35, 50.0, side * curl);
        drawing.fill(limb(&feeler, 4.6, 3.4), 0.8);
    }
    if draw.chance(0.4) {
        let span = draw.range(46.0, 60.0);
        for side in [-1.0f32, 1.0] {
            drawing.fill(ellipse((side * 36.0, 18.0), span, 13.0, side * 0.75), 0.45);
        }
    }
    drawing.fill(ellipse((0.0, 46.0), belly, 52.0, 0.0), 0.0);
    let stripes = draw.count(0, 4);
    for i in 0..stripes {
        let y = 26.0 + 14.0 * i as f32;
        let half = belly * (1.0 - ((y - 46.0) / 52.0).powi(2)).max(0.0).sqrt() * 0.92;
        drawing.fill(rectangle(-half, y, half, y + 6.0), 0.9);
    }
    drawing.fill(ellipse((0.0, -14.0), chest, 25.0, 0.0), 0.25);
    drawing.fill(circle((0.0, -46.0), draw.range(12.0, 16.0)), 0.1);
    drawing
}
