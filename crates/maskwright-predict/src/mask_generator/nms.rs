//! Non-maximum suppression: of boxes that overlap, the best one stays.

/// Places of the boxes that stay, best score first.
///
/// Boxes are `[x0, y0, x1, y1]`, and their area `(x1 - x0) * (y1 - y0)`. A box goes if its
/// intersection over union with a better one that stays is above `threshold`. Of equal scores the
/// earlier is better; NaN is worse than any number. Where both areas are 0 there is no overlap.
pub fn nms(boxes: &[[f32; 4]], scores: &[f32], threshold: f32) -> Vec<usize> {
    let rank = |i: usize| if scores[i].is_nan() { f32::NEG_INFINITY } else { scores[i] };
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)));
    let mut gone = vec![false; boxes.len()];
    let mut kept = Vec::new();
    for (place, &best) in order.iter().enumerate() {
        if gone[best] {
            continue;
        }
        kept.push(best);
        for &other in &order[place + 1..] {
            gone[other] |= iou(boxes[best], boxes[other]) > threshold;
        }
    }
    kept
}

/// NaN where both boxes have no area.
fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |[x0, y0, x1, y1]: [f32; 4]| (x1 - x0) * (y1 - y0);
    let side = |low: usize, high: usize| (a[high].min(b[high]) - a[low].max(b[low])).max(0.0);
    let both = side(0, 2) * side(1, 3);
    both / (area(a) + area(b) - both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let boxes = [[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]];
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.1], 0.7), [1, 2]);
        // 0.9 of the union is common: as much as the threshold is not above it.
        assert_eq!(nms(&boxes, &[0.5, 0.9, 0.1], 0.9), [1, 0, 2]);
        assert_eq!(nms(&boxes, &[0.5, 0.5, 0.5], 0.7), [0, 2]);
        assert_eq!(nms(&boxes, &[0.5, f32::NAN, 0.1], 0.7), [0, 2]);
        let points = [[3.0, 3.0, 3.0, 3.0]; 2];
        assert_eq!(nms(&points, &[0.1, 0.2], 0.0), [1, 0]);
        assert!(nms(&[], &[], 0.5).is_empty());
    }

    proptest! {
        /// The definition: going from the best on, a box stays unless one that stays overlaps it.
        #[test]
        fn agrees_with_the_definition(
            boxes in prop::collection::vec((0u8..20, 0u8..20, 1u8..20, 1u8..20, 0u8..6), 0..40),
            threshold in 0.0f32..1.0,
        ) {
            let scores: Vec<f32> = boxes.iter().map(|b| f32::from(b.4) / 5.0).collect();
            let boxes: Vec<[f32; 4]> = boxes
                .iter()
                .map(|&(x, y, w, h, _)| [x, y, x + w, y + h].map(f32::from))
                .collect();
            let cells = |b: [f32; 4]| -> Vec<(u8, u8)> {
                let [x0, y0, x1, y1] = b.map(|v| v as u8);
                (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y))).collect()
            };
            let overlap = |a: usize, b: usize| {
                let (a, b) = (cells(boxes[a]), cells(boxes[b]));
                let both = a.iter().filter(|cell| b.contains(cell)).count();
                both as f32 / (a.len() + b.len() - both) as f32
            };
            let mut left: Vec<usize> = (0..boxes.len()).collect();
            let mut expected = Vec::new();
            while !left.is_empty() {
                let mut best = left[0];
                for &i in &left {
                    if scores[i] > scores[best] {
                        best = i;
                    }
                }
                expected.push(best);
                left.retain(|&i| i != best && overlap(best, i) <= threshold);
            }
            prop_assert_eq!(nms(&boxes, &scores, threshold), expected);
        }
    }
}
