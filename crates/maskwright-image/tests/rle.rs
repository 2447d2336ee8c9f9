//! Run-length masks: against loops over bitmaps, against pycocotools' results, and with bad input.

mod support;

use std::path::Path;

use maskwright_image::Error;
use maskwright_image::Size;
use maskwright_image::mask::{Bitmap, PolygonScratch, Rle};
use proptest::prelude::*;
use serde_json::Value;
use support::{Hash, shared};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn size(case: &Value) -> (usize, usize) {
    let side = |k: usize| case["size"][k].as_u64().unwrap() as usize;
    (side(0), side(1))
}

fn runs(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|run| run.as_u64().unwrap() as u32).collect()
}

fn polygon(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect()
}

fn polygons(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(polygon).collect()
}

/// Area, box and string, where the case tells them, and all ways there and back.
fn check(mask: &Rle, case: &Value) {
    let (height, width) = size(case);
    assert_eq!((mask.height(), mask.width()), (height, width));
    let text = case["counts"].as_str().unwrap();
    assert_eq!(mask.to_compressed(), text, "{case}");
    assert_eq!(&Rle::parse(Size::new(height, width), text.as_bytes()).unwrap(), mask);
    assert_eq!(Some(mask.area()), case["area"].as_u64(), "{case}");
    let box_xywh = mask.box_xywh().map(f64::from);
    assert_eq!(box_xywh.to_vec(), polygon(&case["bbox"]), "{case}");
    let bitmap = mask.to_bitmap();
    assert_eq!(bitmap.count() as u64, mask.area());
    assert_eq!(&Rle::from_bitmap(&bitmap), mask);
}

/// The cases beside the repository; `reference` is what a clone alone holds to pycocotools.
#[test]
fn golden() {
    let Some(folder) = shared("golden/rle") else { return };
    let cases = json(&folder.join("cases.json"));
    for case in cases["masks"].as_array().unwrap() {
        let (height, width) = size(case);
        check(&Rle::new(Size::new(height, width), runs(&case["uncompressed"])).unwrap(), case);
    }
    for case in cases["polygons"].as_array().unwrap() {
        let (height, width) = size(case);
        check(
            &Rle::from_polygons(Size::new(height, width), &[polygon(&case["polygon"])]).unwrap(),
            case,
        );
    }
}

/// What pycocotools makes of our own polygons and pairs; `benches/python/rle_check.py` wrote the file.
#[test]
fn reference() {
    let cases = json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rle.json"));
    assert!(compare(&cases) > 200);
    let pairs = cases["pairs"].as_array().unwrap();
    assert!(pairs.len() > 50);
    for case in pairs {
        let (height, width) = size(case);
        let mask = |name: &str| {
            Rle::parse(Size::new(height, width), case[name].as_str().unwrap().as_bytes()).unwrap()
        };
        let (a, b) = (mask("a"), mask("b"));
        assert_eq!(Rle::union(&[&a, &b]).unwrap(), mask("union"), "{case}");
        assert_eq!(Rle::intersection(&[&a, &b]).unwrap(), mask("intersection"), "{case}");
        assert_eq!(a.iou(&b, false).ok(), case["iou"].as_f64(), "{case}");
        assert_eq!(a.iou(&b, true).ok(), case["crowd_iou"].as_f64(), "{case}");
    }
}

/// The same for a file of cases that is not in the repository.
#[test]
#[ignore = "needs MASKWRIGHT_RLE_CASES, a file that benches/python/rle_check.py writes"]
fn reference_of_real_annotations() {
    let path = std::env::var_os("MASKWRIGHT_RLE_CASES").expect("MASKWRIGHT_RLE_CASES is not set");
    println!("{} masks are equal", compare(&json(Path::new(&path))));
}

/// Holds masks to the reference's, and counts them.
fn compare(cases: &Value) -> usize {
    let masks = cases["masks"].as_array().unwrap();
    let (mut mask, mut scratch) = (Rle::default(), PolygonScratch::default());
    for case in masks {
        let (height, width) = size(case);
        if let Some(text) = case["text"].as_str() {
            mask.parse_into(Size::new(height, width), text.as_bytes()).unwrap();
        } else if case["runs"].is_array() {
            mask.set_counts(Size::new(height, width), runs(&case["runs"])).unwrap();
        } else {
            let polygons = polygons(&case["polygons"]);
            mask.set_polygons(Size::new(height, width), &polygons, &mut scratch).unwrap();
        }
        check(&mask, case);
    }
    masks.len()
}

/// What pycocotools 2.0.11 makes of real annotation files: how many masks, their area in all, and the
/// 64-bit FNV-1a hash of their compressed strings, a line each. Polygons of an annotation are merged.
const REAL: [(&str, usize, u64, u64); 5] = [
    ("coco/tiny_coco/annotations/instances_train2017.json", 288, 1_732_433, 0xc171ecc9906a17ae),
    ("coco/tiny_coco/annotations/instances_val2017.json", 136, 1_144_236, 0x194f93ff58aea5ee),
    ("coco/val2014_100/instances_val2014_100.json", 839, 9_144_836, 0xd04551eb9365c194),
    ("coco/panopticapi/panoptic_coco_detection_format.json", 50, 493_779, 0x6e154c9c101d2ec1),
    ("sa1b/sa_226381.json", 19, 119_833, 0xb6f5e2134f0ea9c5),
];

/// Every real annotation becomes the very mask that pycocotools makes of it; strings come back as they
/// are, with the area and box that their files state.
#[test]
fn real_annotations() {
    let Some(folder) = shared("data") else { return };
    for (path, count, area, hash) in REAL {
        let file = json(&folder.join(path));
        let of_sa1b = file["image"].is_object();
        let (mut masks, mut areas, mut found) = (0, 0, 0xcbf2_9ce4_8422_2325u64);
        for annotation in file["annotations"].as_array().unwrap() {
            let segmentation = &annotation["segmentation"];
            let mask = if let Some(text) = segmentation["counts"].as_str() {
                let (height, width) = size(segmentation);
                let mask = Rle::parse(Size::new(height, width), text.as_bytes()).unwrap();
                assert_eq!(mask.to_compressed(), text);
                assert_eq!(Some(mask.area()), annotation["area"].as_u64());
                let [x, y, w, h] = mask.box_xywh().map(f64::from);
                // SA-1B's boxes reach to the last pixel's own number.
                let stated = if of_sa1b { vec![x, y, w - 1.0, h - 1.0] } else { vec![x, y, w, h] };
                assert_eq!(stated, polygon(&annotation["bbox"]), "{}", annotation["id"]);
                mask
            } else if segmentation["counts"].is_array() {
                let (height, width) = size(segmentation);
                Rle::new(Size::new(height, width), runs(&segmentation["counts"])).unwrap()
            } else {
                let images = file["images"].as_array().unwrap();
                let image = images.iter().find(|image| image["id"] == annotation["image_id"]);
                let side = |name: &str| image.unwrap()[name].as_u64().unwrap() as usize;
                let polygons = polygons(segmentation);
                Rle::from_polygons(Size::new(side("height"), side("width")), &polygons).unwrap()
            };
            for byte in mask.to_compressed().bytes().chain([b'\n']) {
                found = (found ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            masks += 1;
            areas += mask.area();
        }
        assert_eq!((masks, areas, found), (count, area, hash), "{path}");
    }
}

/// A mask of thick and thin parts.
fn drawn(height: usize, width: usize, seed: u64) -> Bitmap {
    let mut hash = Hash(seed);
    let kind = hash.below(6);
    let noise: Vec<bool> = (0..height * width).map(|_| hash.below(7) < kind).collect();
    let (y0, x0, radius) = (hash.below(height), hash.below(width), hash.below(height.max(width)));
    Bitmap::from_fn(Size::new(height, width), |y, x| match kind {
        0 => false,
        1 => true,
        2 => y.abs_diff(y0).pow(2) + x.abs_diff(x0).pow(2) <= radius * radius,
        3 => y == y0 || x == x0,
        _ => noise[y * width + x],
    })
}

/// Runs by walking down the columns.
fn walked(mask: &Bitmap) -> Vec<u32> {
    let (mut counts, mut last) = (vec![0], false);
    for x in 0..mask.width() {
        for y in 0..mask.height() {
            if mask.get(y, x) != last {
                counts.push(0);
                last = !last;
            }
            *counts.last_mut().unwrap() += 1;
        }
    }
    counts
}

fn sides() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        (1usize..20, 1usize..20),
        (Just(1), 1usize..200),
        (1usize..200, Just(1)),
        (1usize..90, 60usize..140)
    ]
}

proptest! {
    #[test]
    fn there_and_back((height, width) in sides(), seed: u64) {
        let bitmap = drawn(height, width, seed);
        let mask = Rle::from_bitmap(&bitmap);
        prop_assert_eq!(mask.counts(), &walked(&bitmap)[..]);
        prop_assert_eq!(&mask.to_bitmap(), &bitmap);
        prop_assert_eq!(&mask.to_grey(), &bitmap.to_grey());
        prop_assert_eq!(Rle::parse(Size::new(height, width), mask.to_compressed().as_bytes()).unwrap(), mask.clone());
        prop_assert_eq!(mask.area(), bitmap.count() as u64);
        let box_xywh = bitmap.box_xyxy().map_or([0; 4], |[x0, y0, x1, y1]| [x0, y0, x1 - x0 + 1, y1 - y0 + 1]);
        prop_assert_eq!(mask.box_xywh(), box_xywh);
        // Runs of nothing change nothing.
        let mut hash = Hash(seed);
        let mut split = Vec::new();
        for &run in mask.counts() {
            let first = hash.below(run as usize + 1) as u32;
            split.extend([first, 0, run - first]);
        }
        let split = Rle::new(Size::new(height, width), split).unwrap();
        prop_assert_eq!(&split.to_bitmap(), &bitmap);
        prop_assert_eq!((split.area(), split.box_xywh()), (mask.area(), mask.box_xywh()));
        prop_assert_eq!(Rle::parse(Size::new(height, width), split.to_compressed().as_bytes()).unwrap(), split.clone());
        prop_assert_eq!(Rle::union(&[&split]).unwrap(), mask);
    }

    #[test]
    fn sets_of_pixels((height, width) in sides(), seeds in prop::collection::vec(any::<u64>(), 1..5)) {
        let bitmaps: Vec<Bitmap> = seeds.iter().map(|&seed| drawn(height, width, seed)).collect();
        let masks: Vec<Rle> = bitmaps.iter().map(Rle::from_bitmap).collect();
        let all: Vec<&Rle> = masks.iter().collect();
        let any = Bitmap::from_fn(Size::new(height, width), |y, x| bitmaps.iter().any(|mask| mask.get(y, x)));
        let every = Bitmap::from_fn(Size::new(height, width), |y, x| bitmaps.iter().all(|mask| mask.get(y, x)));
        prop_assert_eq!(Rle::union(&all).unwrap(), Rle::from_bitmap(&any));
        prop_assert_eq!(Rle::intersection(&all).unwrap(), Rle::from_bitmap(&every));
        let (first, last) = (&bitmaps[0], &bitmaps[bitmaps.len() - 1]);
        let count = |set: fn(bool, bool) -> bool| {
            (0..height * width).filter(|i| set(first.get(i / width, i % width), last.get(i / width, i % width))).count()
        };
        let (shared, over) = (count(|a, b| a && b), count(|a, b| a || b));
        let share = |of: usize| if shared == 0 { 0.0 } else { shared as f64 / of as f64 };
        prop_assert_eq!(all[0].iou(all[all.len() - 1], false).unwrap(), share(over));
        prop_assert_eq!(all[0].iou(all[all.len() - 1], true).unwrap(), share(first.count()));
    }

    /// The outline by walking all its points on the fine grid, as the COCO API defines it.
    #[test]
    fn polygons_equal_the_walk((height, width) in sides(), seed: u64, corners in 3usize..12, reach in 0usize..4, fine in 0usize..4) {
        let mut hash = Hash(seed);
        let reach = [1.0, 1.6, 4.0, 90.0][reach];
        let step = [1.0, 0.5, 0.1, 1e-9][fine];
        let mut at = |side: usize| {
            let place = (hash.next() as f64 / u64::MAX as f64 - 0.5) * reach + 0.5;
            (place * side as f64 / step).round() * step
        };
        let polygon: Vec<f64> = (0..corners).flat_map(|_| [at(width), at(height)]).collect();
        let mask = Rle::from_polygons(Size::new(height, width), std::slice::from_ref(&polygon)).unwrap();
        prop_assert_eq!(mask, point_by_point(height, width, &polygon), "{:?}", polygon);
    }
}

/// The definition of polygons, on the points of the fine grid one by one.
fn point_by_point(height: usize, width: usize, polygon: &[f64]) -> Rle {
    let corners: Vec<[i64; 2]> =
        polygon.chunks(2).map(|at| [at[0], at[1]].map(|at| (5.0 * at + 0.5) as i64)).collect();
    let mut points = Vec::new();
    for (k, &from) in corners.iter().enumerate() {
        let to = corners[(k + 1) % corners.len()];
        // The longer axis is stepped along, from its lower end.
        let along = if (from[0] - to[0]).abs() >= (from[1] - to[1]).abs() { 0 } else { 1 };
        let (low, high) = if from[along] <= to[along] { (from, to) } else { (to, from) };
        let across = 1 - along;
        let steps = high[along] - low[along];
        let slope = (high[across] - low[across]) as f64 / steps as f64;
        let mut edge: Vec<[i64; 2]> = (0..=steps)
            .map(|t| {
                let mut point = [0; 2];
                point[along] = low[along] + t;
                point[across] = (low[across] as f64 + slope * t as f64 + 0.5) as i64;
                point
            })
            .collect();
        if low != from {
            edge.reverse();
        }
        points.extend(edge);
    }
    let mut flips = vec![false; height * width + 1];
    for pair in points.windows(2).filter(|pair| pair[0][0] != pair[1][0]) {
        let column = (pair[0][0].min(pair[1][0]) as f64 + 0.5) / 5.0 - 0.5;
        if column == column.floor() && (0.0..width as f64).contains(&column) {
            let row = (pair[0][1].min(pair[1][1]) as f64 + 0.5) / 5.0 - 0.5;
            let row = row.clamp(0.0, height as f64).ceil() as usize;
            flips[column as usize * height + row] ^= true;
        }
    }
    let mut inside = false;
    let pixels: Vec<bool> = flips
        .iter()
        .map(|&flip| {
            inside ^= flip;
            inside
        })
        .collect();
    Rle::from_bitmap(&Bitmap::from_fn(Size::new(height, width), |y, x| pixels[x * height + y]))
}

#[test]
fn boxes_are_polygons() {
    let mask = Rle::from_box_xywh(Size::new(7, 9), [2.0, 1.0, 4.0, 3.0]).unwrap();
    assert_eq!((mask.area(), mask.box_xywh()), (12, [2, 1, 4, 3]));
    let whole = Rle::from_box_xywh(Size::new(7, 9), [-1e308, -1e308, 1.7e308, 1.7e308]).unwrap();
    assert_eq!(whole.counts(), [0, 63]);
    assert_eq!(
        Rle::from_box_xywh(Size::new(7, 9), [0.0, 0.0, f64::NAN, 1.0]),
        Err(Error::BoxCoordinate { index: 2 })
    );
}

#[test]
fn bad_polygons() {
    let of = |polygons: &[Vec<f64>]| Rle::from_polygons(Size::square(9), polygons);
    let good = vec![0.0, 0.0, 5.0, 0.0, 0.0, 5.0];
    assert_eq!(of(&[]).unwrap().counts(), [81]);
    assert_eq!(
        of(&[good.clone(), vec![1.0; 7]]),
        Err(Error::PolygonLength { polygon: 1, found: 7 })
    );
    assert_eq!(of(&[vec![1.0; 4]]), Err(Error::PolygonLength { polygon: 0, found: 4 }));
    assert_eq!(of(&[vec![]]), Err(Error::PolygonLength { polygon: 0, found: 0 }));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut polygon = good.clone();
        polygon[3] = bad;
        assert_eq!(
            of(&[good.clone(), polygon]),
            Err(Error::PolygonCoordinate { polygon: 1, index: 3 })
        );
    }
    // A failure leaves no mask behind, and the buffers usable.
    let (mut mask, mut scratch) = (Rle::default(), PolygonScratch::default());
    mask.set_polygons(Size::square(9), std::slice::from_ref(&good), &mut scratch).unwrap();
    let expected = mask.clone();
    assert!(mask.set_polygons(Size::square(9), &[vec![f64::NAN; 6]], &mut scratch).is_err());
    assert_eq!(mask, Rle::default());
    mask.set_polygons(Size::square(9), &[good], &mut scratch).unwrap();
    assert_eq!(mask, expected);
}

/// The cost of an edge is what it crosses inside the picture, not its length.
#[test]
fn endless_polygons() {
    for far in [1e9, 1e15, 1e300, f64::MAX] {
        let all = vec![-far, -far, far, -far, far, far, -far, far];
        assert_eq!(Rle::from_polygons(Size::new(30, 40), &[all]).unwrap().counts(), [0, 1200]);
        let half = vec![20.0, -far, 20.0, far, far, far, far, -far];
        assert_eq!(Rle::from_polygons(Size::new(30, 40), &[half]).unwrap().counts(), [600, 600]);
        let steep = vec![10.0, -far, 20.0, far, 10.0, far];
        assert_eq!(Rle::from_polygons(Size::new(30, 40), &[steep]).unwrap().height(), 30);
        // Below the diagonal, with or without the pixels on it.
        let below = vec![-far, -far, far, far, -far, far];
        let area = Rle::from_polygons(Size::square(40), &[below]).unwrap().area();
        assert!([780, 820].contains(&area), "{area}");
    }
    let across: Vec<f64> = (0..40_000).flat_map(|k| [f64::from(k % 2) * 65_535.0, 5.0]).collect();
    assert_eq!(
        Rle::from_polygons(Size::new(9, 65_535), &[across]),
        Err(Error::PolygonCrossings { limit: 1 << 26 })
    );
    let size = Size::square(1 << 20);
    assert_eq!(Rle::from_polygons(size, &[]), Err(Error::RleSize { size }));
}

#[test]
fn sizes_must_agree() {
    let (expected, found) = (Size::new(2, 3), Size::new(3, 2));
    let (a, b) = (Rle::new(expected, vec![6]).unwrap(), Rle::new(found, vec![6]).unwrap());
    let error = Error::RleSizes { expected, found };
    assert_eq!(a.iou(&b, false), Err(error.clone()));
    assert_eq!(Rle::union(&[&a, &b]), Err(error.clone()));
    assert_eq!(Rle::intersection(&[&a, &a, &b]), Err(error));
    assert_eq!(Rle::union(&[]).unwrap(), Rle::default());
    assert_eq!(Rle::intersection(&[]).unwrap(), Rle::default());
}
