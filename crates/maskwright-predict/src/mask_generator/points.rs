//! The grids of points that are asked about.

/// `n` x `n` points evenly spaced in the unit square, row by row, as `[x, y]`: at the centres of as
/// many cells.
pub fn grid(n: usize) -> Vec<[f64; 2]> {
    let first = 1.0 / (2 * n) as f64;
    // Spaced as numpy's linspace from the first centre to the last, to its last bit.
    let step = if n > 1 { ((1.0 - first) - first) / (n - 1) as f64 } else { 0.0 };
    let at = |i: usize| if n > 1 && i == n - 1 { 1.0 - first } else { first + i as f64 * step };
    (0..n * n).map(|i| [at(i % n), at(i / n)]).collect()
}

/// The grid of each crop layer, the whole image's first: layer `i` has
/// `points_per_side / downscale^i` points a side, rounded down.
pub fn grids(points_per_side: usize, layers: usize, downscale: usize) -> Vec<Vec<[f64; 2]>> {
    (0..=layers)
        .map(|layer| {
            let factor = u32::try_from(layer).ok().and_then(|layer| downscale.checked_pow(layer));
            grid(factor.map_or(0, |factor| points_per_side / factor.max(1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_the_centres_of_cells() {
        for n in 1..40 {
            let points = grid(n);
            assert_eq!(points.len(), n * n);
            for (i, [x, y]) in points.into_iter().enumerate() {
                let centre = |place: usize| (place as f64 + 0.5) / n as f64;
                assert!((x - centre(i % n)).abs() < 1e-12 && (y - centre(i / n)).abs() < 1e-12);
            }
        }
        assert!(grid(0).is_empty());
    }

    #[test]
    fn layers_thin_out() {
        let counts = |grids: Vec<Vec<[f64; 2]>>| grids.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(counts(grids(32, 0, 1)), [1024]);
        assert_eq!(counts(grids(32, 2, 2)), [1024, 256, 64]);
        assert_eq!(counts(grids(5, 3, 2)), [25, 4, 1, 0]);
        assert_eq!(counts(grids(2, 1, usize::MAX)), [4, 0]);
    }
}
