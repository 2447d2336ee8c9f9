//! The next click is that of the field's rule, in the repository's golden cases and in those of `../shared/golden`.

mod support;

use maskwright_image::Size;
use maskwright_image::mask::Bitmap;
use maskwright_image::metric::clicks::{Click, next_click, number_of_clicks};
use safetensors::SafeTensors;
use support::{golden_files, shared};

#[test]
fn clicks_are_those_of_the_reference() {
    for file in golden_files("clicks", "case_") {
        let bytes = std::fs::read(&file).expect("read");
        let case = SafeTensors::deserialize(&bytes).expect("safetensors");
        let truth = case.tensor("truth_i8").expect("the truth");
        let [height, width] = truth.shape() else { panic!("{}", file.display()) };
        let size = Size::new(*height, *width);
        let mask_of = |values: &[u8], wanted: u8| {
            Bitmap::from_fn(size, |y, x| values[y * size.width + x] == wanted)
        };
        // -1 as a byte.
        let (object, ignored) = (mask_of(truth.data(), 1), mask_of(truth.data(), 255));
        let predictions = case.tensor("predictions_u8").expect("predictions");
        let wanted = case.tensor("clicks_y_x_positive").expect("clicks");
        let numbers = wanted.data().as_chunks::<4>().0.iter();
        let wanted: Vec<i32> = numbers.map(|number| i32::from_le_bytes(*number)).collect();
        let mut clicked: Vec<Click> = Vec::new();
        let rounds =
            predictions.data().chunks_exact(size.height * size.width).zip(wanted.chunks_exact(3));
        for (round, (prediction, wanted)) in rounds.enumerate() {
            let prediction = mask_of(prediction, 1);
            let click = next_click(&prediction, &object, Some(&ignored), &clicked);
            let found =
                click.map(|click| [click.y as i32, click.x as i32, i32::from(click.positive)]);
            assert_eq!(
                found.as_ref().map(|found| &found[..]),
                Some(wanted),
                "{} round {round}",
                file.display()
            );
            clicked.extend(click);
        }
        assert!(clicked.len() >= 5, "{}", file.display());
    }
}

#[test]
fn clicks_are_counted_as_the_protocols_count_them() {
    let Some(file) = shared("golden/clicks/counts.json") else { return };
    let text = std::fs::read(file).expect("read");
    let counts: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let runs: Vec<Vec<f64>> =
        serde_json::from_value(counts["iou_per_click"].clone()).expect("lists of IoU");
    for (threshold, expected) in counts["expected"].as_object().expect("by threshold") {
        let least: f64 = threshold.parse().expect("a number");
        let found: Vec<usize> = runs.iter().map(|ious| number_of_clicks(ious, least, 20)).collect();
        let wanted: Vec<usize> = serde_json::from_value(expected["noc"].clone()).expect("counts");
        assert_eq!(found, wanted, "{threshold}");
        let never = runs
            .iter()
            .filter(|ious| maskwright_image::metric::clicks::never_reached(ious, least, 20));
        assert_eq!(Some(never.count() as u64), expected["never"].as_u64(), "{threshold}");
        let protocol = found.iter().filter(|count| **count == 20).count();
        assert_eq!(Some(protocol as u64), expected["nof_protocol"].as_u64(), "{threshold}");
    }
}
