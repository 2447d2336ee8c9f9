//! Which numbers and colours a mask holds: what `mask_values` and `mask_colours` are made of.

use std::collections::HashMap;

use maskwright_image::RgbImage;
use maskwright_image::decode::{Limits, MaskRule, decode_label};

/// Colours that are kept of a mask: those with the most pixels.
const COLOURS: usize = 12;
/// Numbers and colours that are written out.
const SHOWN: usize = 8;

/// The levels that occur, ascending.
pub(super) fn levels(data: &[u8]) -> Vec<u16> {
    let mut seen = [false; 256];
    data.iter().for_each(|&level| seen[usize::from(level)] = true);
    (0..256u16).filter(|&level| seen[usize::from(level)]).collect()
}

/// The stored numbers of a mask file up to 255, ascending; none where it has no single channel.
pub(super) fn stored(file: &[u8], limits: &Limits) -> Option<Vec<u16>> {
    let itself = (0..=255u8).map(|value| (u16::from(value), value)).collect();
    let rule = MaskRule { values: itself, ..MaskRule::default() };
    decode_label(file, &rule, limits).ok().map(|decoded| levels(&decoded.pixels.data))
}

/// The colours of a mask with the most pixels, most first.
pub(super) fn colours(mask: &RgbImage) -> Vec<([u8; 3], u64)> {
    let mut counts: HashMap<[u8; 3], u64> = HashMap::new();
    // Masks are made of runs: the map is asked once for each.
    for run in mask.data.as_chunks::<3>().0.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len() as u64;
    }
    most(counts)
}

/// The entries with the most pixels, most first.
pub(super) fn most(counts: HashMap<[u8; 3], u64>) -> Vec<([u8; 3], u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts.truncate(COLOURS);
    counts
}

/// `#rrggbb`.
pub(super) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Numbers for people: "0, 1, 2, ...".
pub(super) fn listed(values: &[u16]) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN).map(u16::to_string).collect();
    let more = if values.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Colours with their shares for people.
pub(super) fn listed_colours(colours: &[([u8; 3], u64)]) -> String {
    let all: u64 = colours.iter().map(|colour| colour.1).sum();
    let share = |pixels: u64| 100.0 * pixels as f64 / all.max(1) as f64;
    let shown: Vec<String> = colours
        .iter()
        .take(4)
        .map(|&(colour, pixels)| format!("{} {:.1}%", hex(colour), share(pixels)))
        .collect();
    let more = if colours.len() > 4 { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use maskwright_image::{GreyImage, encode};

    use super::*;
    use maskwright_image::Size;

    #[test]
    fn numbers_and_colours_are_counted() {
        let grey = GreyImage::new(Size::new(1, 6), vec![9, 0, 3, 3, 9, 200]).unwrap();
        assert_eq!(levels(&grey.data), [0, 3, 9, 200]);
        let file = encode::png_grey(&grey).unwrap();
        assert_eq!(stored(&file, &Limits::default()).unwrap(), [0, 3, 9, 200]);
        let mut image = RgbImage::filled(Size::new(2, 10), 0);
        image.data[..9].copy_from_slice(&[255, 0, 0, 255, 0, 0, 0, 176, 0]);
        assert_eq!(colours(&image), [([0; 3], 17), ([255, 0, 0], 2), ([0, 176, 0], 1)]);
        assert_eq!(listed(&(0..12).collect::<Vec<_>>()), "0, 1, 2, 3, 4, 5, 6, 7, ...");
        assert_eq!(listed_colours(&colours(&image)), "#000000 85.0%, #ff0000 10.0%, #00b000 5.0%");
    }
}
