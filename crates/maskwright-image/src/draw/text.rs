//! Captions in the public-domain 8x8 font.

use font8x8::{BASIC_FONTS, LATIN_FONTS, UnicodeFonts};

use super::canvas::{Canvas, Colour};

/// Side of a glyph's cell in pixels, at scale 1.
const CELL: i32 = 8;

/// Width in pixels that a text takes at a scale; its height is 8 times the scale.
pub fn text_width(text: &str, scale: usize) -> usize {
    text.chars().count() * CELL as usize * scale
}

impl Canvas {
    /// Writes one line of text with the top-left corner of its first cell at `(x, y)`; cells are 8x8 pixels times
    /// `scale`. ASCII and Latin letters are drawn, others as a question mark.
    pub fn text(&mut self, x: i32, y: i32, text: &str, colour: Colour, scale: usize) {
        let scale = i32::try_from(scale).unwrap_or(i32::MAX);
        let mut left = x;
        for letter in text.chars() {
            for (row, bits) in (0..).zip(glyph(letter)) {
                for column in (0..CELL).filter(|column| bits >> column & 1 == 1) {
                    let x0 = left.saturating_add(column.saturating_mul(scale));
                    let y0 = y.saturating_add(scale.saturating_mul(row));
                    let last = scale - 1;
                    self.fill([x0, y0, x0.saturating_add(last), y0.saturating_add(last)], colour);
                }
            }
            left = left.saturating_add(CELL.saturating_mul(scale));
        }
    }
}

/// Eight rows, leftmost pixel in the lowest bit.
fn glyph(letter: char) -> [u8; 8] {
    let known = BASIC_FONTS.get(letter).or_else(|| LATIN_FONTS.get(letter));
    known.or_else(|| BASIC_FONTS.get('?')).unwrap_or([0; 8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::Size;

    #[test]
    fn letters_are_drawn_upright_at_every_scale() {
        for scale in [1, 3] {
            let mut canvas =
                Canvas::filled(Size::new(CELL as usize * scale, text_width("L", scale)), [0; 3]);
            canvas.text(0, 0, "L", [255; 3], scale);
            let lit = |x: usize, y: usize| canvas.image().pixel(x * scale, y * scale) == [255; 3];
            let rows: Vec<String> = (0..8)
                .map(|y| (0..8).map(|x| if lit(x, y) { '#' } else { '.' }).collect())
                .collect();
            assert_eq!(rows[0], "####....");
            assert_eq!(rows[2], ".##.....");
            assert_eq!(rows[6], "#######.");
        }
    }

    #[test]
    fn unknown_letters_are_question_marks() {
        assert_eq!(glyph('漢'), glyph('?'));
        assert_ne!(glyph('ä'), glyph('?'));
    }
}
