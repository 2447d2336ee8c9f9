//! Things of bars, strings and wires: chairs, ladders, rackets, whisks.

use super::outline::{Point, closed, ellipse, limb, lines, rectangle, smooth};
use super::thin;
use crate::draw::Draw;
use crate::raster::Drawing;

pub(super) fn chair(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let half = draw.range(38.0, 52.0);
    let skew = draw.range(14.0, 26.0);
    let depth = draw.range(20.0, 28.0);
    let leg = draw.range(6.0, 9.0);
    let back = draw.range(-100.0, -84.0);
    let seat = 10.0;
    // Back legs, front legs, then what lies before them.
    drawing.stroke(
        lines([
            ((-half + skew, seat), (-half + skew + 2.0, 84.0)),
            ((half + skew, seat), (half + skew + 4.0, 84.0)),
        ]),
        leg * 0.85,
        0.9,
    );
    let rung = thin(draw);
    drawing.stroke(
        lines([
            ((-half - 1.0, 66.0), (half, 66.0)),
            ((half, 58.0), (half + skew + 3.0, 52.0)),
            ((-half, 58.0), (-half + skew + 2.0, 52.0)),
        ]),
        rung,
        0.8,
    );
    drawing.stroke(
        lines([
            ((-half, seat + depth), (-half - 3.0, 100.0)),
            ((half, seat + depth), (half + 2.0, 100.0)),
            ((-half + skew, seat), (-half + skew - 4.0, back)),
            ((half + skew, seat), (half + skew + 1.0, back)),
        ]),
        leg,
        0.6,
    );
    let (left, right) = (-half + skew - 3.0, half + skew);
    if draw.chance(0.5) {
        let slats = draw.count(3, 6);
        let width = thin(draw) + 1.0;
        drawing.stroke(
            lines((1..=slats).map(|i| {
                let x = left + (right - left) * i as f32 / (slats + 1) as f32;
                ((x, back + 10.0), (x + 1.0, seat))
            })),
            width,
            0.4,
        );
        drawing.fill(rectangle(left - 3.0, back, right + 4.0, back + 15.0), 0.2);
    } else {
        let slats = draw.count(2, 4);
        let pitch = (seat - back - 16.0) / slats as f32;
        let height = pitch * draw.range(0.3, 0.5);
        for i in 0..slats {
            let y = back + 4.0 + pitch * i as f32;
            drawing.fill(rectangle(left, y, right, y + height), 0.3);
        }
    }
    let front = seat + depth;
    drawing.fill(
        closed([
            (-half + skew - 2.0, seat - 3.0),
            (half + skew + 4.0, seat - 3.0),
            (half + 5.0, front),
            (-half - 6.0, front),
        ]),
        0.0,
    );
    drawing.fill(rectangle(-half - 6.0, front - 1.0, half + 5.0, front + 8.0), 0.35);
    drawing
}

pub(super) fn ladder(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let (top, foot) = (draw.range(20.0, 28.0), draw.range(32.0, 46.0));
    let rail = draw.range(8.0, 12.0);
    let rungs = draw.count(4, 7);
    let tread = draw.range(5.0, 10.0);
    let splay = draw.range(26.0, 50.0);
    let at = |t: f32| top + (foot - top) * t;
    // The prop of a step-ladder behind it.
    if draw.chance(0.6) {
        let width = thin(draw) + 1.0;
        drawing.stroke(
            lines([
                ((top * 0.8, -84.0), (foot + splay, 90.0)),
                ((-top * 0.8, -84.0), (-foot + splay, 90.0)),
                ((at(0.75) + splay * 0.68, 36.0), (-at(0.75) + splay * 0.68, 36.0)),
            ]),
            width,
            1.0,
        );
    }
    drawing.stroke(
        lines((1..=rungs).map(|i| {
            let t = i as f32 / (rungs + 1) as f32;
            let y = -90.0 + 190.0 * t;
            ((-at(t), y), (at(t), y))
        })),
        tread,
        0.5,
    );
    drawing.stroke(
        lines([((-top, -90.0), (-foot, 100.0)), ((top, -90.0), (foot, 100.0))]),
        rail,
        0.0,
    );
    let platform = draw.range(9.0, 18.0);
    drawing.fill(rectangle(-top - 12.0, -100.0, top + 12.0, -100.0 + platform), 0.7);
    // A bucket or a folded cloth on one of the treads gives it a core.
    if draw.chance(0.5) {
        let y = -90.0 + 190.0 / (rungs + 1) as f32 * 2.0;
        let half = draw.range(13.0, 18.0);
        drawing.fill(
            closed([(-half, y - 26.0), (half, y - 26.0), (half * 0.75, y), (-half * 0.75, y)]),
            0.85,
        );
    }
    drawing
}

pub(super) fn racket(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let centre: Point = (0.0, -42.0);
    let (rx, ry) = (draw.range(40.0, 48.0), draw.range(50.0, 56.0));
    let frame = draw.range(9.0, 13.0);
    let string = draw.range(3.2, 4.2);
    let (columns, rows) = (draw.count(4, 6), draw.count(5, 7));
    let chord = |share: f32| (1.0 - share * share).max(0.0).sqrt();
    let place = |i: usize, n: usize| 2.0 * (i as f32 + 1.0) / (n + 1) as f32 - 1.0;
    let vertical = (0..columns).map(|i| {
        let x = rx * place(i, columns);
        let y = ry * chord(x / rx);
        ((centre.0 + x, centre.1 - y), (centre.0 + x, centre.1 + y))
    });
    let level = (0..rows).map(|i| {
        let y = ry * place(i, rows);
        let x = rx * chord(y / ry);
        ((centre.0 - x, centre.1 + y), (centre.0 + x, centre.1 + y))
    });
    drawing.stroke(lines(vertical.chain(level)), string, 0.9);
    let throat = centre.1 + ry + draw.range(22.0, 32.0);
    drawing.stroke(
        lines([
            ((centre.0 - rx * 0.55, centre.1 + ry * 0.8), (0.0, throat)),
            ((centre.0 + rx * 0.55, centre.1 + ry * 0.8), (0.0, throat)),
        ]),
        frame * 0.8,
        0.2,
    );
    drawing.stroke(ellipse(centre, rx, ry, 0.0), frame, 0.0);
    let grip = draw.range(13.0, 19.0);
    drawing.stroke(lines([((0.0, throat - 4.0), (0.0, 60.0))]), grip * 0.6, 0.2);
    drawing.stroke(lines([((0.0, 56.0), (0.0, 100.0 - grip * 0.5))]), grip, 0.7);
    drawing
}

pub(super) fn whisk(draw: &mut Draw) -> Drawing {
    let mut drawing = Drawing::default();
    let loops = draw.count(2, 4);
    let width = thin(draw) + 0.6;
    let belly = draw.range(40.0, 56.0);
    let neck = 14.0;
    for i in 0..loops {
        let share = (i as f32 + 1.0) / loops as f32;
        let half = belly * share;
        let top = -100.0 + width * 0.5 + 4.0 * (loops - 1 - i) as f32;
        drawing.stroke(
            smooth(&[
                (-4.0 * share, neck),
                (-half * 0.55, -18.0),
                (-half, -58.0),
                (-half * 0.6, top + 10.0),
                (0.0, top),
                (half * 0.6, top + 10.0),
                (half, -58.0),
                (half * 0.55, -18.0),
                (4.0 * share, neck),
            ]),
            width,
            0.9,
        );
    }
    let grip = draw.range(18.0, 26.0);
    drawing.fill(limb(&[(0.0, 12.0), (0.0, 40.0), (0.0, 88.0)], grip * 0.7, grip), 0.0);
    drawing.fill(rectangle(-grip * 0.45, 6.0, grip * 0.45, 20.0), 0.6);
    if draw.chance(0.6) {
        drawing.stroke(ellipse((0.0, 96.0), 9.0, 9.0, 0.0), 4.6, 0.9);
    }
    drawing
}
