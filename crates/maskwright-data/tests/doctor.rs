//! Every check is triggered by a small made fixture, and by nothing else.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{disc, mask, picture, with_orientation, write};
use maskwright_data::doctor::{
    Check, Diagnosis, Finding, Role, SetDiagnosis, Settings, Severity, Subject, examine, recognise,
};
use maskwright_data::source::{DataFile, ExifRule, SetSpec, Unmatched};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
use maskwright_image::{GreyImage, RgbImage, Size};

/// A folder with `im` and `gt`, and as many sound pairs as asked for, all different.
struct Set {
    root: tempfile::TempDir,
}

impl Set {
    fn new(sound: usize) -> Set {
        let set = Set { root: tempfile::tempdir().unwrap() };
        for number in 0..sound {
            set.image(
                &format!("sound_{number}.jpg"),
                jpeg_rgb(&scene(number, 240, 180), 92).unwrap(),
            );
            set.mask(&format!("sound_{number}.png"), png_grey(&blob(number, 240, 180)).unwrap());
        }
        set
    }

    fn image(&self, name: &str, bytes: impl AsRef<[u8]>) {
        write(self.root.path().join("im").join(name), bytes);
    }

    fn mask(&self, name: &str, bytes: impl AsRef<[u8]>) {
        write(self.root.path().join("gt").join(name), bytes);
    }

    /// A pair of one name: a picture of its own, and the given mask.
    fn pair(&self, name: &str, mask: &GreyImage) {
        let image = scene(name.len() + 50, mask.size.width, mask.size.height);
        self.image(&format!("{name}.jpg"), jpeg_rgb(&image, 92).unwrap());
        self.mask(&format!("{name}.png"), png_grey(mask).unwrap());
    }

    fn spec(&self) -> SetSpec {
        SetSpec::pairs("set", self.root.path().join("im"), self.root.path().join("gt"))
    }

    fn diagnose(&self) -> SetDiagnosis {
        diagnose(&self.spec())
    }
}

fn diagnose(spec: &SetSpec) -> SetDiagnosis {
    all(&[Subject::open(spec, Role::Train)]).sets.remove(0)
}

fn all(subjects: &[Subject]) -> Diagnosis {
    examine(subjects, &Settings { workers: 3, ..Settings::default() }, &mut |_| true).unwrap()
}

/// Smooth colours that differ from number to number.
fn scene(number: usize, width: usize, height: usize) -> RgbImage {
    let mut image = RgbImage::filled(Size::new(height, width), 0);
    let n = number as f32;
    for (at, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % width) as f32 / width as f32, (at / width) as f32 / height as f32);
        let wave = |a: f32, b: f32, c: f32| {
            (127.0 + 60.0 * (a * x + b * y + c).sin() + 60.0 * (b * x * x - a * y + 2.0 * c).cos())
                as u8
        };
        pixel.copy_from_slice(&[
            wave(3.0 + n * 1.7 % 7.0, 5.0 - n * 2.3 % 6.0, n),
            wave(6.0 - n * 1.1 % 5.0, 2.0 + n * 1.9 % 8.0, n + 1.0),
            wave(4.0 + n * 0.7 % 3.0, 7.0 - n * 1.3 % 5.0, n + 2.0),
        ]);
    }
    image
}

/// An ellipse that differs from number to number.
fn blob(number: usize, width: usize, height: usize) -> GreyImage {
    let (cx, cy) = (width as f32 * (0.3 + 0.07 * (number % 6) as f32), height as f32 * 0.5);
    let (rx, ry) = (width as f32 * 0.2, height as f32 * (0.15 + 0.03 * (number % 7) as f32));
    mask(width, height, |x, y| {
        ((x as f32 - cx) / rx).powi(2) + ((y as f32 - cy) / ry).powi(2) < 1.0
    })
}

/// The one finding of a set that is otherwise sound.
fn only(found: &SetDiagnosis, check: Check) -> &Finding {
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, [check.name()], "{:#?}", found.findings);
    &found.findings[0]
}

fn names(finding: &Finding) -> Vec<&str> {
    finding.listed.iter().map(|listed| listed.name.as_str()).collect()
}

fn png(
    colour: png::ColorType,
    depth: png::BitDepth,
    width: u32,
    height: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette((0..=255u8).flat_map(|i| [i, 255 - i, i / 2]).collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

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
    let mended = diagnose(&SetSpec { mask_suffix: "_mask".into(), ..set.spec() });
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
    let found =
        all(&[Subject::open(&missing, Role::Train), Subject::open(&set.spec(), Role::Valid)]);
    let cannot = only(&found.sets[0], Check::CannotOpen);
    assert!(cannot.listed[0].detail.contains("/nowhere/im"), "{cannot:?}");
    assert_eq!((found.sets[1].usable, found.sets[1].list), (2, Role::Valid));
    assert!(!found.is_fit());
    let nothing = Set::new(0);
    nothing.image("a.bmp", "BM");
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
    for (stored, fix, words) in [
        (turned(&image, 3), None, "upright fits the edges better"),
        (image.clone(), Some("exif = \"ignore\""), "as stored fits the edges better"),
    ] {
        let set = Set::new(2);
        set.image("half.jpg", file(&stored, 3));
        set.mask("half.png", png_grey(&label).unwrap());
        let found = set.diagnose();
        let ambiguous = only(&found, Check::ExifAmbiguous);
        assert_eq!(ambiguous.fix.as_deref(), fix);
        assert!(ambiguous.listed[0].detail.contains(words), "{ambiguous:?}");
        assert!(ambiguous.listed[0].detail.contains("orientation 3 (turned by 180 degrees)"));
    }
}

/// Masks of one kind in place of sound ones: the finding and the line that settles it.
fn masks(make: impl Fn(&GreyImage) -> Vec<u8>) -> (SetDiagnosis, Set) {
    let set = Set::new(4);
    for number in 0..4 {
        set.mask(&format!("sound_{number}.png"), make(&blob(number, 240, 180)));
    }
    (set.diagnose(), set)
}

fn levels(label: &GreyImage, of: impl Fn(u8) -> u8) -> GreyImage {
    GreyImage { data: label.data.iter().map(|&level| of(level)).collect(), ..label.clone() }
}

/// The set with a proposed line, through a data file.
fn with_line(set: &Set, line: &str) -> SetDiagnosis {
    let text = format!("[[train]]\nname = \"set\"\nimages = \"im\"\nmasks = \"gt\"\n{line}\n");
    let path = set.root.path().join("data.toml");
    fs::write(&path, text).unwrap();
    let data = DataFile::read(&path).unwrap();
    all(&Subject::of_data(&data)).sets.remove(0)
}

#[test]
fn masks_of_zero_and_one() {
    let (found, set) = masks(|label| png_grey(&levels(label, |v| v / 255)).unwrap());
    let finding = only_with_nothing_usable(&found, Check::ZeroOneMask);
    assert_eq!((finding.count, finding.severity), (4, Severity::Error));
    assert_eq!(found.lines, ["mask_values = { 1 = 255 }"]);
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());
}

/// The one finding of a set whose masks are all alike.
fn only_with_nothing_usable(found: &SetDiagnosis, check: Check) -> &Finding {
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, ["nothing-usable", check.name()]);
    assert_eq!(found.usable, 0);
    found.find(check).unwrap()
}

#[test]
fn masks_of_class_ids() {
    let ids = |label: &GreyImage| {
        let mut ids = levels(label, |v| 3 * (v / 255));
        ids.data[..40].fill(12);
        png_grey(&ids).unwrap()
    };
    let (found, set) = masks(ids);
    let finding = only_with_nothing_usable(&found, Check::ClassIdMask);
    assert_eq!(finding.listed[0].detail, "the values are 0, 3, 12");
    assert_eq!(found.lines, ["mask_values = { 3 = 255, 12 = 255 }"]);
    assert!(finding.advice.as_deref().unwrap().contains("keep the ids"));
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());
    // More ids than the decoder's error names.
    let many = |label: &GreyImage| {
        let mut ids = levels(label, |v| v / 255);
        (0..11).for_each(|id| ids.data[usize::from(id)] = id);
        png_grey(&ids).unwrap()
    };
    let (found, _) = masks(many);
    let finding = found.find(Check::ClassIdMask).unwrap();
    assert!(finding.fix.as_deref().unwrap().contains("10 = 255"), "{finding:?}");
}

#[test]
fn masks_of_colours_and_cut_outs() {
    let paint = |label: &GreyImage| {
        let colour = |&level: &u8| if level > 0 { [0, 176, 0] } else { [0, 0, 0] };
        let mut data: Vec<u8> = label.data.iter().flat_map(colour).collect();
        data[..30].copy_from_slice(&[255, 0, 0].repeat(10));
        png_rgb(&RgbImage::new(label.size, data).unwrap()).unwrap()
    };
    let (found, set) = masks(paint);
    let finding = only_with_nothing_usable(&found, Check::ColourMask);
    assert!(finding.listed[0].detail.starts_with("#000000 "), "{finding:?}");
    assert_eq!(found.lines, ["mask_colours = { \"#00b000\" = 255, \"#ff0000\" = 255 }"]);
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());

    let cut_out = |label: &GreyImage| {
        let picture = picture(label.size.width, label.size.height);
        let pixels = picture.data.as_chunks::<3>().0.iter().zip(&label.data);
        let data: Vec<u8> = pixels.flat_map(|(&[r, g, b], &a)| [r, g, b, a]).collect();
        let (width, height) = (label.size.width as u32, label.size.height as u32);
        png(png::ColorType::Rgba, png::BitDepth::Eight, width, height, &data)
    };
    let (found, set) = masks(cut_out);
    only_with_nothing_usable(&found, Check::ColourMask);
    assert_eq!(found.lines, ["mask_channel = \"alpha\""]);
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());
    // A channel that is not there.
    let plain = Set::new(2);
    let found = with_line(&plain, "mask_channel = \"alpha\"");
    only_with_nothing_usable(&found, Check::MaskSettings);
}

#[test]
fn masks_that_are_dim_empty_or_full() {
    let (found, set) = masks(|label| png_grey(&levels(label, |v| v / 255 * 100)).unwrap());
    only_with_nothing_usable(&found, Check::DimMask);
    assert_eq!(found.lines, ["mask_values = { 100 = 255 }"]);
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());

    let set = Set::new(3);
    set.pair("black", &GreyImage::filled(Size::new(180, 240), 0));
    let found = set.diagnose();
    let empty = only(&found, Check::EmptyMask);
    assert_eq!((names(empty), empty.severity, found.usable), (vec!["black"], Severity::Error, 3));
    let valid = all(&[Subject::open(&set.spec(), Role::Valid)]).sets.remove(0);
    assert_eq!(only(&valid, Check::EmptyMask).severity, Severity::Warning);

    let set = Set::new(3);
    set.pair("white", &GreyImage::filled(Size::new(180, 240), 255));
    let found = set.diagnose();
    assert_eq!(names(only(&found, Check::FullMask)), ["white"]);
    assert_eq!(found.usable, 4);
}

#[test]
fn masks_that_seem_inverted() {
    let (found, set) = masks(|label| png_grey(&levels(label, |v| 255 - v)).unwrap());
    let inverted = only(&found, Check::InvertedMask);
    assert_eq!((inverted.count, inverted.fix.as_deref()), (4, Some("invert = true")));
    assert!(with_line(&set, "invert = true").findings.is_empty());
    // One among many is no setting of the set.
    let set = Set::new(9);
    set.mask("sound_0.png", png_grey(&levels(&blob(0, 240, 180), |v| 255 - v)).unwrap());
    let found = set.diagnose();
    assert_eq!(only(&found, Check::InvertedMask).fix, None);
}

#[test]
fn masks_that_are_soft_grey_or_jpeg() {
    let soft = |label: &GreyImage| {
        let mut soft = label.clone();
        for y in 2..label.size.height - 2 {
            for x in 2..label.size.width - 2 {
                let near =
                    (y - 2..=y + 2).flat_map(|y| &label.data[y * label.size.width + x - 2..][..5]);
                let sum: u32 = near.map(|&v| u32::from(v)).sum();
                soft.data[y * label.size.width + x] = (sum / 25) as u8;
            }
        }
        png_grey(&soft).unwrap()
    };
    let (found, _) = masks(soft);
    let finding = only(&found, Check::SoftMask);
    assert_eq!((finding.severity, found.usable), (Severity::Note, 4));
    assert!(finding.listed[0].detail.contains("between 10 and 245"), "{finding:?}");

    let depth = |label: &GreyImage| {
        let mut depth = label.clone();
        let width = label.size.width;
        depth.data.iter_mut().enumerate().for_each(|(at, v)| *v = (at % width) as u8);
        depth.data[0] = label.data.iter().filter(|&&v| v > 0).count() as u8;
        png_grey(&depth).unwrap()
    };
    let (found, _) = masks(depth);
    assert_eq!(found.find(Check::GreyMask).unwrap().count, 4);

    let set = Set::new(3);
    for number in 0..3 {
        fs::remove_file(set.root.path().join(format!("gt/sound_{number}.png"))).unwrap();
        let label = blob(number, 240, 180);
        let data = label.data.iter().flat_map(|&v| [v; 3]).collect();
        let file = jpeg_rgb(&RgbImage::new(Size::new(180, 240), data).unwrap(), 70).unwrap();
        set.mask(&format!("sound_{number}.jpg"), file);
    }
    let found = set.diagnose();
    let finding = only(&found, Check::JpegMask);
    assert_eq!((finding.count, finding.severity), (3, Severity::Warning));
}

#[test]
fn channels_that_are_nearly_equal() {
    let uneven = |label: &GreyImage| {
        let mut data: Vec<u8> = label.data.iter().flat_map(|&v| [v; 3]).collect();
        data[1] = 9;
        png_rgb(&RgbImage::new(label.size, data).unwrap()).unwrap()
    };
    let (found, _) = masks(uneven);
    assert_eq!(only(&found, Check::UnevenChannels).count, 4);
}

#[test]
fn objects_that_the_jitter_makes_too_small() {
    let set = Set::new(2);
    set.pair("dot", &mask(2000, 1500, |x, y| x.abs_diff(900) < 20 && y.abs_diff(700) < 20));
    let found = set.diagnose();
    let tiny = only(&found, Check::TinyObject);
    assert_eq!(names(tiny), ["dot"]);
    // 1521 pixels at 1024 / 2000 of the size: 10 of them from scale 0.159 on.
    assert_eq!(tiny.fix.as_deref(), Some("scale_min = 0.16"));
    assert!(
        tiny.listed[0].detail.contains("at scale 0.1 4.0 pixels, 10 need scale 0.16"),
        "{tiny:?}"
    );
    assert_eq!(found.usable, 3);
    let path = set.root.path().join("data.toml");
    let text =
        "[[train]]\nname = \"set\"\nimages = \"im\"\nmasks = \"gt\"\n[plan]\nscale_min = 0.16\n";
    fs::write(&path, text).unwrap();
    let (subjects, settings) = recognise(&path).unwrap();
    let mended = examine(&subjects, &settings, &mut |_| true).unwrap();
    assert!(mended.sets[0].findings.is_empty());
}

#[test]
fn copies_inside_a_set_and_across_splits() {
    let train = Set::new(6);
    let valid = Set::new(0);
    let first = fs::read(train.root.path().join("im/sound_0.jpg")).unwrap();
    // A copy in training; a copy and a smaller, worse copy in validation.
    train.image("twin.jpg", &first);
    train.mask("twin.png", png_grey(&blob(0, 240, 180)).unwrap());
    train.image("other_object.jpg", &first);
    let object = mask(240, 180, |x, y| x > 50 && x < 210 && y > 60 && y < 90);
    train.mask("other_object.png", png_grey(&object).unwrap());
    valid.image("leak.jpg", &first);
    valid.mask("leak.png", png_grey(&mask(240, 180, |x, y| x > 60 && y > 70 && y < 99)).unwrap());
    let small = scene(1, 120, 90);
    valid.image("small.jpg", jpeg_rgb(&small, 60).unwrap());
    valid.mask("small.png", png_grey(&mask(120, 90, |x, y| x > 60 && y < 50)).unwrap());
    valid.image("other.jpg", jpeg_rgb(&scene(44, 240, 180), 90).unwrap());
    valid.mask("other.png", png_grey(&mask(240, 180, |x, y| x < 70 && y < 40)).unwrap());
    let subjects =
        [Subject::open(&valid.spec(), Role::Valid), Subject::open(&train.spec(), Role::Train)];
    let found = all(&subjects);
    assert_eq!(found.sets[1].findings.len(), 2, "{:#?}", found.sets[1].findings);
    let duplicate = found.sets[1].find(Check::DuplicateImage).unwrap();
    assert_eq!(duplicate.fix.as_deref(), Some("exclude = [\"twin\"]"));
    // The first by name is the one with another mask.
    let shared = found.sets[1].find(Check::SharedImage).unwrap();
    assert_eq!((names(shared), shared.severity), (vec!["sound_0"], Severity::Note));
    assert_eq!(names(duplicate), ["twin"]);
    assert_eq!(duplicate.listed[0].detail, "the same bytes as set/sound_0");
    assert_eq!(duplicate.listed[0].like.as_ref().unwrap().name, "sound_0");
    let in_valid = &found.sets[0];
    let leak = in_valid.find(Check::DuplicateAcrossSplits).unwrap();
    assert_eq!((names(leak), leak.fix.as_deref()), (vec!["leak"], Some("exclude = [\"leak\"]")));
    let near = in_valid.find(Check::NearDuplicateAcrossSplits).unwrap();
    assert_eq!(names(near), ["small"]);
    assert!(near.listed[0].detail.contains("bits differ from set/sound_1"), "{near:?}");
    assert_eq!(in_valid.findings.len(), 2, "{:#?}", in_valid.findings);

    // The same three as one set.
    let set = Set::new(6);
    set.image("small.jpg", jpeg_rgb(&small, 60).unwrap());
    set.mask("small.png", png_grey(&mask(120, 90, |x, y| x > 60 && y < 50)).unwrap());
    assert_eq!(only(&set.diagnose(), Check::NearDuplicateImage).severity, Severity::Note);
}

#[test]
fn one_mask_for_different_images() {
    let set = Set::new(4);
    let first = fs::read(set.root.path().join("gt/sound_0.png")).unwrap();
    set.mask("sound_2.png", &first);
    let found = set.diagnose();
    let identical = only(&found, Check::IdenticalMask);
    assert_eq!(names(identical), ["sound_2"]);
    assert_eq!(identical.listed[0].detail, "the mask is exactly that of set/sound_0");
    assert!(identical.listed[0].file.ends_with("gt/sound_2.png"));
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
        return;
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
    assert!(damaged.advice.as_deref().unwrap().contains("strict = true"));
}

#[test]
fn any_number_of_threads_gives_the_same_diagnosis() {
    let set = Set::new(20);
    set.pair("black", &GreyImage::filled(Size::new(180, 240), 0));
    set.pair("dot", &mask(2000, 1500, |x, y| x.abs_diff(900) < 20 && y.abs_diff(700) < 20));
    set.image("page.jpg", "<html>");
    set.mask("page.png", png_grey(&blob(5, 100, 90)).unwrap());
    let subjects = [Subject::open(&set.spec(), Role::Train)];
    let with = |workers| {
        let settings = Settings { workers, ..Settings::default() };
        let mut last = 0;
        let found = examine(&subjects, &settings, &mut |progress| {
            last = progress.done;
            progress.total == 23
        });
        assert_eq!(last, 23);
        serde_json::to_string(&found.unwrap()).unwrap()
    };
    let one = with(1);
    assert!([2, 5, 16].iter().all(|&workers| with(workers) == one));
}

#[test]
fn what_was_found_before_a_stop_is_kept() {
    let set = Set::new(30);
    let subjects = [Subject::open(&set.spec(), Role::Train)];
    let settings = Settings { workers: 2, ..Settings::default() };
    let found = examine(&subjects, &settings, &mut |progress| progress.done < 5).unwrap();
    assert!(!found.complete);
    let checked = found.sets[0].checked;
    assert!((5..30).contains(&checked), "{checked}");
    assert_eq!((found.sets[0].records, found.sets[0].usable), (30, checked));
}

#[test]
fn listed_instances_are_bounded_and_all_are_counted() {
    let set = Set::new(1);
    (0..9).for_each(|n| {
        set.pair(&format!("{}black", "a".repeat(n)), &GreyImage::filled(Size::new(50, 60), 0))
    });
    let settings = Settings { listed: 4, ..Settings::default() };
    let subjects = [Subject::open(&set.spec(), Role::Train)];
    let found = examine(&subjects, &settings, &mut |_| true).unwrap();
    let empty = found.sets[0].find(Check::EmptyMask).unwrap();
    assert_eq!((empty.count, empty.records, empty.listed.len()), (9, 9, 4));
}

fn recognised(path: &Path) -> Vec<(Role, String, usize)> {
    let (subjects, _) = recognise(path).unwrap();
    subjects.iter().map(|s| (s.role(), s.name().to_owned(), s.len())).collect()
}

/// Moves the folders of a set to other names.
fn moved(set: &Set, images: &str, masks: &str) -> PathBuf {
    let root = set.root.path().join("leaves");
    for (from, to) in [("im", images), ("gt", masks)] {
        let to = root.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(set.root.path().join(from), to).unwrap();
    }
    root
}

#[test]
fn folders_are_recognised() {
    let leaves = |count| vec![(Role::Train, "leaves".to_owned(), count)];
    for (images, masks) in [("im", "gt"), ("images", "masks"), ("Images", "labels")] {
        let set = Set::new(3);
        assert_eq!(recognised(&moved(&set, images, masks)), leaves(3), "{images}");
    }
    // Side by side, with other endings and with a suffix.
    let set = Set::new(0);
    for n in 0..3 {
        write(set.root.path().join(format!("leaves/a{n}.jpg")), "x");
        write(set.root.path().join(format!("leaves/a{n}.png")), "x");
    }
    assert_eq!(recognised(&set.root.path().join("leaves")), leaves(3));
    let set = Set::new(0);
    for n in 0..3 {
        write(set.root.path().join(format!("leaves/a{n}.png")), "x");
        write(set.root.path().join(format!("leaves/a{n}-seg.png")), "x");
    }
    assert_eq!(recognised(&set.root.path().join("leaves")), leaves(3));
    // Training and validation.
    let (one, two) = (Set::new(2), Set::new(3));
    let root = one.root.path().join("both");
    fs::create_dir_all(&root).unwrap();
    fs::rename(moved(&one, "im", "gt"), root.join("train")).unwrap();
    fs::rename(moved(&two, "im", "gt"), root.join("val")).unwrap();
    let both = [(Role::Train, "both/train".to_owned(), 2), (Role::Valid, "both/val".to_owned(), 3)];
    assert_eq!(recognised(&root), both);
}

#[test]
fn images_without_masks_are_looked_at_alone() {
    let set = Set::new(0);
    let folder = set.root.path().join("alone");
    write(folder.join("a.jpg"), jpeg_rgb(&scene(1, 60, 50), 90).unwrap());
    write(folder.join("b.jpg"), "<html>");
    let turned = with_orientation(&jpeg_rgb(&scene(2, 60, 50), 90).unwrap(), 6);
    write(folder.join("c.jpg"), turned);
    let (subjects, settings) = recognise(&folder).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, ["nothing-usable", "missing-mask", "not-an-image", "exif-orientation"]);
    assert_eq!((found.checked, found.usable), (3, 0));
}

#[test]
fn paths_that_hold_no_data_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("notes")).unwrap();
    for (path, words) in [
        (root.path().join("gone"), "gone"),
        (root.path().join("notes"), "no image and no folder"),
        (root.path().to_path_buf(), "the folders notes"),
    ] {
        let error = recognise(&path).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let file = root.path().join("data.csv");
    write(&file, "a,b");
    assert!(recognise(&file).unwrap_err().to_string().contains(".csv"));
    let data = root.path().join("data.toml");
    write(&data, "[[train]]\nname = \"a\"\nimage = \"x\"\nmasks = \"y\"\n");
    let error = recognise(&data).unwrap_err().to_string();
    assert!(error.contains("did you mean `images`"), "{error}");
    let _ = disc(4, 4);
}

/// An annotation of image `image`: a box-shaped polygon, with right area and box.
fn annotation(id: u64, image: u64, [x, y, width, height]: [u32; 4]) -> serde_json::Value {
    let (right, bottom) = (x + width, y + height);
    serde_json::json!({
        "id": id, "image_id": image, "category_id": 1, "iscrowd": 0,
        "area": width * height, "bbox": [x, y, width, height],
        "segmentation": [[x, y, right, y, right, bottom, x, bottom]],
    })
}

/// A folder with images and COCO's instances file for them.
fn coco(root: &Path, images: &[&str], annotations: &[serde_json::Value]) -> PathBuf {
    let list: Vec<serde_json::Value> = (0u64..)
        .zip(images)
        .map(|(id, name)| {
            serde_json::json!({"id": id, "file_name": name, "width": 240, "height": 180})
        })
        .collect();
    for (number, name) in images.iter().enumerate() {
        write(root.join("images").join(name), jpeg_rgb(&scene(number, 240, 180), 92).unwrap());
    }
    let path = root.join("instances.json");
    let document = serde_json::json!({
        "images": list, "annotations": annotations, "categories": [{"id": 1, "name": "leaf"}],
    });
    write(&path, document.to_string());
    path
}

#[test]
fn annotations_are_held_to_their_masks() {
    let root = tempfile::tempdir().unwrap();
    let sound = [annotation(1, 0, [20, 30, 90, 60]), annotation(2, 0, [130, 30, 80, 70])];
    let images = ["a.jpg", "b.jpg", "c.jpg"];
    let mut all_of = sound.to_vec();
    all_of.extend([annotation(3, 1, [20, 40, 90, 60]), annotation(4, 2, [20, 30, 99, 60])]);
    let path = coco(root.path(), &images, &all_of);
    let (subjects, settings) = recognise(&path).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    assert!(found.findings.is_empty(), "{:#?}", found.findings);
    assert_eq!((found.records, found.usable, found.objects), (3, 3, 4));
    assert_eq!(found.histograms[3].max, Some(2.0));

    // One flaw each.
    let mut odd = annotation(5, 1, [20, 40, 90, 60]);
    odd["segmentation"] = serde_json::json!([[1, 2, 3, 4, 5, 6, 7]]);
    let mut runs = annotation(6, 1, [20, 40, 90, 60]);
    runs["segmentation"] = serde_json::json!({"size": [180, 240], "counts": [100, 20]});
    let mut area = annotation(7, 2, [10, 10, 70, 60]);
    area["area"] = 9000.into();
    let mut outside = annotation(8, 2, [120, 20, 80, 60]);
    outside["bbox"] = serde_json::json!([120, 20, 180, 60]);
    let twin = annotation(9, 0, [20, 30, 90, 60]);
    let dot = annotation(10, 0, [5, 5, 4, 4]);
    let mut other_size = annotation(11, 2, [0, 0, 9, 9]);
    other_size["segmentation"] =
        serde_json::json!({"size": [90, 120], "counts": [3000, 5000, 2800]});
    other_size["area"] = 5000.into();
    let stranger = annotation(12, 77, [5, 5, 40, 40]);
    all_of.extend([odd, runs, area, outside, twin, dot, other_size, stranger]);
    let root = tempfile::tempdir().unwrap();
    let path = coco(root.path(), &images, &all_of);
    fs::remove_file(root.path().join("images/b.jpg")).unwrap();
    write(root.path().join("images/b.jpg"), jpeg_rgb(&scene(9, 240, 180), 92).unwrap());
    let (subjects, settings) = recognise(&path).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    let objects = |check: Check| -> Vec<Option<u64>> {
        let finding = found.find(check).unwrap_or_else(|| panic!("{check}: {:#?}", found.findings));
        finding.listed.iter().map(|listed| listed.object).collect()
    };
    assert_eq!(objects(Check::AnnotationInvalid), [Some(5), Some(6)]);
    assert_eq!(objects(Check::AreaDisagrees), [Some(7)]);
    assert_eq!(objects(Check::BoxOutside), [Some(8)]);
    assert_eq!(objects(Check::DuplicateObject), [Some(9)]);
    assert_eq!(objects(Check::TinyObject), [Some(10)]);
    assert_eq!(objects(Check::SizeMismatch), [Some(11)]);
    let stranger = found.find(Check::MissingImage).unwrap();
    assert_eq!((stranger.count, stranger.fix.as_deref()), (1, Some("unmatched = \"skip\"")));
    let duplicate = found.find(Check::DuplicateObject).unwrap();
    assert_eq!(duplicate.listed[0].detail, "the same pixels as object 1");
    assert_eq!(found.find(Check::TinyObject).unwrap().fix.as_deref(), Some("min_area = 17"));
    // Every image has an object that can be used.
    assert_eq!((found.records, found.usable), (3, 3));
}

#[test]
fn a_folder_of_coco_is_recognised() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    for (part, count) in [("train2017", 3), ("val2017", 2)] {
        let names: Vec<String> = (0..count).map(|n| format!("{part}_{n}.jpg")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let objects: Vec<_> = (0..count).map(|n| annotation(n, n, [20, 30, 90, 60])).collect();
        let path = coco(&root.path().join(part), &names, &objects);
        fs::create_dir_all(folder.join("annotations")).unwrap();
        fs::create_dir_all(folder.join("images")).unwrap();
        fs::rename(path, folder.join(format!("annotations/instances_{part}.json"))).unwrap();
        fs::rename(root.path().join(part).join("images"), folder.join("images").join(part))
            .unwrap();
    }
    let sets = recognised(&folder);
    let named = |part: &str| format!("tiny/instances_{part}");
    assert_eq!(sets, [(Role::Train, named("train2017"), 3), (Role::Valid, named("val2017"), 2)]);
}

#[test]
fn what_is_left_out_of_annotations_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = coco(
        root.path(),
        &["a.jpg", "bare.jpg", "gone.jpg"],
        &[annotation(1, 0, [20, 30, 90, 60]), annotation(2, 2, [20, 30, 90, 60])],
    );
    fs::remove_file(root.path().join("images/gone.jpg")).unwrap();
    let (subjects, settings) = recognise(&path).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    assert_eq!((found.records, found.usable), (1, 1));
    let left = found.find(Check::LeftOut).unwrap();
    assert!(left.listed.iter().any(|one| one.detail.contains("bare.jpg")), "{left:?}");
    let missing = found.find(Check::MissingImage).unwrap();
    assert!(missing.listed[0].detail.contains("gone.jpg"), "{missing:?}");
    let nothing = coco(&root.path().join("other"), &["a.jpg"], &[]);
    let (subjects, settings) = recognise(&nothing).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap();
    only(&found.sets[0], Check::CannotOpen);
}

/// The sets of the shared sample data, where this checkout has them.
#[test]
fn the_sample_photographs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("skipped: no sample photographs at {}", folder.display());
        return;
    }
    let diagnose = |name: &str| {
        let (subjects, settings) = recognise(&folder.join(name)).unwrap();
        examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0)
    };
    let found = diagnose("pairs");
    assert_eq!((found.records, found.usable), (202, 202));
    assert!(found.findings.iter().all(|finding| finding.severity != Severity::Error));
    let found = diagnose("pairs_jpgmask");
    assert_eq!(found.find(Check::JpegMask).unwrap().count, 4);
    let found = diagnose("pairs_pngim");
    assert_eq!(found.find(Check::InvertedMask).unwrap().fix.as_deref(), Some("invert = true"));
    let found = diagnose("hard/masks");
    assert_eq!(found.find(Check::ColourMask).unwrap().count, 5);
    assert_eq!(found.find(Check::SizeMismatch).unwrap().count, 3);
    let exif = found.find(Check::ExifAmbiguous).unwrap();
    assert!(exif.listed[0].detail.contains("upright fits the edges better"), "{exif:?}");
    let found = diagnose("hard/corrupt");
    assert_eq!(found.usable, 0);
    assert!(found.find(Check::DamagedFile).unwrap().count >= 10);
}

#[test]
fn the_documentation_lists_every_check() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/doctor.md");
    let text = fs::read_to_string(page).unwrap();
    for check in Check::ALL {
        let row = format!("| `{check}` | {} | {} |", check.severity().name(), check.explanation());
        assert!(text.contains(&row), "docs/doctor.md has no row {row}");
    }
}
