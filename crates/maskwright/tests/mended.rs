//! What the doctor proposes, tried: the data pass with the line in a data file, and with the flag.

mod support;

use std::fs;
use std::path::Path;

use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::{GreyImage, RgbImage, Size};
use serde_json::json;
use support::{Place, maskwright, text, works, write_pairs};

const SIZE: Size = Size { height: 96, width: 120 };

/// Three pairs whose masks are drawn so, in `images` and `masks`.
fn pairs(folder: &Path, suffix: &str, number: impl Fn(usize, usize) -> u8) {
    for (part, name) in [("images", "jpg"), ("masks", "png")] {
        fs::create_dir_all(folder.join(part)).expect("created");
        for at in 0..3usize {
            let file = if name == "jpg" {
                let mut image = RgbImage::filled(SIZE, 0);
                for (place, value) in image.data.iter_mut().enumerate() {
                    *value = (place * (3 + 2 * at) % 251) as u8;
                }
                jpeg_rgb(&image, 92)
            } else {
                // Masks of their own.
                let data = (0..SIZE.area()).map(|place| number(place / 120, place % 120 + 3 * at));
                png_grey(&GreyImage::new(SIZE, data.collect()).expect("a picture"))
            };
            let suffix = if name == "png" { suffix } else { "" };
            let path = folder.join(part).join(format!("photo_{at}{suffix}.{name}"));
            fs::write(path, file.expect("encoded")).expect("written");
        }
    }
}

/// Pairs of a bright block.
fn sound(folder: &Path, suffix: &str) {
    pairs(folder, suffix, |y, x| if y < 60 && (20..80).contains(&x) { 255 } else { 0 });
}

/// An instances file in `folder` of images that have these annotations: their box, and whether it is a crowd.
fn coco(folder: &Path, objects: &[([u32; 4], bool)]) {
    sound(folder, "");
    fs::remove_dir_all(folder.join("masks")).expect("removed");
    let annotation = |(id, ([x, y, w, h], crowd)): (usize, &([u32; 4], bool))| {
        // Down the columns: background, then runs of the box.
        let mut counts = vec![x * 96 + y];
        (0..*w).for_each(|column| {
            counts.push(*h);
            counts.push(if column + 1 < *w { 96 - h } else { (120 - x - w + 1) * 96 - y - h });
        });
        json!({"id": id, "image_id": id % 3, "category_id": 1, "iscrowd": u8::from(*crowd), "area": w * h,
               "bbox": [x, y, w, h], "segmentation": {"size": [96, 120], "counts": counts}})
    };
    let images: Vec<_> = (0..3)
        .map(|id| json!({"id": id, "file_name": format!("photo_{id}.jpg"), "width": 120, "height": 96}))
        .collect();
    let annotations: Vec<_> = objects.iter().enumerate().map(annotation).collect();
    let categories = json!([{"id": 1, "name": "leaf"}]);
    let document = json!({"images": images, "annotations": annotations, "categories": categories});
    fs::write(folder.join("annotations.json"), document.to_string()).expect("written");
}

/// Whether a finding is there as an error or a warning; what a set skips is a note.
fn is_wrong(printed: &str, finding: &str) -> bool {
    ["error", "warning"].iter().any(|what| printed.contains(&format!("  {what:<8} {finding}")))
}

/// Tries a finding's line and its flags: `doctor DIR` names both, and with either the finding is gone and nothing is an error.
fn tried(make: impl Fn(&Path), finding: &str, line: &str, flags: Option<&str>, set: &str) {
    let place = Place::new();
    let folder = place.text("data");
    make(Path::new(&folder));
    let before = text(&maskwright(&["doctor", &folder]).stdout);
    assert!(before.contains(finding), "{finding}: {before}");
    let fix = match flags {
        Some(flags) => format!("fix: {}, or {flags}", line.replace('\n', " and ")),
        None => format!("fix: {}", line.replace('\n', " and ")),
    };
    assert!(before.contains(&fix), "{finding}: expected {fix}, found {before}");
    let file = place.text("data/data.toml");
    let words = format!("[[train]]\nname = \"a\"\n{set}\n{line}\n");
    fs::write(&file, words).expect("written");
    let by_line = text(&works(&["doctor", &file]).stdout);
    assert!(!is_wrong(&by_line, finding), "{finding} with {line}: {by_line}");
    fs::remove_file(&file).expect("removed");
    if let Some(flags) = flags {
        let words: Vec<&str> = ["doctor", &folder].into_iter().chain(flags.split(' ')).collect();
        let by_flag = text(&works(&words).stdout);
        assert!(!is_wrong(&by_flag, finding), "{finding} with {flags}: {by_flag}");
    }
}

const PAIRS: &str = "images = \"images\"\nmasks = \"masks\"";
const COCO: &str = "kind = \"coco\"\nannotations = \"annotations.json\"\nimages = \"images\"";

#[test]
fn masks_of_objects_and_of_what_does_not_count() {
    let blocks = |y: usize, x: usize| match (y % 30 < 20 && x % 30 < 20, y / 30 < 2 && x / 30 < 3) {
        (true, true) => (y / 30 * 3 + x / 30 + 1) as u8,
        _ => 0,
    };
    let numbered = |folder: &Path| pairs(folder, "", blocks);
    let line = "mask_kind = \"instances\"";
    tried(numbered, "instance-mask", line, Some("--mask-kind=instances"), PAIRS);
    let void = |y: usize, x: usize| match (y < 60 && (20..80).contains(&x), y > 70 && x > 90) {
        (true, _) => 1,
        (_, true) => 255,
        _ => 0,
    };
    let marked = |folder: &Path| pairs(folder, "", void);
    tried(marked, "void-mask", "ignore_values = [255]", Some("--ignore-values 255"), PAIRS);
}

#[test]
fn files_that_do_not_pair_up() {
    let suffixed = |folder: &Path| sound(folder, "_mask");
    let line = "mask_suffix = \"_mask\"";
    tried(suffixed, "missing-mask", line, Some("--mask-suffix=_mask"), PAIRS);
    let lone = |folder: &Path| {
        sound(folder, "");
        fs::copy(folder.join("images/photo_0.jpg"), folder.join("images/lone.jpg"))
            .expect("copied");
    };
    tried(lone, "missing-mask", "unmatched = \"skip\"", Some("--skip-unmatched"), PAIRS);
    let twice = |folder: &Path| {
        sound(folder, "");
        let picture = maskwright_image::encode::png_rgb(&RgbImage::filled(SIZE, 90));
        fs::write(folder.join("images/photo_0.png"), picture.expect("encoded")).expect("written");
    };
    tried(twice, "ambiguous-names", "image_ext = \"jpg\"", Some("--image-ext=jpg"), PAIRS);
}

#[test]
fn annotations_of_crowds_and_of_tiny_objects() {
    let large = [10, 10, 60, 50];
    let crowds =
        |folder: &Path| coco(folder, &[(large, true), (large, true), ([5, 5, 70, 60], true)]);
    tried(crowds, "cannot-open", "crowds = true", Some("--crowds"), COCO);
    let tiny = |folder: &Path| {
        let others = [5, 5, 70, 60];
        coco(folder, &[(large, false), (others, false), (others, false), ([90, 80, 2, 2], false)]);
    };
    let place = Place::new();
    tiny(&place.join("data"));
    let found = text(&maskwright(&["doctor", &place.text("data")]).stdout);
    // How many pixels an object needs follows from the input's size.
    let area = found.split("fix: min_area = ").nth(1).expect("a line").split(',').next();
    let area = area.expect("a number").to_owned();
    let (line, flag) = (format!("min_area = {area}"), format!("--min-area {area}"));
    tried(tiny, "tiny-object", &line, Some(&flag), COCO);
}

#[test]
fn files_that_no_flag_leaves_out() {
    let broken = |folder: &Path| {
        sound(folder, "");
        fs::write(folder.join("images/photo_1.jpg"), "no picture").expect("written");
    };
    tried(broken, "not-an-image", "exclude = [\"photo_1\"]", None, PAIRS);
    // A data file is changed where it is: no flag is named.
    let place = Place::new();
    let folder = place.join("data");
    write_pairs(&folder, 2);
    fs::remove_file(folder.join("masks/photo_00.png")).expect("removed");
    let file = place.text("data/data.toml");
    fs::write(&file, format!("[[train]]\nname = \"a\"\n{PAIRS}\n")).expect("written");
    let found = text(&maskwright(&["doctor", &file]).stdout);
    assert!(found.contains("fix: unmatched = \"skip\"\n"), "{found}");
}
