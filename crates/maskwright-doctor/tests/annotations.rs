//! Annotated objects, held to their masks.

mod common;

use std::fs;

use common::{annotation, coco, only, scene, write};
use maskwright_data::source::OpenContext;
use maskwright_doctor::{Check, Contents, Severity, examine, recognise};
use maskwright_image::encode::jpeg_rgb;

#[test]
fn annotations_are_held_to_their_masks() {
    let root = tempfile::tempdir().unwrap();
    let sound = [annotation(1, 0, [20, 30, 90, 60]), annotation(2, 0, [130, 30, 80, 70])];
    let images = ["a.jpg", "b.jpg", "c.jpg"];
    let mut all_of = sound.to_vec();
    all_of.extend([annotation(3, 1, [20, 40, 90, 60]), annotation(4, 2, [20, 30, 99, 60])]);
    let path = coco(root.path(), &images, &all_of);
    let Contents { subjects, settings, .. } = recognise(&path, &OpenContext::default()).unwrap();
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
    let Contents { subjects, settings, .. } = recognise(&path, &OpenContext::default()).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    let objects = |check: Check| -> Vec<Option<u64>> {
        let finding = found.find(check).unwrap_or_else(|| panic!("{check}: {:#?}", found.findings));
        finding.listed.iter().map(|listed| listed.object).collect()
    };
    // The outline of annotation 5 has an odd number of coordinates, the run lengths of annotation 6 are too short: both were dropped
    // and counted when the set was opened.
    let left = found.find(Check::LeftOut).unwrap();
    let runs = left.listed.iter().find(|one| one.detail.contains("run lengths")).unwrap();
    insta::assert_snapshot!(runs.detail, @"1 annotations whose run lengths are no mask of their size (first: id 6: runs of 120 pixels for a mask of height 180 x width 240; expected 43200)");
    assert_eq!(found.find(Check::AnnotationInvalid), None);
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
fn what_is_left_out_of_annotations_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = coco(
        root.path(),
        &["a.jpg", "bare.jpg", "gone.jpg"],
        &[annotation(1, 0, [20, 30, 90, 60]), annotation(2, 2, [20, 30, 90, 60])],
    );
    fs::remove_file(root.path().join("images/gone.jpg")).unwrap();
    let Contents { subjects, settings, .. } = recognise(&path, &OpenContext::default()).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
    assert_eq!((found.records, found.usable), (1, 1));
    let left = found.find(Check::LeftOut).unwrap();
    let told: Vec<&str> = left.listed.iter().map(|one| one.detail.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"), @"
        1 images without an object to take (first: bare.jpg)
        1 images that are listed but not there (first: gone.jpg)
        ");
    let missing = found.find(Check::MissingImage).unwrap();
    insta::assert_snapshot!(missing.listed[0].detail, @"1 images that are listed but not there, the first gone.jpg");
    let nothing = coco(&root.path().join("other"), &["a.jpg"], &[]);
    let Contents { subjects, settings, .. } = recognise(&nothing, &OpenContext::default()).unwrap();
    let found = examine(&subjects, &settings, &mut |_| true).unwrap();
    only(&found.sets[0], Check::CannotOpen);
}

/// What lacks which half: an image without its annotation file has no mask, an annotation file alone no image.
#[test]
fn lone_files_of_sa1b_are_told_by_what_they_lack() {
    let root = tempfile::tempdir().unwrap();
    let json = |number: u64| {
        let mut object = annotation(1, 0, [20, 30, 90, 60]);
        object["predicted_iou"] = 0.9.into();
        serde_json::json!({
            "image": {"image_id": number, "width": 240, "height": 180, "file_name": format!("sa_{number}.jpg")},
            "annotations": [object],
        })
    };
    let file = |name: &str| root.path().join(name);
    for number in 0..2 {
        write(file(&format!("sa_{number}.jpg")), jpeg_rgb(&scene(number, 240, 180), 92).unwrap());
        write(file(&format!("sa_{number}.json")), json(number as u64).to_string());
    }
    let errors = || {
        let Contents { subjects, settings, .. } =
            recognise(root.path(), &OpenContext::default()).unwrap();
        let found = examine(&subjects, &settings, &mut |_| true).unwrap().sets.remove(0);
        let errors: Vec<String> = found
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| format!("{}: {}", finding.name, finding.listed[0].detail))
            .collect();
        (errors, found.usable)
    };
    assert_eq!(errors(), (vec![], 2));
    fs::remove_file(file("sa_1.json")).unwrap();
    let lone = "missing-mask: 1 images without an annotation file, the first sa_1.jpg";
    assert_eq!(errors(), (vec![lone.to_owned()], 1));
    fs::remove_file(file("sa_1.jpg")).unwrap();
    write(file("sa_7.json"), json(7).to_string());
    let lone = "missing-image: 1 annotation files without an image, the first sa_7.json";
    assert_eq!(errors(), (vec![lone.to_owned()], 1));
}
