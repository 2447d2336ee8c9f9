//! What the doctor proposes, tried for every kind of finding: the data pass with the line in a data file, and with the flag.

mod flawed;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use maskwright_doctor::Check;
use serde_json::{Value, json};
use support::{Place, maskwright, text};

/// Data in which a check finds something, and what mends them.
struct Case {
    /// Makes the data in a folder.
    make: fn(&Path),
    /// The line that is proposed, and the flags that do the same.
    line: &'static str,
    flags: Option<&'static str>,
    /// A data file that reads the folder; the line goes where `LINE` is.
    set: &'static str,
    /// A line of the data file that brings the finding about; where there is none, the folder alone does.
    flaw: Option<&'static str>,
}

const PAIRS: &str = "[[train]]\nname = \"a\"\nimages = \"images\"\nmasks = \"masks\"\nLINE\n";
const PLAN: &str =
    "[[train]]\nname = \"a\"\nimages = \"images\"\nmasks = \"masks\"\n[plan]\nLINE\n";
const COCO: &str = "[[train]]\nname = \"a\"\nkind = \"coco\"\nannotations = \"annotations.json\"\n\
                    images = \"images\"\nLINE\n";
const SPLITS: &str = "[[train]]\nname = \"a\"\nimages = \"train/images\"\nmasks = \"train/masks\"\n[[valid]]\n\
     name = \"b\"\nimages = \"valid/images\"\nmasks = \"valid/masks\"\nLINE\n";

impl Case {
    /// Pairs that a line of the data file mends.
    fn pairs(make: fn(&Path), line: &'static str) -> Case {
        Case { make, line, flags: None, set: PAIRS, flaw: None }
    }

    /// Pairs of which the second is left out.
    fn excluded(make: fn(&Path)) -> Vec<Case> {
        vec![Case::pairs(make, "exclude = [\"photo_1\"]")]
    }

    fn with_flags(self, flags: &'static str) -> Case {
        Case { flags: Some(flags), ..self }
    }

    fn of(self, set: &'static str) -> Case {
        Case { set, ..self }
    }

    /// The flags that are proposed beside the line: none where a data file brings the finding about, and for what has no flag of its
    /// own the key, behind the name of its set where there are several.
    fn flags(&self) -> Option<String> {
        let by_key = || {
            let (key, value) = self.line.split_once(" = ").expect("a key");
            let set = if self.set == SPLITS { "data/valid." } else { "" };
            match value.trim_matches('"') {
                word if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    format!("--set {set}{key}={word}")
                }
                _ => format!("--set '{set}{key}={value}'"),
            }
        };
        match (self.flaw, self.flags) {
            (Some(_), _) => None,
            (None, Some(flags)) => Some(flags.to_owned()),
            (None, None) => Some(by_key()),
        }
    }
}

/// The words of a command line as a shell takes them, in which quotes stand around whole words.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Data for each line that is proposed for a finding; none where the finding has no line.
///
/// Without a wildcard: a new check does not compile before it says here what mends it.
fn cases(check: Check) -> Vec<Case> {
    use flawed::*;
    let skip =
        |make: fn(&Path)| Case::pairs(make, "unmatched = \"skip\"").with_flags("--skip-unmatched");
    match check {
        Check::CannotOpen => {
            let crowds = |folder: &Path| {
                coco(folder, &[0, 1, 2].map(|n| ([10, 10, 60, 50 + n], true, None)));
            };
            vec![Case::pairs(crowds, "crowds = true").with_flags("--crowds").of(COCO)]
        }
        Check::AmbiguousNames => {
            let twice = |folder: &Path| {
                sound(folder);
                fs::write(folder.join("images/photo_0.png"), png()).expect("written");
            };
            vec![Case::pairs(twice, "image_ext = \"jpg\"").with_flags("--image-ext=jpg")]
        }
        Check::MissingMask => {
            let lone = |folder: &Path| {
                sound(folder);
                fs::write(folder.join("images/lone.jpg"), jpeg()).expect("written");
            };
            let suffixed = |folder: &Path| {
                sound(folder);
                for n in 0..3 {
                    let name = |suffix: &str| folder.join(format!("masks/photo_{n}{suffix}.png"));
                    fs::rename(name(""), name("_mask")).expect("renamed");
                }
            };
            let suffix = Case::pairs(suffixed, "mask_suffix = \"_mask\"");
            vec![skip(lone), suffix.with_flags("--mask-suffix=_mask")]
        }
        Check::MissingImage => {
            let lone = |folder: &Path| {
                sound(folder);
                fs::copy(folder.join("masks/photo_0.png"), folder.join("masks/lone.png"))
                    .expect("copied");
            };
            let gone = |folder: &Path| {
                coco(folder, &[0, 1, 2].map(|n| ([10, 10, 60, 50 + n], false, None)));
                fs::remove_file(folder.join("images/photo_2.jpg")).expect("removed");
            };
            vec![skip(lone), skip(gone).of(COCO)]
        }
        Check::UnreadableFile => Case::excluded(|folder| {
            sound(folder);
            let file = folder.join("images/photo_1.jpg");
            fs::remove_file(&file).expect("removed");
            #[cfg(unix)]
            std::os::unix::fs::symlink("/nowhere/at_all.jpg", file).expect("linked");
        }),
        Check::NotAnImage => {
            Case::excluded(|folder| second(folder, "images/photo_1.jpg", "<html>"))
        }
        Check::UnsupportedFile => Case::excluded(|folder| {
            let mut arithmetic = jpeg();
            let frame = arithmetic.windows(2).position(|two| two == [0xff, 0xc0]);
            arithmetic[frame.expect("a frame") + 1] = 0xc9;
            second(folder, "images/photo_1.jpg", arithmetic);
        }),
        Check::DamagedFile => Case::excluded(|folder| {
            let file = png();
            second(folder, "images/photo_1.png", &file[..file.len() / 2]);
        }),
        Check::TruncatedFile => Case::excluded(|folder| {
            let file = jpeg();
            second(folder, "images/photo_1.jpg", &file[..file.len() / 2]);
        }),
        Check::DamagedData => Case::excluded(|folder| {
            let mut file = png();
            // The checksum in front of the last chunk, which has 12 bytes.
            let at = file.len() - 13;
            file[at] ^= 1;
            second(folder, "images/photo_1.png", file);
        }),
        Check::SizeMismatch => {
            let other = |folder: &Path| {
                let small =
                    maskwright_image::RgbImage::filled(maskwright_image::Size::square(50), 7);
                let file = maskwright_image::encode::jpeg_rgb(&small, 90).expect("encoded");
                second(folder, "images/photo_1.jpg", file);
            };
            let turned = |folder: &Path| second(folder, "images/photo_1.jpg", oriented(6, false));
            let exif = Case::pairs(turned, "exif = \"auto\"");
            let mut cases = Case::excluded(other);
            cases.push(Case { flaw: Some("exif = \"ignore\""), ..exif });
            cases
        }
        Check::ExifAmbiguous => {
            let as_stored = |folder: &Path| second(folder, "images/photo_1.jpg", oriented(3, true));
            vec![Case::pairs(as_stored, "exif = \"ignore\"")]
        }
        Check::ZeroOneMask => {
            vec![Case::pairs(|folder| with_levels(folder, 0, 1), "mask_values = { 1 = 255 }")]
        }
        Check::InstanceMask => {
            let numbered = |folder: &Path| {
                pairs_of(folder, |_, y, x| {
                    let inside = y % 30 < 20 && x % 30 < 20 && y / 30 < 2 && x / 30 < 3;
                    if inside { (y / 30 * 3 + x / 30 + 1) as u8 } else { 0 }
                });
            };
            let case = Case::pairs(numbered, "mask_kind = \"instances\"");
            vec![case.with_flags("--mask-kind=instances")]
        }
        Check::VoidMask => {
            let void = |folder: &Path| {
                pairs_of(folder, |n, y, x| match (y < 60 && (20..80 + n).contains(&x), y > 70) {
                    (true, _) => 1,
                    (_, true) if x > 90 => 255,
                    _ => 0,
                });
            };
            let case = Case::pairs(void, "ignore_values = [255]");
            vec![case.with_flags("--ignore-values 255")]
        }
        Check::ClassIdMask => {
            let classes = |folder: &Path| {
                pairs_of(folder, |n, y, x| match (y < 60 && (20..80 + n).contains(&x), y) {
                    (true, _) => 3,
                    (_, 95) => 12,
                    _ => 0,
                });
            };
            let case = Case::pairs(classes, "mask_values = { 3 = 255, 12 = 255 }");
            vec![case.with_flags("--set 'mask_values={ 12 = 255, 3 = 255 }'")]
        }
        Check::ColourMask => vec![
            Case::pairs(
                |folder| in_colours(folder, false),
                "mask_colours = { \"#00b000\" = 255, \"#ff0000\" = 255 }",
            ),
            Case::pairs(|folder| in_colours(folder, true), "mask_channel = \"alpha\""),
        ],
        Check::DimMask => {
            vec![Case::pairs(|folder| with_levels(folder, 0, 100), "mask_values = { 100 = 255 }")]
        }
        Check::EmptyMask => {
            Case::excluded(|folder| second(folder, "masks/photo_1.png", mask(|_, _| 0)))
        }
        Check::FullMask => {
            Case::excluded(|folder| second(folder, "masks/photo_1.png", mask(|_, _| 255)))
        }
        Check::InvertedMask => {
            // A block in the middle, so that the border is bright.
            let dark = |folder: &Path| {
                pairs_of(folder, |n, y, x| {
                    let inside = (20..60 + n).contains(&y) && (30..70).contains(&x);
                    if inside { 0 } else { 255 }
                });
            };
            vec![Case::pairs(dark, "invert = true")]
        }
        Check::TinyObject => {
            // 9 pixels have 10 at a scale of sqrt(10 / 9) * 120 / 1024 = 0.1235.
            let dots = |folder: &Path| {
                pairs_of(folder, |n, y, x| if y / 3 == 9 && x / 3 == 7 + n { 255 } else { 0 });
            };
            let small = |folder: &Path| {
                let large = [5, 5, 70, 60];
                let boxes = [large, [6, 5, 70, 60], [7, 5, 70, 60], [90, 80, 2, 2]];
                coco(folder, &boxes.map(|area| (area, false, None)));
            };
            let area = Case::pairs(small, "min_area = 5").with_flags("--min-area 5");
            let dots = Case::pairs(dots, "scale_min = 0.13").with_flags("--scale-min 0.13");
            vec![dots.of(PLAN), area.of(COCO)]
        }
        Check::AnnotationInvalid => {
            // An image that is said to have more pixels than a mask can have.
            let invalid = |folder: &Path| {
                let outline = json!([[10, 10, 70, 10, 70, 60, 10, 60]]);
                let polygon = |n: u32| (n == 1).then(|| outline.clone());
                coco(folder, &[0, 1, 2].map(|n| ([10, 10, 60, 50 + n], false, polygon(n))));
                let file = folder.join("annotations.json");
                let text = fs::read_to_string(&file).expect("read");
                let sized = "\"photo_1.jpg\",\"height\":96,\"id\":1,\"width\":120";
                assert!(text.contains(sized), "{text}");
                let huge = "\"photo_1.jpg\",\"height\":70000,\"id\":1,\"width\":70000";
                fs::write(file, text.replace(sized, huge)).expect("written");
            };
            vec![Case::pairs(invalid, "exclude = [\"photo_1\"]").of(COCO)]
        }
        Check::DuplicateAcrossSplits => vec![
            Case::pairs(|folder| shared_by_splits(folder, 92), "exclude = [\"seen\"]").of(SPLITS),
        ],
        Check::NearDuplicateAcrossSplits => vec![
            Case::pairs(|folder| shared_by_splits(folder, 60), "exclude = [\"seen\"]").of(SPLITS),
        ],
        Check::DuplicateImage => Case::excluded(|folder| copied(folder, &["images", "masks"])),
        Check::IdenticalMask => Case::excluded(|folder| copied(folder, &["masks"])),
        Check::NarrowRange => {
            let dark = |folder: &Path| stored_as(folder, "pgm", of_twelve_bits);
            vec![Case::pairs(dark, "value_range = [0, 4095]").with_flags("--value-range 0,4095")]
        }
        Check::NoRange => {
            let floats = |folder: &Path| stored_as(folder, "tif", of_floats);
            vec![Case::pairs(floats, "value_range = \"auto\"").with_flags("--value-range auto")]
        }
        Check::NothingUsable
        | Check::LeftOut
        | Check::NameNotUnicode
        | Check::ExifTurned
        | Check::ExifAsStored
        | Check::ExifIgnored
        | Check::ExifOrientation
        | Check::MaskSettings
        | Check::GreyMask
        | Check::JpegMask
        | Check::SoftMask
        | Check::UnevenChannels
        | Check::AreaDisagrees
        | Check::BoxOutside
        | Check::DuplicateObject
        | Check::SharedImage
        | Check::NearDuplicateImage
        | Check::WrongExtension
        | Check::CmykImage
        | Check::SixteenBitImage
        | Check::SeveralPictures
        | Check::PaletteImage
        | Check::TransparentImage => Vec::new(),
    }
}

/// The findings of all sets, and the number of errors.
fn doctor(args: &[&str]) -> (Vec<Value>, u64) {
    let output = maskwright(&[&["doctor"], args, &["--json"]].concat());
    let printed = text(&output.stdout);
    let document: Value = serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("{error}: {printed}{}", text(&output.stderr)));
    let sets = document["sets"].as_array().expect("a list");
    let findings = sets.iter().flat_map(|set| set["findings"].as_array().expect("a list").clone());
    (findings.collect(), document["errors"].as_u64().expect("a number"))
}

/// Whether nothing is an error and the check found nothing but what is worth a note.
fn passes((findings, errors): &(Vec<Value>, u64), check: Check) -> bool {
    let gone = |one: &Value| one["name"] != check.name() || one["severity"] == "note";
    *errors == 0 && findings.iter().all(gone)
}

/// Tries a case: the line and the flags are proposed, and with either the data pass.
fn tried(check: Check, case: &Case) {
    let place = Place::new();
    let folder = place.text("data");
    (case.make)(Path::new(&folder));
    let file = place.text("data/data.toml");
    let with_line = |line: &str| {
        fs::write(&file, case.set.replace("LINE", line)).expect("written");
        doctor(&[&file])
    };
    let (before, _) = match case.flaw {
        Some(flaw) => with_line(flaw),
        None => doctor(&[&folder]),
    };
    let found = before.iter().find(|one| one["name"] == check.name());
    let found = found.unwrap_or_else(|| panic!("{check} is not found: {before:#?}"));
    assert_eq!(found["fix"], case.line, "{check}: {found:#}");
    let flags = case.flags();
    assert_eq!(found["flags"], json!(flags), "{check}: {found:#}");
    for one in &before {
        let known = Check::ALL.iter().find(|check| one["name"] == check.name());
        let has_none = known.is_some_and(|check| cases(*check).is_empty());
        assert!(!has_none || one["fix"].is_null(), "a line that nobody tried: {one:#}");
    }
    let by_line = with_line(case.line);
    assert!(passes(&by_line, check), "{check} with {}: {by_line:#?}", case.line);
    fs::remove_file(&file).expect("removed");
    if let Some(flags) = flags {
        let flags_of = words(&flags);
        let words: Vec<&str> =
            [folder.as_str()].into_iter().chain(flags_of.iter().map(String::as_str)).collect();
        let by_flags = doctor(&words);
        assert!(passes(&by_flags, check), "{check} with {flags}: {by_flags:#?}");
    }
}

#[test]
fn every_line_and_every_flag_mends_its_finding() {
    for check in Check::ALL {
        for case in cases(*check) {
            tried(*check, &case);
        }
    }
}

#[test]
fn a_data_file_is_changed_where_it_is() {
    let place = Place::new();
    flawed::sound(&place.join("data"));
    fs::remove_file(place.join("data/masks/photo_0.png")).expect("removed");
    let file = place.text("data/data.toml");
    fs::write(&file, PAIRS.replace("LINE", "")).expect("written");
    let (found, _) = doctor(&[&file]);
    assert_eq!(
        (&found[0]["fix"], &found[0]["flags"]),
        (&"unmatched = \"skip\"".into(), &Value::Null)
    );
}
