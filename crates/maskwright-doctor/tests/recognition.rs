//! Paths that are made into sets.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Set, annotation, coco, recognised, scene, with_orientation, write};
use insta::assert_snapshot;
use maskwright_data::source::OpenContext;
use maskwright_doctor::{Check, Contents, Error, Role, Severity, examine, recognise};
use maskwright_image::encode::jpeg_rgb;

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
fn images_without_masks_are_looked_at_alone() {
    let set = Set::new(0);
    let folder = set.root.path().join("alone");
    write(folder.join("a.jpg"), jpeg_rgb(&scene(1, 60, 50), 90).unwrap());
    write(folder.join("b.jpg"), "<html>");
    let turned = with_orientation(&jpeg_rgb(&scene(2, 60, 50), 90).unwrap(), 6);
    write(folder.join("c.jpg"), turned);
    let Contents { subjects, settings, .. } = recognise(&folder, &OpenContext::default()).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    let names: Vec<&str> = found.findings.iter().map(|finding| finding.name.name()).collect();
    assert_eq!(names, ["not-an-image", "missing-mask", "exif-orientation"]);
    assert_eq!((found.checked, found.usable), (3, 2));
    // Images alone are no mistake: they are what `predict` and `masks` take.
    let missing = found.findings.iter().find(|finding| finding.name == Check::MissingMask);
    assert_eq!(missing.map(|finding| finding.severity), Some(Severity::Note));
}

#[test]
fn paths_that_hold_no_data_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("notes")).unwrap();
    let refused = |path: &Path| {
        let error = recognise(path, &OpenContext::default()).unwrap_err().to_string();
        error.replace(&root.path().display().to_string(), "[DIR]")
    };
    let gone = recognise(&root.path().join("gone"), &OpenContext::default()).unwrap_err();
    assert!(matches!(gone, Error::Read { .. }), "{gone}");
    assert_snapshot!(refused(&root.path().join("notes")), @"[DIR]/notes: expected a folder of images and masks (images/ and masks/, im/ and gt/, or side by side), of COCO, Labelme, YOLO or SA-1B, a data file, or COCO's .json, found no image and no folder");
    assert_snapshot!(refused(root.path()), @"[DIR]: expected a folder of images and masks (images/ and masks/, im/ and gt/, or side by side), of COCO, Labelme, YOLO or SA-1B, a data file, or COCO's .json, found the folders notes");
    let file = root.path().join("data.csv");
    write(&file, "a,b");
    assert_snapshot!(refused(&file), @"[DIR]/data.csv: expected a folder, or a file that ends in .toml, .json or .tar, found .csv");
    let annotations = root.path().join("notes/lone.json");
    write(&annotations, r#"{"images": [{"file_name": "a.jpg"}]}"#);
    assert_snapshot!(refused(&annotations), @"[DIR]/notes/lone.json: expected its images in a folder beside it, found none of them");
    let data = root.path().join("data.toml");
    write(&data, "[[train]]\nname = \"a\"\nimage = \"x\"\nmasks = \"y\"\n");
    assert_snapshot!(refused(&data), @"[DIR]/data.toml, line 3: unknown key `image` in [[train]] (did you mean `images`?); known are name, kind, images, masks, list, names, image_ext, mask_ext, mask_suffix, recursive, mask_kind, mask_channel, mask_values, mask_colours, classes, invert, ignore_values, unmatched, include, exclude, part, repeat, exif, value_range");
}
