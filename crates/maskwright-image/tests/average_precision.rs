//! Average precision, against pycocotools' figures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_image::Size;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::metric::average_precision::{
    AveragePrecision, Found, Overlap, Scene, True, average_precision,
};
use serde_json::Value;

/// Of what `pycocotools` rounds nothing is left beyond this.
const TOLERANCE: f64 = 1e-9;

/// The twelve figures in COCO's order; -1 where there is nothing to find.
fn twelve(found: &AveragePrecision) -> Vec<f64> {
    let AveragePrecision { ap, ap50, ap75, small, medium, large, recall, recall_by_area } = *found;
    let means = [ap, ap50, ap75, small, medium, large].into_iter();
    means.chain(recall).chain(recall_by_area).map(|value| value.unwrap_or(-1.0)).collect()
}

fn assert_near(found: &AveragePrecision, expected: &[f64], what: &str) {
    let found = twelve(found);
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < TOLERANCE, "{what} {at}: {found}, {expected}");
    }
}

fn list<'a>(file: &'a Value, key: &str) -> &'a Vec<Value> {
    file[key].as_array().unwrap_or_else(|| panic!("a list of {key}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The mask of an annotation in an image.
fn mask(annotation: &Value, size: Size) -> Rle {
    let segmentation = &annotation["segmentation"];
    if let Some(polygons) = segmentation.as_array() {
        let numbers = |polygon: &Value| -> Vec<f64> {
            polygon.as_array().expect("numbers").iter().filter_map(Value::as_f64).collect()
        };
        let polygons: Vec<Vec<f64>> = polygons.iter().map(numbers).collect();
        return Rle::from_polygons(size, &polygons).expect("polygons");
    }
    match &segmentation["counts"] {
        Value::String(text) => Rle::parse(size, text.as_bytes()).expect("run lengths"),
        counts => {
            let counts = counts.as_array().expect("counts");
            let counts = counts.iter().filter_map(Value::as_u64).map(|count| count as u32);
            Rle::new(size, counts.collect()).expect("run lengths")
        }
    }
}

/// Objects and detections of COCO's lists by category and image, in the order of their ids.
struct Scenes(BTreeMap<u64, BTreeMap<u64, Scene>>);

impl Scenes {
    fn new(file: &Value) -> (Self, BTreeMap<u64, Size>) {
        let sizes: BTreeMap<u64, Size> = list(file, "images")
            .iter()
            .map(|image| {
                let size =
                    Size::new(number(image, "height") as usize, number(image, "width") as usize);
                (number(image, "id"), size)
            })
            .collect();
        let mut scenes = Self(BTreeMap::new());
        for one in list(file, "annotations") {
            let mask = mask(one, sizes[&number(one, "image_id")]);
            let area = one["area"].as_f64().expect("an area");
            let crowd = one["iscrowd"].as_u64() == Some(1);
            scenes.of(one).truths.push(True { mask, area, crowd });
        }
        (scenes, sizes)
    }

    fn of(&mut self, one: &Value) -> &mut Scene {
        let images = self.0.entry(number(one, "category_id")).or_default();
        images.entry(number(one, "image_id")).or_default()
    }

    fn figures(self, overlap: Overlap) -> AveragePrecision {
        let categories: Vec<Vec<Scene>> =
            self.0.into_values().map(|images| images.into_values().collect()).collect();
        average_precision(&categories, overlap).expect("masks of one size")
    }
}

const OVERLAPS: [(&str, Overlap); 2] =
    [("mask", Overlap::Mask), ("boundary", Overlap::Boundary(0.02))];

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// Equal scores, crowds, wrong categories, stated areas on the edges of the sizes.
#[test]
fn the_figures_are_those_of_pycocotools() {
    let case = read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/average_precision/case.json"),
    );
    for (name, overlap) in OVERLAPS {
        let (mut scenes, sizes) = Scenes::new(&case);
        for one in list(&case, "found") {
            let mask = mask(one, sizes[&number(one, "image_id")]);
            let score = one["score"].as_f64().expect("a score");
            scenes.of(one).found.push(Found { mask, score });
        }
        let expected: Vec<f64> =
            list(&case["figures"], name).iter().filter_map(Value::as_f64).collect();
        assert_near(&scenes.figures(overlap), &expected, name);
    }
}

/// Printed by `python/golden/average_precision.py` for the same file.
const REAL: [[f64; 12]; 2] = [
    [
        0.6464560729865672,
        0.8445150401387107,
        0.6548282421091234,
        0.5254837828484489,
        0.7745393404411708,
        0.8312415855743743,
        0.4692848735799068,
        0.7101773797709491,
        0.7256204744717172,
        0.5934885908968615,
        0.8290986035322419,
        0.862034188034188,
    ],
    [
        0.6073158135983105,
        0.8445150401387107,
        0.6544076344319165,
        0.5254837828484489,
        0.7416506690699685,
        0.7223443263412428,
        0.44000919966735313,
        0.6706969826617925,
        0.6860634106958942,
        0.5934885908968615,
        0.7979339758258522,
        0.7589330484330485,
    ],
];

/// The 839 annotations of 100 images of COCO, with detections that are made of them: each object together with itself moved to
/// the right.
#[test]
fn the_figures_of_a_real_file_are_those_of_pycocotools() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/coco/val2014_100/instances_val2014_100.json");
    if !path.is_file() {
        eprintln!("left out: {} is not there", path.display());
        return;
    }
    let file = read(&path);
    for ((name, overlap), expected) in OVERLAPS.into_iter().zip(REAL) {
        let (mut scenes, sizes) = Scenes::new(&file);
        for one in list(&file, "annotations") {
            let id = number(one, "id");
            let size = sizes[&number(one, "image_id")];
            let bits = mask(one, size).to_bitmap();
            let shift = (id % 7) as usize;
            let doubled = Bitmap::from_fn(size, |y, x| {
                bits.get(y, x) || x >= shift && bits.get(y, x - shift)
            });
            let mask = Rle::from_bitmap(&doubled);
            let mut detection = one.clone();
            if id.is_multiple_of(11) {
                detection["category_id"] = 1.into();
            }
            let score = (id * 7919 % 100) as f64 / 100.0;
            let scene = scenes.of(&detection);
            scene.found.push(Found { mask: mask.clone(), score });
            if id.is_multiple_of(5) {
                scene.found.push(Found { mask, score: score / 2.0 });
            }
        }
        assert_near(&scenes.figures(overlap), &expected, name);
    }
}
