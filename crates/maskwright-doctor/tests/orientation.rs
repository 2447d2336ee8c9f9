//! Images whose EXIF orientation turns them.

mod common;

use common::{Set, blob, diagnose, only, scene, with_orientation};
use maskwright_data::source::{ExifRule, SetSpec};
use maskwright_doctor::Check;
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::{GreyImage, RgbImage};

/// A bright ellipse on a dark ground, and its mask.
fn contrast(width: usize, height: usize) -> (RgbImage, GreyImage) {
    let label = blob(0, width, height);
    let mut image = scene(33, width, height);
    for (pixel, level) in image.data.chunks_exact_mut(3).zip(&label.data) {
        pixel.iter_mut().for_each(|value| *value = *value / 3 + if *level > 0 { 160 } else { 0 });
    }
    (image, label)
}

fn turned(image: &RgbImage, exif: u16) -> RgbImage {
    use maskwright_image::decode::{Orientation, orient_rgb};
    orient_rgb(image.clone(), Orientation::from_exif(exif).unwrap())
}

#[test]
fn exif_orientations() {
    let (image, label) = contrast(120, 90);
    let file = |image: &RgbImage, exif| with_orientation(&jpeg_rgb(image, 95).unwrap(), exif);
    // Stored turned by 90 degrees counter-clockwise: 6 turns it back clockwise.
    let set = Set::new(2);
    set.image("quarter.jpg", file(&turned(&image, 8), 6));
    set.mask("quarter.png", png_grey(&label).unwrap());
    only(&set.diagnose(), Check::ExifTurned);
    let ignoring = SetSpec { exif: ExifRule::Ignore, ..set.spec() };
    let found = diagnose(&ignoring);
    assert_eq!(only(&found, Check::SizeMismatch).fix.as_deref(), Some("exif = \"auto\""));

    let set = Set::new(2);
    set.image("stored.jpg", file(&image, 6));
    set.mask("stored.png", png_grey(&label).unwrap());
    only(&set.diagnose(), Check::ExifAsStored);
    only(&diagnose(&SetSpec { exif: ExifRule::Ignore, ..set.spec() }), Check::ExifIgnored);

    // A half turn fits both ways; the edges tell.
    let words = [(turned(&image, 3), None), (image.clone(), Some("exif = \"ignore\""))].map(
        |(stored, fix)| {
            let set = Set::new(2);
            set.image("half.jpg", file(&stored, 3));
            set.mask("half.png", png_grey(&label).unwrap());
            let found = set.diagnose();
            let ambiguous = only(&found, Check::ExifAmbiguous);
            assert_eq!(ambiguous.fix.as_deref(), fix);
            // How many levels hangs on the decoder.
            let (words, _) = ambiguous.listed[0].detail.split_once(" (edges under").unwrap();
            words.to_owned()
        },
    );
    insta::assert_snapshot!(words.join("\n"), @"
        EXIF orientation 3 (turned by 180 degrees); upright fits the edges better
        EXIF orientation 3 (turned by 180 degrees); as stored fits the edges better
        ");
}
