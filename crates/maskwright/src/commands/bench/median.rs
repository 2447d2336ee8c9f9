//! The median of measurements.

/// The middle value; of an even number the lower middle, and the default of none.
pub(super) fn median<T: PartialOrd + Copy + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("measurements are numbers"));
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 9.0, 1.0]), 3.0);
        assert_eq!(median([4.0, 2.0]), 2.0);
        let ms = |times: &[u64]| median(times.iter().map(|&time| Duration::from_millis(time)));
        assert_eq!(ms(&[9, 1, 5]), Duration::from_millis(5));
        assert_eq!(ms(&[4, 8]), Duration::from_millis(4));
        assert_eq!(ms(&[]), Duration::ZERO);
    }
}
