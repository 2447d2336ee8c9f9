//! Hand-held things: scissors, keys, umbrellas, forks.

use std::f32::consts::{FRAC_PI_2, PI};

use super::outline::{
    Point, arc, circle, closed, ellipse, limb, lines, open, polar, rectangle, smooth,
};
use super::thin;
use crate::draw::Draw;
use crate::raster::Drawing;

pub(super) fn scissors(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let open_angle = draw.range(0.12, 0.5);
    let blade = draw.range(15.0, 21.0);
    let shank = draw.range(7.0, 10.0);
    let ring = draw.range(7.0, 10.0);
    let (rx, ry) = (draw.range(17.0, 23.0), draw.range(22.0, 30.0));
    for side in [-1.0f32, 1.0] {
        let aim = -FRAC_PI_2 + side * open_angle;
        let along = |distance: f32, across: f32| -> Point {
            let (x, y) = polar((0.0, 0.0), distance, aim);
            (x - side * across * aim.sin(), y + side * across * aim.cos())
        };
        // A straight inner edge, a curved back.
        drawing.fill(
            closed([
                along(-10.0, -blade * 0.35),
                along(110.0, -1.6),
                along(110.0, 1.6),
                along(60.0, blade * 0.38),
                along(-10.0, blade * 0.55),
            ]),
            if side < 0.0 { 0.8 } else { 1.0 },
        );
        let hand = along(-72.0, -rx * 0.35);
        drawing.stroke(open([along(0.0, 0.0), along(-48.0, -2.0)]), shank, 0.15);
        drawing.stroke(ellipse(hand, rx, ry, aim + FRAC_PI_2), ring, 0.0);
    }
    drawing.fill(circle((0.0, 0.0), draw.range(6.0, 9.0)), 0.4);
    drawing
}

pub(super) fn key(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let bow = draw.range(30.0, 40.0);
    let centre: Point = (0.0, -100.0 + bow);
    let shaft = draw.range(8.0, 12.0);
    drawing.stroke(lines([((0.0, centre.1 + bow * 0.8), (0.0, 95.0))]), shaft, 0.2);
    drawing.fill(circle(centre, bow), 0.0);
    if draw.chance(0.5) {
        // A trefoil bow.
        let leaf = bow * draw.range(0.22, 0.3);
        for angle in [-FRAC_PI_2, 0.6, PI - 0.6] {
            drawing.cut(circle(polar(centre, bow * 0.48, angle), leaf));
        }
    } else {
        drawing.cut(circle(centre, bow * draw.range(0.5, 0.68)));
    }
    drawing.fill(
        rectangle(-shaft * 0.9, centre.1 + bow - 2.0, shaft * 0.9, centre.1 + bow + 6.0),
        0.8,
    );
    // The bits: bars of different lengths, a bit thicker than the thinnest parts.
    let bits = draw.count(2, 4);
    let width = draw.range(6.0, 9.0);
    let two_sided = draw.chance(0.3);
    for i in 0..bits {
        let y = 90.0 - i as f32 * (width + draw.range(4.5, 7.0));
        let reach = shaft * 0.5 + draw.range(14.0, 30.0);
        drawing.fill(rectangle(0.0, y - width * 0.5, reach, y + width * 0.5), 0.3);
        if two_sided {
            drawing.fill(rectangle(-reach, y - width * 0.5, 0.0, y + width * 0.5), 0.3);
        }
    }
    // A wire loop through the bow.
    if draw.chance(0.5) {
        let radius = draw.range(18.0, 26.0);
        let wire = thin(draw);
        drawing.stroke(circle((draw.range(-8.0, 8.0), -100.0), radius), wire, 1.0);
    }
    drawing
}

pub(super) fn umbrella(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let stick = thin(draw) + 0.5;
    let hook = draw.range(11.0, 17.0);
    let end = 98.0 - hook;
    let side = draw.sign();
    let mut handle: Vec<Point> = vec![(0.0, -98.0), (0.0, end)];
    let turn = if side > 0.0 { (PI, 0.0) } else { (0.0, PI) };
    handle.extend(arc((side * hook, end), hook, turn.0, turn.1));
    drawing.stroke(open(handle), stick, 0.9);
    let panels = draw.count(4, 7);
    let rise = draw.range(62.0, 84.0);
    let scallop = draw.range(7.0, 15.0);
    let rim = -88.0 + rise;
    let mut canopy: Vec<Point> = arc((0.0, 0.0), 1.0, PI, 2.0 * PI)
        .into_iter()
        .map(|(x, y)| (x * 96.0, rim + y * rise))
        .collect();
    let width = 192.0 / panels as f32;
    for i in 0..panels {
        let right = 96.0 - width * i as f32;
        canopy.extend((1..=10).map(|step| {
            let t = step as f32 / 10.0;
            (right - width * t, rim - scallop * (PI * t).sin())
        }));
    }
    drawing.fill(closed(canopy), 0.0);
    let rib = draw.range(2.2, 3.4);
    for i in 1..panels {
        let x = -96.0 + width * i as f32;
        drawing.stroke(
            smooth(&[(0.0, rim - rise), (x * 0.72, rim - rise * 0.62), (x, rim)]),
            rib,
            0.6,
        );
        // Rib ends stick out of the cloth.
        drawing.stroke(lines([((x, rim - 3.0), (x, rim + 5.0))]), 4.0, 0.9);
    }
    drawing
}

pub(super) fn fork(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let tines = draw.count(3, 5);
    let half = draw.range(28.0, 42.0);
    let width = draw.range(7.5, 10.0);
    let length = draw.range(56.0, 74.0);
    let shoulder = -100.0 + length;
    for i in 0..tines {
        let x = -half + 2.0 * half * i as f32 / (tines - 1) as f32;
        drawing.fill(
            limb(
                &[(x * 0.94, shoulder + 8.0), (x, shoulder - 10.0), (x * 1.05, -98.0)],
                width,
                4.4,
            ),
            0.8,
        );
    }
    let blade = draw.range(16.0, 26.0);
    drawing.fill(
        closed([
            (-half - width * 0.5, shoulder),
            (half + width * 0.5, shoulder),
            (half * 0.75, shoulder + blade * 0.6),
            (0.0, shoulder + blade * 1.3),
            (-half * 0.75, shoulder + blade * 0.6),
        ]),
        0.3,
    );
    let shaft = draw.range(9.0, 13.0);
    drawing.stroke(lines([((0.0, shoulder + blade * 0.8), (0.0, 84.0))]), shaft, 0.0);
    if draw.chance(0.5) {
        // A D-shaped grip.
        let grip = draw.range(13.0, 18.0);
        let bar = thin(draw) + 1.5;
        drawing.stroke(closed([(-grip, 97.0), (grip, 97.0), (0.0, 72.0)]), bar, 0.6);
    } else {
        drawing.stroke(lines([((0.0, 60.0), (0.0, 90.0))]), shaft * 1.7, 0.6);
    }
    drawing
}
