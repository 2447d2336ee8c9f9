//! The report's charts and galleries as pictures, for PNG files beside the page.

use super::chart::{self, COLOURS};
use super::tile::scaled;
use super::{CurvePlot, Gallery};
use maskwright_image::draw::{Canvas, Colour, text_width};
use maskwright_image::{RgbImage, Size};

const PAPER: Colour = [255, 255, 255];
const INK: Colour = [27, 35, 48];
const MUTED: Colour = [91, 102, 117];
const GRID: Colour = [233, 236, 241];
const AXIS: Colour = [138, 148, 163];
/// The style sheet's colours of the series on light paper.
const SERIES: [Colour; COLOURS] = [
    [0x25, 0x63, 0xeb],
    [0xd9, 0x66, 0x0a],
    [0x0d, 0x8a, 0x5f],
    [0xc0, 0x26, 0x7e],
    [0x71, 0x41, 0xd8],
    [0x0a, 0x86, 0xa3],
    [0x8a, 0x6d, 0x00],
    [0x64, 0x74, 0x8b],
];

/// Height of a line of text at scale 1: the 8-pixel font with room below.
const LINE: usize = 12;
const MARGIN: usize = 16;
const GAP: usize = 8;

/// The font has no typographic signs; their plain forms stand in.
fn plain(text: &str) -> String {
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

impl CurvePlot {
    /// The chart as a picture on white of `width` x `height` pixels (at least 160 x 120).
    pub fn to_image(&self, width: usize, height: usize) -> RgbImage {
        // Drawn twice as large and averaged, which smooths the lines; text at twice
        // its size comes out as it was.
        let (width, height) = (width.max(160), height.max(120));
        let mut canvas = Canvas::filled(Size::new(2 * height, 2 * width), PAPER);
        let text = |canvas: &mut Canvas, x: usize, y: usize, text: &str, colour| {
            canvas.text(2 * x as i32, 2 * y as i32, &plain(text), colour, 2);
        };
        text(&mut canvas, 12, 10, &self.title, INK);
        let mut x = 12;
        for (series, colour) in self.series.iter().zip(SERIES.into_iter().cycle()) {
            stroke(&mut canvas, (2.0 * x as f64, 60.0), (2.0 * x as f64 + 32.0, 60.0), 5, colour);
            text(&mut canvas, x + 20, 26, &series.name, INK);
            x += 36 + text_width(&plain(&series.name), 1);
        }
        let Some(fitted) = chart::fit(self) else {
            text(&mut canvas, 12, height / 2, "No values to show.", MUTED);
            return scaled(canvas.image(), width);
        };
        let longest = fitted.y.ticks.iter().map(|tick| text_width(&tick.1, 1)).max().unwrap_or(8);
        let (left, right) = (16 + longest, width - 16);
        let (top, floor) = (60, height - 36);
        text(&mut canvas, left, 44, &self.y_label, MUTED);
        let at_x = |value: f64| {
            let place = fitted.x.place(value)?;
            Some(2.0 * (left as f64 + place * (right - left) as f64))
        };
        let at_y = |value: f64| {
            let place = fitted.y.place(value)?;
            Some(2.0 * (floor as f64 - place * (floor - top) as f64))
        };
        let (edge, end) = (2.0 * left as f64, 2.0 * right as f64);
        for (value, label) in &fitted.y.ticks {
            let Some(y) = at_y(*value) else { continue };
            stroke(&mut canvas, (edge, y), (end, y), 2, GRID);
            let label = plain(label);
            let start = left.saturating_sub(6 + text_width(&label, 1));
            canvas.text(2 * start as i32, y as i32 - 8, &label, MUTED, 2);
        }
        let base = 2.0 * floor as f64;
        stroke(&mut canvas, (edge, base), (end, base), 2, AXIS);
        for (value, label) in &fitted.x.ticks {
            let Some(x) = at_x(*value) else { continue };
            stroke(&mut canvas, (x, base), (x, base + 8.0), 2, AXIS);
            let label = plain(label);
            let half = text_width(&label, 1) as i32;
            canvas.text(x as i32 - half, base as i32 + 14, &label, MUTED, 2);
        }
        let label = plain(&self.x_label);
        let middle = (left + right).saturating_sub(text_width(&label, 1)) / 2;
        text(&mut canvas, middle, height - 13, &label, MUTED);
        for (line, colour) in fitted.lines.iter().zip(SERIES.into_iter().cycle()) {
            let faint = colour.map(|c| (0.35 * f32::from(c) + 0.65 * 255.0) as u8);
            let strokes = match &line.smooth {
                Some(smooth) => vec![(&line.raw, 2, faint), (smooth, 4, colour)],
                None => vec![(&line.raw, 4, colour)],
            };
            for (pieces, thick, colour) in strokes {
                for piece in pieces {
                    let places: Vec<(f64, f64)> =
                        piece.iter().filter_map(|p| Some((at_x(p.0)?, at_y(p.1)?))).collect();
                    for pair in places.windows(2) {
                        stroke(&mut canvas, pair[0], pair[1], thick, colour);
                    }
                    if let [(x, y)] = places[..] {
                        canvas.disc((x as i32, y as i32), 5, colour);
                    }
                }
            }
        }
        scaled(canvas.image(), width)
    }
}

/// A line of `thick` pixels: parallel lines across its main direction.
fn stroke(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64), thick: i32, colour: Colour) {
    let [from, to] = [from, to].map(|(x, y)| (x.round() as i32, y.round() as i32));
    let flat = (to.0 - from.0).abs() >= (to.1 - from.1).abs();
    for shift in 0..thick {
        let shift = shift - thick / 2;
        let (dx, dy) = if flat { (0, shift) } else { (shift, 0) };
        canvas.line((from.0 + dx, from.1 + dy), (to.0 + dx, to.1 + dy), colour);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GalleryRow, Series, Tile};
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
        };
        let gallery = Gallery {
            title: "Title".into(),
            caption: String::new(),
            rows: vec![
                GalleryRow { label: "first".into(), tiles: vec![tile(10), tile(20), tile(30)] },
                GalleryRow { label: "second".into(), tiles: vec![tile(40)] },
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

    #[test]
    fn a_chart_shows_its_series() {
        let plot = CurvePlot {
            title: "Loss".into(),
            x_label: "step".into(),
            y_label: "loss".into(),
            series: vec![
                Series { name: "a".into(), points: vec![(0.0, 1.0), (9.0, 0.1)] },
                Series { name: "b".into(), points: vec![(3.0, 0.5)] },
            ],
            log_y: true,
        };
        let image = plot.to_image(480, 280);
        assert_eq!(image.size, Size::new(280, 480));
        for colour in [SERIES[0], SERIES[1]] {
            // Averaging mixes paper into a line's edges.
            let near = |p: &&[u8]| p.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 70);
            let count = image.data.chunks(3).filter(near).count();
            assert!(count > 40, "{colour:?}: {count}");
        }
        assert_eq!(CurvePlot::default().to_image(0, 0).size.width, 160);
    }
}
