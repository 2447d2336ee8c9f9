//! How an examination runs: threads, an early stop, bounded lists; its page in the documentation.

mod common;

use std::fs;
use std::path::Path;

use common::{Set, blob, mask};
use maskwright_data::source::OpenContext;
use maskwright_doctor::{Check, Contents, Role, Settings, Severity, Subject, examine, recognise};
use maskwright_image::encode::png_grey;
use maskwright_image::{GreyImage, Size};

#[test]
fn any_number_of_threads_gives_the_same_diagnosis() {
    let set = Set::new(20);
    set.pair("black", &GreyImage::filled(Size::new(180, 240), 0));
    set.pair("dot", &mask(2000, 1500, |x, y| x.abs_diff(900) < 20 && y.abs_diff(700) < 20));
    set.image("page.jpg", "<html>");
    set.mask("page.png", png_grey(&blob(5, 100, 90)).unwrap());
    let subjects = [Subject::open(&set.spec(), Role::Train, &OpenContext::default())];
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
    let subjects = [Subject::open(&set.spec(), Role::Train, &OpenContext::default())];
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
    let subjects = [Subject::open(&set.spec(), Role::Train, &OpenContext::default())];
    let found = examine(&subjects, &settings, &mut |_| true).unwrap();
    let empty = found.sets[0].find(Check::EmptyMask).unwrap();
    assert_eq!((empty.count, empty.records, empty.listed.len()), (9, 9, 4));
}

/// The sets of the shared sample data, where this checkout has them.
#[test]
fn the_sample_photographs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        eprintln!("left out: the optional folder ../shared/data is not here");
        return;
    }
    let diagnose = |name: &str| {
        let Contents { subjects, settings, .. } =
            recognise(&folder.join(name), &OpenContext::default()).unwrap();
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
    // Photographs alone: what can be decoded, as far as it goes, is of use.
    assert_eq!(found.usable, 13);
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
