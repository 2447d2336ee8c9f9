//! YOLO's label files for segmentation: a text file for each image, a line for each object.
//!
//! ```text
//! 0 0.51 0.20 0.73 0.24 0.70 0.66 0.48 0.60
//! ```
//!
//! A line is the number of a class and the points of a polygon, as shares of the image's width and height. A line with
//! four numbers behind its class is a box (centre x, centre y, width, height), which has no outline.

use maskwright_image::Size;

use super::outline::{OutlineFile, Outlined};

/// How far points may lie outside of the image, as a share of it: rounding, as Ultralytics allows it.
const OUTSIDE: f64 = 0.01;

/// Parses a label file of an image of `size`.
///
/// # Errors
///
/// The number of a line, from 1, and what was expected of it and found.
pub(crate) fn read_yolo(text: &str, size: Size) -> Result<OutlineFile, (u64, String)> {
    let mut file = OutlineFile::default();
    // A mark of the byte order, as some editors write it, belongs to no line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_ascii_whitespace();
        let Some(class) = words.next() else { continue };
        let label = class_number(class).ok_or_else(|| {
            let message = format!("class: expected a whole number from 0, found {}", short(class));
            (number, message)
        })?;
        let points = points(words, size).map_err(|message| (number, message))?;
        match points.len() {
            4 => file.without_outline.push(number),
            // A class alone is an image's class in YOLO's other task; two numbers are a point.
            0 | 2 => file.too_short.push(number),
            _ => {
                let polygons = vec![points];
                file.objects.push(Outlined { number, label, polygons, pixels: None });
            }
        }
    }
    Ok(file)
}

/// The number of a class, which some tools write as `3.0`.
fn class_number(word: &str) -> Option<String> {
    let whole = word.split_once('.').map_or(Some(word), |(whole, rest)| {
        rest.bytes().all(|digit| digit == b'0').then_some(whole)
    })?;
    whole.parse().ok().map(|class: u32| class.to_string())
}

/// The points of a line, in pixels: x, y, x, y, ...
fn points<'a>(words: impl Iterator<Item = &'a str>, size: Size) -> Result<Vec<f64>, String> {
    let mut points = Vec::new();
    for (at, word) in words.enumerate() {
        let share: f64 = word
            .parse()
            .map_err(|_| format!("number {}: expected a number, found {}", at + 1, short(word)))?;
        if !(-OUTSIDE..=1.0 + OUTSIDE).contains(&share) {
            return Err(format!(
                "number {}: expected a share of the image's {} from 0 to 1, found {}",
                at + 1,
                if at % 2 == 0 { "width" } else { "height" },
                short(word)
            ));
        }
        let side = if at % 2 == 0 { size.width } else { size.height };
        points.push(share * side as f64);
    }
    if points.len().is_multiple_of(2) {
        return Ok(points);
    }
    Err(format!(
        "expected a class and x and y of each point, found {} numbers behind the class",
        points.len()
    ))
}

/// The beginning of a word, in quotes.
fn short(word: &str) -> String {
    let begin: String = word.chars().take(20).collect();
    format!("\"{begin}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn lines_are_polygons_in_pixels() {
        let text = "\u{feff}2 0 0 0.5 0 0.5 0.25\r\n\n7.0 0.5 0.5 0.1 0.2\n  0\t-0.005 1 1 1 1 1.01 0 0.5\n1\n3 0.5 0.5\n";
        let file = read_yolo(text, Size::new(100, 40)).unwrap();
        let found: Vec<_> = file
            .objects
            .iter()
            .map(|o| (o.number, o.label.as_str(), o.polygons[0].len()))
            .collect();
        assert_eq!(found, [(1, "2", 6), (4, "0", 8)]);
        assert_eq!(file.objects[0].polygons[0], [0.0, 0.0, 20.0, 0.0, 20.0, 25.0]);
        assert_eq!((file.without_outline, file.too_short), (vec![3], vec![5, 6]));
        assert!(read_yolo("", Size::new(1, 1)).unwrap().objects.is_empty());
    }

    #[test]
    fn other_lines_are_refused() {
        let refused = |text: &str| {
            let (line, message) = read_yolo(text, Size::new(10, 10)).unwrap_err();
            format!("line {line}: {message}")
        };
        let messages = [
            "0 0 0 1 1 1 0\nleaf 0 0 1 1 1 0",
            "-1 0 0 1 1 1 0",
            "0.5 0 0 1 1 1 0",
            "0 0 0 1 1 1",
            "0 0 0 1 one 1 0",
            "0 0 0 1 nan 1 0",
            "0 0 0 153.5 1 1 0",
            "0 0 0 1 -0.2 1 0",
        ];
        assert_snapshot!(messages.map(refused).join("\n"), @r#"
            line 2: class: expected a whole number from 0, found "leaf"
            line 1: class: expected a whole number from 0, found "-1"
            line 1: class: expected a whole number from 0, found "0.5"
            line 1: expected a class and x and y of each point, found 5 numbers behind the class
            line 1: number 4: expected a number, found "one"
            line 1: number 4: expected a share of the image's height from 0 to 1, found "nan"
            line 1: number 3: expected a share of the image's width from 0 to 1, found "153.5"
            line 1: number 4: expected a share of the image's height from 0 to 1, found "-0.2"
            "#);
    }
}
