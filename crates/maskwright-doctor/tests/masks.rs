//! What masks hold: numbers, colours, levels, nothing, too much.

mod common;

use std::fs;

use common::{Set, all, blob, levels, mask, names, only, only_with_nothing_usable, picture, png};
use maskwright_data::source::{DataFile, OpenContext};
use maskwright_doctor::{
    Check, Contents, Role, SetDiagnosis, Severity, Subject, examine, recognise,
};
use maskwright_image::encode::{jpeg_rgb, png_grey, png_rgb};
use maskwright_image::{GreyImage, RgbImage, Size};

/// Masks of one kind in place of sound ones: the finding and the line that settles it.
fn masks(make: impl Fn(&GreyImage) -> Vec<u8>) -> (SetDiagnosis, Set) {
    let set = Set::new(4);
    for number in 0..4 {
        set.mask(&format!("sound_{number}.png"), make(&blob(number, 240, 180)));
    }
    (set.diagnose(), set)
}

/// The set with a proposed line, through a data file.
fn with_line(set: &Set, line: &str) -> SetDiagnosis {
    let text = format!("[[train]]\nname = \"set\"\nimages = \"im\"\nmasks = \"gt\"\n{line}\n");
    let path = set.root.path().join("data.toml");
    fs::write(&path, text).unwrap();
    let data = DataFile::read(&path).unwrap();
    all(&Subject::of_data(&data, &OpenContext::default())).sets.remove(0)
}

#[test]
fn masks_of_zero_and_one() {
    let (found, set) = masks(|label| png_grey(&levels(label, |v| v / 255)).unwrap());
    let finding = only_with_nothing_usable(&found, Check::ZeroOneMask);
    assert_eq!((finding.count, finding.severity), (4, Severity::Error));
    assert_eq!(found.lines, ["mask_values = { 1 = 255 }"]);
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());
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
    insta::assert_snapshot!(finding.advice.as_deref().unwrap(), @"keep the ids that are the object, everything else is background");
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());
    // More ids than the decoder's error names.
    let many = |label: &GreyImage| {
        let mut ids = levels(label, |v| v / 255);
        (0..11).for_each(|id| ids.data[usize::from(id)] = id);
        png_grey(&ids).unwrap()
    };
    let (found, _) = masks(many);
    let finding = found.find(Check::ClassIdMask).unwrap();
    insta::assert_snapshot!(finding.fix.as_deref().unwrap(), @"mask_values = { 1 = 255, 2 = 255, 3 = 255, 4 = 255, 5 = 255, 6 = 255, 7 = 255, 8 = 255, 9 = 255, 10 = 255 }");
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
    let valid =
        all(&[Subject::open(&set.spec(), Role::Valid, &OpenContext::default())]).sets.remove(0);
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
    insta::assert_snapshot!(finding.listed[0].detail, @"2.8% of the pixels are between 10 and 245, 25.6% of what is not black");

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
    insta::assert_snapshot!(tiny.listed[0].detail, @"1521 pixels of 2000 x 1500: at scale 0.1 4.0 pixels, 10 need scale 0.16 (3% of the draws are below)");
    assert_eq!(found.usable, 3);
    let path = set.root.path().join("data.toml");
    let text =
        "[[train]]\nname = \"set\"\nimages = \"im\"\nmasks = \"gt\"\n[plan]\nscale_min = 0.16\n";
    fs::write(&path, text).unwrap();
    let Contents { subjects, settings, .. } = recognise(&path, &OpenContext::default()).unwrap();
    let mended = examine(&subjects, &settings, &mut |_| true).unwrap();
    assert!(mended.sets[0].findings.is_empty());
}

/// Three boxes, each with its number, in every image but one, which has a single object.
#[test]
fn masks_of_numbered_objects() {
    let set = Set::new(4);
    for number in 0..4usize {
        let count = if number == 3 { 1 } else { 3 };
        let value = |at: usize| {
            let (y, x) = (at / 240, at % 240);
            let inside = (40..100 + 9 * number).contains(&y) && (10..60).contains(&(x % 80));
            if inside && x / 80 < count { (x / 80) as u8 + 1 } else { 0 }
        };
        let all = GreyImage::new(Size::new(180, 240), (0..180 * 240).map(value).collect());
        set.mask(&format!("sound_{number}.png"), png_grey(&all.unwrap()).unwrap());
    }
    let found = set.diagnose();
    let finding = found.find(Check::InstanceMask).unwrap();
    assert_eq!((finding.count, finding.severity), (3, Severity::Error));
    assert_eq!(finding.listed[0].detail, "3 numbers from 1 to 3");
    insta::assert_snapshot!(finding.advice.as_deref().unwrap(), @"each number is an object of its own then; where they are classes, say with mask_values which of them are the object");
    // The mask with a single number is settled by the same line.
    assert_eq!(found.find(Check::ZeroOneMask).unwrap().count, 1);
    assert_eq!(found.lines, ["mask_kind = \"instances\""]);
    let with = with_line(&set, &found.lines[0]);
    assert_eq!((with.records, with.usable, with.objects), (4, 4, 10));
    assert!(with.findings.is_empty(), "{:#?}", with.findings);
}

/// A class with a broad frame of 255 around it.
fn framed(label: &GreyImage, class: u8) -> GreyImage {
    let width = label.size.width;
    let near = |at: usize| {
        let (y, x) = (at / width, at % width);
        let rows = y.saturating_sub(4)..(y + 5).min(label.size.height);
        rows.flat_map(|y| (x.saturating_sub(4)..(x + 5).min(width)).map(move |x| (y, x)))
            .any(|(y, x)| label.data[y * width + x] > 0)
    };
    let value = |at: usize| {
        if label.data[at] > 0 {
            class
        } else if near(at) {
            255
        } else {
            0
        }
    };
    GreyImage { data: (0..label.data.len()).map(value).collect(), ..label.clone() }
}

#[test]
fn masks_of_classes_beside_what_shall_not_count() {
    let set = Set::new(4);
    for number in 0..4u8 {
        let mask = framed(&blob(number.into(), 240, 180), 1 + number % 3);
        set.mask(&format!("sound_{number}.png"), png_grey(&mask).unwrap());
    }
    let found = set.diagnose();
    let finding = only_with_nothing_usable(&found, Check::VoidMask);
    assert_eq!(finding.listed[1].detail, "the values are 0, 2, 255");
    assert_eq!(found.lines, ["ignore_values = [255]"]);
    insta::assert_snapshot!(finding.advice.as_deref().unwrap(), @"or `mask_values = { 255 = 255 }`, if 255 is the object after all");
    assert!(with_line(&set, &found.lines[0]).findings.is_empty());

    // Several classes in one mask: each becomes an object.
    let mut mask = framed(&blob(0, 240, 180), 1);
    (0..180).for_each(|y| {
        (0..70).for_each(|x| {
            if mask.data[240 * y + x] == 1 {
                mask.data[240 * y + x] = 2
            }
        })
    });
    set.mask("sound_0.png", png_grey(&mask).unwrap());
    let found = set.diagnose();
    assert_eq!(found.lines, ["ignore_values = [255]", "mask_kind = \"instances\""]);
    let with = with_line(&set, &found.lines.join("\n"));
    assert_eq!((with.usable, with.objects), (4, 5));
    assert!(with.findings.is_empty(), "{:#?}", with.findings);
}

/// The line that the doctor gives for a sample set, and then the set passes.
#[test]
fn the_sample_sets_pass_with_the_doctors_lines() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ordinary");
    if !folder.is_dir() {
        return eprintln!("left out: the optional folder ../shared/data is not here");
    }
    for (name, lines, objects) in [
        ("instances_8bit", &["mask_kind = \"instances\""][..], 40),
        ("instances_16bit", &["mask_kind = \"instances\""], 2395),
        // One mask shows no class at all.
        ("void_255", &["ignore_values = [255]", "exclude = [\"3\"]"], 7),
    ] {
        let mut given = String::new();
        let mut found = None;
        for line in [""].iter().chain(lines) {
            given.push_str(line);
            given.push('\n');
            let [images, masks] = ["images", "masks"].map(|part| folder.join(name).join(part));
            let text = format!("name = \"set\"\nimages = {images:?}\nmasks = {masks:?}\n{given}");
            let spec: maskwright_data::source::SetSpec = toml::from_str(&text).unwrap();
            let role = [Subject::open(&spec, Role::Valid, &OpenContext::default())];
            let now = all(&role).sets.remove(0);
            let proposed: Vec<&str> = now.lines.iter().map(String::as_str).collect();
            let errors = now.findings.iter().filter(|finding| finding.severity == Severity::Error);
            if given.lines().count() <= lines.len() {
                assert!(
                    proposed.contains(&lines[given.lines().count() - 1]),
                    "{name}: {proposed:?}"
                );
            } else {
                assert_eq!(errors.count(), 0, "{name}: {:#?}", now.findings);
            }
            found = Some(now);
        }
        assert_eq!(found.unwrap().objects, objects, "{name}");
    }
}
