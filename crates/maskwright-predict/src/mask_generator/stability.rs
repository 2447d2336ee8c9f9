//! How little a mask changes when its threshold moves.

/// The IoU of the masks at thresholds `offset` above and below 0: a mask with sharp edges has 1.
/// The one lies within the other, so this is the ratio of their areas; 0 where both are empty.
pub fn stability_score(logits: &[f32], offset: f32) -> f32 {
    let above = |threshold: f32| logits.iter().filter(|&&logit| logit > threshold).count();
    let (small, large) = (above(offset), above(-offset));
    if large == 0 { 0.0 } else { small as f32 / large as f32 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sharp_masks_are_stable() {
        assert_eq!(stability_score(&[9.0, 9.0, -9.0], 1.0), 1.0);
        // Above 1: two; above -1: four. 1 itself is not above 1.
        assert_eq!(stability_score(&[2.0, 3.0, 1.0, -0.5, -1.0], 1.0), 0.5);
        assert_eq!(stability_score(&[-5.0; 4], 1.0), 0.0);
        assert_eq!(stability_score(&[], 1.0), 0.0);
    }

    proptest! {
        #[test]
        fn is_the_iou_of_the_two_masks(
            logits in prop::collection::vec(-3.0f32..3.0, 1..100), offset in 0.0f32..2.0,
        ) {
            let high: Vec<bool> = logits.iter().map(|&v| v > offset).collect();
            let low: Vec<bool> = logits.iter().map(|&v| v > -offset).collect();
            let both = high.iter().zip(&low).filter(|(a, b)| **a && **b).count();
            let either = high.iter().zip(&low).filter(|(a, b)| **a || **b).count();
            let expected = if either == 0 { 0.0 } else { both as f32 / either as f32 };
            prop_assert_eq!(stability_score(&logits, offset), expected);
        }
    }
}
