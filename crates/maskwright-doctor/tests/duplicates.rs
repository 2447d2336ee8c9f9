//! Copies of images and of masks.

mod common;

use std::fs;

use common::{Set, all, blob, mask, names, only, scene};
use maskwright_data::source::OpenContext;
use maskwright_doctor::{Check, Role, Severity, Subject};
use maskwright_image::encode::{jpeg_rgb, png_grey};

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
    let subjects = [
        Subject::open(&valid.spec(), Role::Valid, &OpenContext::default()),
        Subject::open(&train.spec(), Role::Train, &OpenContext::default()),
    ];
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
    // How many bits differ hangs on the encoder.
    assert!(near.listed[0].detail.ends_with("bits differ from set/sound_1"), "{near:?}");
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
