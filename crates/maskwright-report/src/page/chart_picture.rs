//! Charts as pictures, for PNG files beside the page: the page's SVG, rendered, with texts in the
//! small font of all pictures.

use std::fmt::Write;

use maskwright_image::draw::{Canvas, text_width};
use maskwright_image::{RgbImage, Size};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

use super::CurvePlot;
use super::chart::{self, Fitted};
use super::chart_svg::{self, Anchor, COLOURS, HEIGHT, Placement, WIDTH};
use super::gallery_picture::plain;
use super::style::{CHART_ON_LIGHT, colour};

/// Beside the title and the legend.
const MARGIN: usize = 14;
/// Height of a line of the legend.
const LINE: usize = 16;
/// Height of a letter.
const LETTER: usize = 8;
/// Width of a legend's stroke, and of the room around it.
const KEY: usize = 20;
const KEY_ROOM: usize = 28;
/// Between two entries of the legend.
const GAP: usize = 18;

/// An entry of the legend: the number of its series, its place, its words.
struct Entry {
    series: usize,
    x: usize,
    y: usize,
    words: String,
}

impl CurvePlot {
    /// The chart as a picture on white, `width` pixels wide (at least 160).
    pub fn to_image(&self, width: usize) -> RgbImage {
        let width = width.max(160);
        let scale = width as f64 / WIDTH;
        let fitted = chart::fit(self);
        let legend = self.legend(width, fitted.as_ref());
        let head = legend.last().map_or(MARGIN + LINE, |entry| entry.y) + LINE;
        let height = head + (HEIGHT * scale).ceil() as usize;

        let mut body = String::new();
        for entry in &legend {
            let (x, y) = (entry.x, entry.y + LETTER / 2);
            let class = entry.series % COLOURS;
            let _ = writeln!(
                body,
                "<g class=\"s{class}\"><path class=\"line\" d=\"M{x} {y}h{KEY}\"/></g>"
            );
        }
        if let Some(fitted) = &fitted {
            let shapes = chart_svg::shapes(self, fitted, &Placement::of(fitted));
            let _ =
                writeln!(body, "<g transform=\"translate(0 {head}) scale({scale})\">{shapes}</g>");
        }
        let mut canvas = Canvas::new(rendered(&body, width, height));
        let (ink, muted) = (colour("text"), colour("muted"));
        canvas.text(MARGIN as i32, MARGIN as i32 - 2, &plain(&self.title), ink, 1);
        for entry in &legend {
            canvas.text((entry.x + KEY_ROOM) as i32, entry.y as i32, &entry.words, ink, 1);
        }
        let Some(fitted) = &fitted else {
            canvas.text(MARGIN as i32, (height / 2) as i32, "No values to show.", muted, 1);
            return canvas.into_image();
        };
        for text in chart_svg::texts(self, fitted, &Placement::of(fitted)) {
            let words = plain(&text.words);
            let room = text_width(&words, 1) as f64;
            let before = match text.anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => room / 2.0,
                Anchor::End => room,
            };
            let (x, y) = (text.x * scale - before, head as f64 + text.y * scale);
            canvas.text(x.round() as i32, y.round() as i32 - LETTER as i32, &words, muted, 1);
        }
        canvas.into_image()
    }

    /// The legend's entries, in as many lines as they need.
    fn legend(&self, width: usize, fitted: Option<&Fitted>) -> Vec<Entry> {
        let (mut x, mut y) = (MARGIN, MARGIN + LINE);
        let mut entries = Vec::new();
        for (number, series) in self.series.iter().enumerate() {
            let value = chart_svg::last_value(series, fitted, number).unwrap_or_default();
            let words = plain(format!("{} {value}", series.name).trim_end());
            let wide = KEY_ROOM + text_width(&words, 1);
            if x > MARGIN && x + wide + MARGIN > width {
                (x, y) = (MARGIN, y + LINE);
            }
            entries.push(Entry { series: number, x, y, words });
            x += wide + GAP;
        }
        entries
    }
}

/// The shapes of an SVG on white paper.
fn rendered(body: &str, width: usize, height: usize) -> RgbImage {
    let style = CHART_ON_LIGHT.as_str();
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
         <style>{style}</style>{body}</svg>"
    );
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default())
        .expect("an SVG that was written here is well formed");
    let mut pixels =
        Pixmap::new(width as u32, height as u32).expect("a picture that memory has room for");
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    // On white paper every pixel is opaque.
    let data = pixels.data().as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]);
    RgbImage { size: Size::new(height, width), data: data.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::*;

    fn plot() -> CurvePlot {
        CurvePlot {
            title: "Loss".into(),
            x_label: "step".into(),
            y_label: "loss".into(),
            series: vec![
                Series { name: "a".into(), points: vec![(0.0, 1.0), (9.0, 0.1)] },
                Series { name: "b".into(), points: vec![(3.0, 0.5)] },
            ],
            log_y: true,
            ..CurvePlot::default()
        }
    }

    #[test]
    fn a_chart_shows_its_series() {
        let image = plot().to_image(480);
        assert_eq!(image.size.width, 480);
        for name in ["s0", "s1", "muted", "text"] {
            let wanted = colour(name);
            // Smoothing mixes paper into a line's edges.
            let near = |p: &&[u8]| p.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 40);
            let count = image.data.chunks(3).filter(near).count();
            assert!(count > 30, "{name}: {count}");
        }
    }

    #[test]
    fn a_long_legend_takes_lines_and_nothing_is_a_picture_too() {
        let long = |i: i32| Series { name: format!("a long name {i}"), points: vec![(0.0, 1.0)] };
        let many = CurvePlot { series: (0..6).map(long).collect(), ..plot() };
        assert!(many.to_image(320).size.height > plot().to_image(320).size.height + 3 * LINE);
        assert_eq!(CurvePlot::default().to_image(0).size.width, 160);
        let hostile = CurvePlot { title: "<&\"'\u{0}>".into(), ..plot() };
        assert_eq!(hostile.to_image(200).size.width, 200);
    }
}
