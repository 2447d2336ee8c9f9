//! Colours of a picture: a ground of related colours, and two object colours that
//! stand clear of all of them.

use crate::draw::Draw;

/// Red, green, blue, 0..255, as stored in the file.
pub(super) type Colour = [f32; 3];

/// The colours of one picture.
pub(super) struct Palette {
    /// Three related colours of the background.
    pub(super) ground: [Colour; 3],
    /// The object's two colours, for shade 0 and shade 1.
    pub(super) object: [Colour; 2],
}

/// The distance that an object's colours keep from the ground's, in units of
/// [`distance`]: after shading, noise and JPEG the object still stands out.
const CLEARANCE: f32 = 105.0;

/// Draws for the object's colour; the one standing clearest is kept when none of
/// them reaches [`CLEARANCE`].
const TRIES: usize = 48;

impl Palette {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let ground = ground(draw);
        let first = clear_colour(draw, &ground, None);
        let second = clear_colour(draw, &ground, Some(first));
        Self { ground, object: [first, second] }
    }
}

/// A colour and two neighbours of it in hue, saturation and brightness.
fn ground(draw: &mut Draw) -> [Colour; 3] {
    let hue = draw.uniform();
    let saturation = draw.range(0.05, 0.6);
    let value = draw.range(0.15, 0.95);
    let mut neighbour = |reach: f32| {
        hsv(
            hue + reach * draw.range(-0.12, 0.12),
            (saturation + reach * draw.range(-0.2, 0.2)).clamp(0.0, 0.7),
            (value + reach * draw.range(-0.22, 0.22)).clamp(0.08, 1.0),
        )
    };
    [neighbour(0.0), neighbour(1.0), neighbour(1.0)]
}

/// A colour clear of the ground; beside `near`, one that goes with it.
fn clear_colour(draw: &mut Draw, ground: &[Colour; 3], near: Option<Colour>) -> Colour {
    let mut best = [0.0; 3];
    let mut best_clearance = -1.0;
    for _ in 0..TRIES {
        // Muted colours are the more frequent ones, as in the world.
        let saturation = 0.05 + 0.85 * draw.uniform().powf(1.3);
        let drawn = hsv(draw.uniform(), saturation, draw.range(0.08, 1.0));
        let candidate = match near {
            // Half way to a free colour: a second tone of the same object.
            Some(first) => mix(first, drawn, 0.55),
            None => drawn,
        };
        let clearance =
            ground.iter().map(|&c| distance(c, candidate)).fold(f32::INFINITY, f32::min);
        if clearance >= CLEARANCE {
            return candidate;
        }
        if clearance > best_clearance {
            (best, best_clearance) = (candidate, clearance);
        }
    }
    best
}

/// How different two colours look: brightness counts double, as in the eye.
pub(super) fn distance(a: Colour, b: Colour) -> f32 {
    let d = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    // BT.601 luma and the two colour differences.
    let luma = 0.299 * d[0] + 0.587 * d[1] + 0.114 * d[2];
    let (blue, red) = (0.564 * (d[2] - luma), 0.713 * (d[0] - luma));
    (2.0 * luma * luma + blue * blue + red * red).sqrt()
}

/// The colour at `t` (0..1) on the way from `a` to `b`.
pub(super) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

/// Hue (turns, any number), saturation and value (0..1) to RGB.
fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    [5.0f32, 3.0, 1.0].map(|offset| {
        let k = (offset + hue.rem_euclid(1.0) * 6.0) % 6.0;
        255.0 * (value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn hsv_gives_the_primaries() {
        assert_eq!(hsv(0.0, 1.0, 1.0), [255.0, 0.0, 0.0]);
        assert_eq!(hsv(1.0 / 3.0, 1.0, 1.0).map(f32::round), [0.0, 255.0, 0.0]);
        assert_eq!(hsv(-1.0 / 3.0, 1.0, 1.0).map(f32::round), [0.0, 0.0, 255.0]);
        assert_eq!(hsv(0.7, 0.0, 0.5), [127.5; 3]);
    }

    #[test]
    fn objects_stand_clear_of_the_ground() {
        let mut short = 0;
        for index in 0..500 {
            let palette = Palette::new(&mut Draw::new(3, 0, index, Stream::Colour));
            for object in palette.object {
                for ground in palette.ground {
                    let d = distance(object, ground);
                    assert!(d > 0.6 * CLEARANCE, "picture {index}: {d}");
                    short += usize::from(d < CLEARANCE);
                }
            }
        }
        // The fall-back for grounds that leave little room must stay rare.
        assert!(short < 60, "{short} of 3000");
    }
}
