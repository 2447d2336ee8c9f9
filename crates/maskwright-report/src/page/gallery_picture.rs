//! Galleries as pictures, for PNG files beside the page.

use super::Gallery;
use super::tile::scaled;
use maskwright_image::draw::{Canvas, Colour, text_width};
use maskwright_image::{RgbImage, Size};

const PAPER: Colour = [255, 255, 255];
const INK: Colour = [27, 35, 48];
const MUTED: Colour = [91, 102, 117];
/// Height of a line of text at scale 1: the 8-pixel font with room below.
const LINE: usize = 12;
const MARGIN: usize = 16;
const GAP: usize = 8;

/// The font has no typographic signs; their plain forms stand in.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2212}' | '\u{2013}' | '\u{2014}' => '-',
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            c => c,
        })
        .collect::<String>()
        .replace('\u{2026}', "...")
}

/// Breaks a text into lines of at most `width` pixels at scale 1, between words where
/// there are some.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let room = (width / text_width("m", 1)).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in plain(text).split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let used = line.chars().count();
        if used > 0 && used + 1 + word.len() > room {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > room {
            let rest = word.split_off(room);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

impl Gallery {
    /// The gallery as one picture on white, every tile `tile_width` pixels wide (at
    /// least 16), with headings, labels and captions.
    pub fn to_image(&self, tile_width: usize) -> RgbImage {
        let tile_width = tile_width.max(16);
        let columns = self.rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0).max(1);
        let inner = (columns * (tile_width + GAP) - GAP).max(240);
        let title: Vec<String> = wrapped(&self.title, inner / 2);
        let caption = wrapped(&self.caption, inner);
        // Everything is laid out first: the height follows from it.
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let label = wrapped(&row.label, inner);
                let tiles: Vec<(RgbImage, Vec<String>)> = row
                    .tiles
                    .iter()
                    .map(|tile| {
                        (scaled(&tile.image, tile_width), wrapped(&tile.caption, tile_width))
                    })
                    .collect();
                let tallest = tiles.iter().map(|tile| tile.0.size.height).max().unwrap_or(0);
                let lines = tiles.iter().map(|tile| tile.1.len()).max().unwrap_or(0);
                let height = label.len() * LINE + tallest + 4 + lines * LINE + GAP;
                (label, tiles, tallest, height)
            })
            .collect();
        let head = title.len() * 2 * LINE + caption.len() * LINE + GAP;
        let height = 2 * MARGIN + head + rows.iter().map(|row| row.3).sum::<usize>();
        let mut canvas = Canvas::filled(Size::new(height, inner + 2 * MARGIN), PAPER);
        let mut y = MARGIN;
        for line in &title {
            canvas.text(MARGIN as i32, y as i32, line, INK, 2);
            y += 2 * LINE;
        }
        for line in &caption {
            canvas.text(MARGIN as i32, y as i32, line, MUTED, 1);
            y += LINE;
        }
        y += GAP;
        for (label, tiles, tallest, height) in &rows {
            let next = y + height;
            for line in label {
                canvas.text(MARGIN as i32, y as i32, line, INK, 1);
                y += LINE;
            }
            for (column, (image, caption)) in tiles.iter().enumerate() {
                let x = (MARGIN + column * (tile_width + GAP)) as i32;
                canvas.paste(image, x, y as i32, image.size);
                for (i, line) in caption.iter().enumerate() {
                    let below = y + tallest + 4 + i * LINE;
                    canvas.text(x, below as i32, line, MUTED, 1);
                }
            }
            y = next;
        }
        canvas.into_image()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GalleryRow, Tile};
    use super::*;

    #[test]
    fn texts_wrap_between_words_and_within_long_ones() {
        assert_eq!(wrapped("one two three", 8 * 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij xy", 8 * 4), ["abcd", "efgh", "ij", "xy"]);
        assert_eq!(wrapped("", 80), Vec::<String>::new());
        assert_eq!(wrapped("a\u{2212}b", 0), ["a", "-", "b"]);
    }

    #[test]
    fn a_gallery_holds_its_tiles_at_the_width_asked_for() {
        let tile = |value: u8| Tile {
            caption: "caption".into(),
            image: RgbImage::filled(Size::new(100, 50), value),
            other: None,
        };
        let gallery = Gallery {
            title: "Title".into(),
            caption: String::new(),
            rows: vec![
                GalleryRow {
                    label: "first".into(),
                    facets: Vec::new(),
                    tiles: vec![tile(10), tile(20), tile(30)],
                },
                GalleryRow { label: "second".into(), facets: Vec::new(), tiles: vec![tile(40)] },
            ],
        };
        let image = gallery.to_image(100);
        assert_eq!(image.size.width, 2 * MARGIN + 3 * 100 + 2 * GAP);
        for (value, pixels) in [(10, 20_000), (20, 20_000), (30, 20_000), (40, 20_000)] {
            let count = image.data.chunks(3).filter(|p| p == &[value; 3]).count();
            assert_eq!(count, pixels, "tile {value}");
        }
        assert!(Gallery::default().to_image(0).size.width > 0);
    }
}
