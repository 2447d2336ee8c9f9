//! Round machined things: wheels, bicycles, gears, wire rosettes.

use std::f32::consts::TAU;

use super::outline::{Point, circle, closed, lines, polar, rectangle};
use super::thin;
use crate::draw::Draw;
use crate::raster::Drawing;

pub(super) fn wheel(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let tyre = draw.range(11.0, 20.0);
    let radius = 100.0 - tyre * 0.5;
    let hub = draw.range(14.0, 30.0);
    let spokes = draw.count(7, 16);
    // Real wheels are laced: spokes leave the hub along a tangent, every other way.
    let lacing = if draw.chance(0.5) { draw.range(0.25, 0.6) } else { 0.0 };
    let width = thin(draw);
    let phase = draw.range(0.0, TAU);
    drawing.stroke(
        lines((0..spokes).map(|i| {
            let angle = phase + TAU * i as f32 / spokes as f32;
            let side = if i % 2 == 0 { lacing } else { -lacing };
            (polar((0.0, 0.0), hub * 0.9, angle + side), polar((0.0, 0.0), radius, angle))
        })),
        width,
        0.8,
    );
    drawing.stroke(circle((0.0, 0.0), radius), tyre, 0.0);
    if draw.chance(0.6) {
        drawing.stroke(circle((0.0, 0.0), radius - tyre * 0.45), tyre * 0.25, 0.7);
    }
    drawing.fill(circle((0.0, 0.0), hub), 0.2);
    drawing.fill(circle((0.0, 0.0), hub * 0.45), 0.9);
    if draw.chance(0.4) {
        drawing.cut(circle((0.0, 0.0), hub * 0.3));
    }
    drawing
}

pub(super) fn bicycle(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let radius = draw.range(34.0, 42.0);
    let reach = draw.range(54.0, 60.0);
    let (rear, front): (Point, Point) = ((-reach, 30.0), (reach, 30.0));
    let tyre = draw.range(7.0, 11.0);
    let spokes = draw.count(5, 8);
    let spoke_width = draw.range(3.0, 4.2);
    for wheel in [rear, front] {
        let phase = draw.range(0.0, TAU);
        drawing.stroke(
            lines((0..spokes).map(|i| {
                let angle = phase + TAU * i as f32 / spokes as f32;
                (wheel, polar(wheel, radius, angle))
            })),
            spoke_width,
            0.9,
        );
        drawing.stroke(circle(wheel, radius), tyre, 0.1);
        drawing.fill(circle(wheel, 7.0), 0.3);
    }
    let crank: Point = (draw.range(-14.0, -6.0), 34.0);
    let seat: Point = (crank.0 - 14.0, -28.0);
    let head: Point = (reach * 0.62, -30.0);
    // The bag in the frame is the solid core.
    if draw.chance(0.7) {
        drawing.fill(closed([crank, seat, head]), 0.45);
    }
    let tube = draw.range(6.0, 9.0);
    drawing.stroke(
        lines([
            (crank, seat),
            (seat, head),
            (head, crank),
            (crank, rear),
            (rear, seat),
            (head, front),
        ]),
        tube,
        1.0,
    );
    let saddle = (seat.0 - 4.0, seat.1 - 20.0);
    drawing.stroke(lines([(seat, saddle)]), tube * 0.8, 0.6);
    drawing.fill(
        closed([
            (saddle.0 - 18.0, saddle.1 - 6.0),
            (saddle.0 + 20.0, saddle.1 - 2.0),
            (saddle.0 + 18.0, saddle.1 + 3.0),
            (saddle.0 - 14.0, saddle.1 + 8.0),
        ]),
        0.0,
    );
    let bar = (head.0 - 4.0, head.1 - 26.0);
    drawing.stroke(lines([(head, bar), (bar, (bar.0 + 20.0, bar.1 - 4.0))]), tube * 0.8, 0.2);
    drawing.fill(circle(crank, draw.range(9.0, 13.0)), 0.2);
    drawing
}

pub(super) fn gear(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let teeth = draw.count(9, 18);
    let root = draw.range(76.0, 84.0);
    let pitch = TAU / teeth as f32;
    // Share of the pitch at the tooth's foot and at its tip.
    let (foot, tip) = (draw.range(0.5, 0.6), draw.range(0.25, 0.4));
    drawing.fill(
        closed((0..teeth).flat_map(|i| {
            let middle = pitch * i as f32;
            [(-foot, root), (-tip, 100.0), (tip, 100.0), (foot, root)]
                .map(|(share, radius)| polar((0.0, 0.0), radius, middle + share * 0.5 * pitch))
        })),
        0.0,
    );
    let rim = root - draw.range(12.0, 20.0);
    let hub = draw.range(22.0, 32.0);
    drawing.cut(circle((0.0, 0.0), rim));
    let spokes = draw.count(3, 7);
    let width = draw.range(5.0, 11.0);
    let phase = draw.range(0.0, TAU);
    drawing.stroke(
        lines((0..spokes).map(|i| {
            let angle = phase + TAU * i as f32 / spokes as f32;
            ((0.0, 0.0), polar((0.0, 0.0), rim + 3.0, angle))
        })),
        width,
        0.3,
    );
    drawing.fill(circle((0.0, 0.0), hub), 0.6);
    let bore = hub * draw.range(0.35, 0.55);
    drawing.cut(circle((0.0, 0.0), bore));
    // A keyway, as in real gears.
    drawing.cut(rectangle(-4.0, -bore - 5.0, 4.0, 0.0));
    drawing
}

pub(super) fn rosette(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let petals = draw.count(4, 8) as f32;
    let width = thin(draw) + 0.6;
    let depth = draw.range(0.32, 0.46);
    let twist = draw.range(0.3, 1.1);
    let outline: Vec<Point> = (0..360)
        .map(|i| {
            let t = TAU * i as f32 / 360.0;
            let radius = 97.0 * (1.0 - depth + depth * (petals * t).cos());
            // The wire leans to one side as it goes out, so that loops overlap.
            polar((0.0, 0.0), radius, t + twist * (petals * t).sin() / petals)
        })
        .collect();
    drawing.stroke(closed(outline), width, 0.8);
    let disc = 97.0 * (1.0 - 2.0 * depth) + draw.range(16.0, 26.0);
    drawing.fill(circle((0.0, 0.0), disc), 0.0);
    drawing.stroke(circle((0.0, 0.0), disc * 0.66), width, 1.0);
    if draw.chance(0.4) {
        drawing.cut(circle((0.0, 0.0), disc * 0.3));
    }
    // Beads at the tips.
    if draw.chance(0.6) {
        let bead = draw.range(6.0, 10.0);
        for i in 0..petals as usize {
            let tip = polar((0.0, 0.0), 97.0, TAU * i as f32 / petals);
            drawing.fill(circle(tip, bead), 0.3);
        }
    }
    drawing
}
