//! What is wrong with files: partners that are missing, names, damage, sizes, formats.

mod common;

use std::fs;

use common::{Set, all, blob, diagnose, mask, names, only, png, scene};
use maskwright_data::source::{OpenContext, SetKind, SetSpec, Unmatched};
use maskwright_doctor::{Check, Role, Severity, Subject};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};

#[test]
fn sound_data_has_no_findings() {
    let found = Set::new(12).diagnose();
    assert!(found.findings.is_empty(), "{:#?}", found.findings);
    assert_eq!((found.records, found.checked, found.usable, found.objects), (12, 12, 12, 12));
    assert!(found.lines.is_empty() && found.bytes > 1000);
    let names: Vec<&str> = found.histograms.iter().map(|histogram| histogram.name).collect();
    assert_eq!(names, ["megapixels", "longest_side", "object_area", "objects_per_image"]);
    assert!(found.histograms.iter().all(|histogram| histogram.total() == 12));
    assert_eq!(found.histograms[1].max, Some(240.0));
}

#[test]
fn files_without_partner() {
    let set = Set::new(3);
    set.image("lone.jpg", jpeg_rgb(&scene(40, 60, 50), 90).unwrap());
    set.mask("also.png", png_grey(&blob(1, 60, 50)).unwrap());
    set.mask("alone.png", png_grey(&blob(2, 60, 50)).unwrap());
    let found = set.diagnose();
    assert_eq!(found.usable, 3);
    let missing = found.find(Check::MissingMask).unwrap();
    assert_eq!((missing.count, names(missing)), (1, vec!["lone.jpg"]));
    assert_eq!(missing.fix.as_deref(), Some("unmatched = \"skip\""));
    assert_eq!(missing.severity, Severity::Error);
    let missing = found.find(Check::MissingImage).unwrap();
    assert_eq!((missing.count, names(missing)), (2, vec!["alone.png", "also.png"]));
    assert_eq!(found.findings.len(), 2);
    // Both are settled by one line, and then they are notes.
    assert_eq!(found.lines, ["unmatched = \"skip\""]);
    let lenient = diagnose(&SetSpec { unmatched: Unmatched::Skip, ..set.spec() });
    assert!(lenient.findings.iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(lenient.find(Check::MissingImage).unwrap().count, 2);
}

#[test]
fn masks_with_a_suffix() {
    let set = Set::new(0);
    for number in 0..4 {
        let name = format!("photo_{number}");
        set.image(&format!("{name}.jpg"), jpeg_rgb(&scene(number, 240, 180), 92).unwrap());
        set.mask(&format!("{name}_mask.png"), png_grey(&blob(number, 240, 180)).unwrap());
    }
    let found = set.diagnose();
    let missing = only(&found, Check::MissingMask);
    assert_eq!((missing.count, missing.fix.as_deref()), (4, Some("mask_suffix = \"_mask\"")));
    assert_eq!(found.usable, 4);
    let mut spec = set.spec();
    let SetKind::Pairs(keys) = &mut spec.kind else { panic!("{spec:?}") };
    keys.mask_suffix = "_mask".into();
    let mended = diagnose(&spec);
    assert!(mended.findings.is_empty(), "{:#?}", mended.findings);
}

#[test]
fn two_images_of_one_stem() {
    let set = Set::new(3);
    set.image("sound_1.png", png_rgb(&scene(60, 240, 180)).unwrap());
    let found = set.diagnose();
    let ambiguous = only(&found, Check::AmbiguousNames);
    assert_eq!(ambiguous.fix.as_deref(), Some("image_ext = \"jpg\""));
    assert_eq!(found.usable, 3);
}

#[test]
fn sets_that_cannot_be_opened_do_not_hide_the_others() {
    let set = Set::new(2);
    let missing = SetSpec::pairs("gone", "/nowhere/im", "/nowhere/gt");
    let found = all(&[
        Subject::open(&missing, Role::Train, &OpenContext::default()),
        Subject::open(&set.spec(), Role::Valid, &OpenContext::default()),
    ]);
    let cannot = only(&found.sets[0], Check::CannotOpen);
    insta::assert_snapshot!(cannot.listed[0].detail, @"set gone: the folder of its images does not exist: /nowhere/im");
    assert_eq!((found.sets[1].usable, found.sets[1].list), (2, Role::Valid));
    assert!(!found.is_fit());
    let nothing = Set::new(0);
    nothing.image("a.txt", "BM");
    nothing.mask("a.png", "x");
    only(&nothing.diagnose(), Check::CannotOpen);
}

#[test]
fn files_that_are_no_images() {
    let set = Set::new(2);
    let sound = jpeg_rgb(&scene(70, 240, 180), 92).unwrap();
    let label = png_grey(&blob(3, 240, 180)).unwrap();
    set.image("page.jpg", "<html>not found</html>");
    set.image("empty.jpg", "");
    set.image("cut.jpg", &sound[..sound.len() / 2]);
    set.image("inks.jpg", &sound);
    for (name, number) in [("page", 10), ("empty", 11), ("cut", 12)] {
        set.mask(&format!("{name}.png"), png_grey(&blob(number, 240, 180)).unwrap());
    }
    set.mask("inks.png", &label[..label.len() / 2]);
    let mut arithmetic = sound.clone();
    let frame = arithmetic.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    arithmetic[frame + 1] = 0xc9;
    set.image("rare.jpg", arithmetic);
    set.mask("rare.png", png_grey(&mask(240, 180, |x, y| x + y > 90 && x < 100)).unwrap());
    let found = set.diagnose();
    let at = |check: Check| found.find(check).map(|finding| names(finding));
    assert_eq!(at(Check::NotAnImage).unwrap(), ["page"]);
    assert_eq!(at(Check::DamagedFile).unwrap(), ["empty", "inks"]);
    assert_eq!(at(Check::TruncatedFile).unwrap(), ["cut"]);
    assert_eq!(at(Check::UnsupportedFile).unwrap(), ["rare"]);
    assert_eq!(found.findings.len(), 4, "{:#?}", found.findings);
    assert_eq!((found.records, found.usable), (7, 3));
    let damaged = found.find(Check::DamagedFile).unwrap();
    assert_eq!(damaged.fix.as_deref(), Some("exclude = [\"empty\", \"inks\"]"));
    assert!(damaged.listed[0].detail.starts_with("image: the file is empty"), "{damaged:?}");
    assert!(damaged.listed[1].detail.starts_with("mask: "), "{damaged:?}");
    // With all lines that are proposed, nothing is left but what needs none.
    assert_eq!(found.lines, ["exclude = [\"cut\", \"empty\", \"inks\", \"page\", \"rare\"]"]);
    let exclude = ["cut", "empty", "inks", "page", "rare"].map(String::from).to_vec();
    assert!(diagnose(&SetSpec { exclude, ..set.spec() }).findings.is_empty());
}

#[cfg(unix)]
#[test]
fn files_that_vanish_or_are_folders_of_links() {
    let set = Set::new(2);
    std::os::unix::fs::symlink("/nowhere/at_all.jpg", set.root.path().join("im/dangling.jpg"))
        .unwrap();
    set.mask("dangling.png", png_grey(&blob(5, 240, 180)).unwrap());
    let found = set.diagnose();
    let unreadable = only(&found, Check::UnreadableFile);
    assert_eq!(names(unreadable), ["dangling"]);
    assert!(unreadable.listed[0].file.ends_with("im/dangling.jpg"));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let set = Set::new(2);
    let stem = |ending: &[u8]| [&b"gr\xfcn"[..], ending].concat();
    let image = set.root.path().join("im").join(OsStr::from_bytes(&stem(b".jpg")));
    fs::write(image, jpeg_rgb(&scene(30, 240, 180), 92).unwrap()).unwrap();
    let file = set.root.path().join("gt").join(OsStr::from_bytes(&stem(b".png")));
    fs::write(file, png_grey(&blob(5, 240, 180)).unwrap()).unwrap();
    let found = set.diagnose();
    only(&found, Check::NameNotUnicode);
    assert_eq!(found.usable, 3);
}

#[test]
fn sizes_that_differ() {
    let set = Set::new(2);
    set.image("a.jpg", jpeg_rgb(&scene(30, 100, 80), 92).unwrap());
    set.mask("a.png", png_grey(&blob(5, 101, 80)).unwrap());
    let found = set.diagnose();
    let mismatch = only(&found, Check::SizeMismatch);
    assert_eq!(mismatch.listed[0].detail, "the image is 100 x 80, the mask 101 x 80");
    assert_eq!((found.usable, mismatch.fix.as_deref()), (2, Some("exclude = [\"a\"]")));
}

#[test]
fn unusual_formats_are_notes() {
    let set = Set::new(2);
    let scene_at = |number| scene(number, 240, 180);
    let pixels = |number| scene_at(number).data;
    // PNG inside .jpg.
    set.image("ending.jpg", png_rgb(&scene_at(20)).unwrap());
    let wide: Vec<u8> = pixels(21).iter().flat_map(|&v| [v, v]).collect();
    set.image("wide.png", png(png::ColorType::Rgb, png::BitDepth::Sixteen, 240, 180, &wide));
    let indices: Vec<u8> = pixels(22).iter().step_by(3).copied().collect();
    set.image("table.png", png(png::ColorType::Indexed, png::BitDepth::Eight, 240, 180, &indices));
    let clear: Vec<u8> =
        pixels(23).as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 90]).collect();
    set.image("clear.png", png(png::ColorType::Rgba, png::BitDepth::Eight, 240, 180, &clear));
    let mut inks = Vec::new();
    let four: Vec<u8> =
        pixels(24).as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 40]).collect();
    jpeg_encoder::Encoder::new(&mut inks, 90)
        .encode(&four, 240, 180, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    set.image("inks.jpg", inks);
    for (number, name) in ["ending", "wide", "table", "clear", "inks"].iter().enumerate() {
        let label = mask(240, 180, |x, y| x > 20 * number + 20 && y > 40 && x < 200 && y < 150);
        set.mask(&format!("{name}.png"), png_grey(&label).unwrap());
    }
    let found = set.diagnose();
    let at = |check: Check| names(found.find(check).unwrap_or_else(|| panic!("{check}")));
    assert_eq!(at(Check::WrongExtension), ["ending"]);
    assert_eq!(at(Check::SixteenBitImage), ["wide"]);
    assert_eq!(at(Check::PaletteImage), ["table"]);
    assert_eq!(at(Check::TransparentImage), ["clear"]);
    assert_eq!(at(Check::CmykImage), ["inks"]);
    assert_eq!(found.findings.len(), 5, "{:#?}", found.findings);
    assert!(found.findings.iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(found.usable, 7);
}

#[test]
fn damaged_pixels_are_told_in_the_decoders_words() {
    // The pure Rust decoder is silent about data that it can pass over.
    if !maskwright_image::decode::decoder_name().starts_with("mozjpeg") {
        return eprintln!("left out: this build decodes without libjpeg");
    }
    let set = Set::new(2);
    let mut bytes = jpeg_rgb(&scene(70, 240, 180), 92).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].copy_from_slice(&[0xff, 0xd0, 0xff, 0xd3, 0x12, 0xff, 0xd1, 0x99]);
    set.image("bent.jpg", bytes);
    set.mask("bent.png", png_grey(&mask(240, 180, |x, y| x > 60 && y < 50)).unwrap());
    let found = set.diagnose();
    let damaged = only(&found, Check::DamagedData);
    assert_eq!((names(damaged), found.usable), (vec!["bent"], 3));
    assert!(damaged.listed[0].detail.starts_with("image: damaged data was skipped"), "{damaged:?}");
    insta::assert_snapshot!(damaged.advice.as_deref().unwrap(), @"or `strict = true` under [plan], which refuses such files in training");
}

#[test]
fn sizes_that_differ_everywhere_have_a_cause() {
    // Thumbnails: a quarter of the masks' sides, rounded.
    let set = Set::new(4);
    for number in 0..4 {
        let small = jpeg_rgb(&scene(number, 60, 45), 92).unwrap();
        set.image(&format!("sound_{number}.jpg"), small);
    }
    let found = set.diagnose();
    let sizes = found.find(Check::SizeMismatch).unwrap();
    assert_eq!((sizes.count, sizes.fix.as_deref()), (4, None));
    insta::assert_snapshot!(sizes.advice.as_deref().unwrap(), @"nearly all are so: the images are smaller copies (thumbnails) of those that the masks were drawn on: take the images in full size");
    assert!(found.lines.is_empty(), "{:?}", found.lines);
    // A single one among sound ones is left out.
    let set = Set::new(4);
    set.image("sound_0.jpg", jpeg_rgb(&scene(0, 60, 45), 92).unwrap());
    let found = set.diagnose();
    let sizes = only(&found, Check::SizeMismatch);
    assert_eq!(sizes.fix.as_deref(), Some("exclude = [\"sound_0\"]"));
}
