//! Line charts: what is drawn of a [`CurvePlot`].

use super::axis::Axis;
use super::{CurvePlot, Series};

/// Series with more points than this are also drawn smoothed, if they are noisy.
const SMOOTH_OVER: usize = 120;
/// The smoothed line averages this share of the points around each one.
const SMOOTH_SHARE: usize = 30;
/// Lines are thinned to about this many points, more than a chart has columns.
const MAX_POINTS: usize = 1200;

/// Unbroken pieces of a line.
pub(super) type Pieces = Vec<Vec<(f64, f64)>>;

/// A chart with its axes fitted and its lines made ready.
pub(super) struct Fitted {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    /// The points as given, thinned where there are very many.
    pub(super) raw: Pieces,
    /// A moving mean of the points, where there are many.
    pub(super) smooth: Option<Pieces>,
}

/// `None` where there is no point that can be shown.
pub(super) fn fit(plot: &CurvePlot) -> Option<Fitted> {
    let shown = |&&(x, y): &&(f64, f64)| x.is_finite() && y.is_finite() && (!plot.log_y || y > 0.0);
    let points = || plot.series.iter().flat_map(|series| &series.points).filter(shown);
    let mut x = Axis::fit(points().map(|p| p.0), false, 6)?;
    let y = Axis::fit(points().map(|p| p.1), plot.log_y, 5)?;
    // Lines span the whole width; round numbers at the ends matter on y alone.
    x.tighten(points().map(|p| p.0));
    let lines = plot
        .series
        .iter()
        .map(|series| {
            let pieces: Pieces = series
                .points
                .split(|point| !shown(&point))
                .filter(|piece| !piece.is_empty())
                .map(<[_]>::to_vec)
                .collect();
            let smooth = is_noisy(&series.points)
                .then(|| pieces.iter().map(|piece| thinned(&smoothed(piece))).collect());
            Line { raw: pieces.iter().map(|piece| thinned(piece)).collect(), smooth }
        })
        .collect();
    Some(Fitted { x, y, lines })
}

/// Whether a line goes up and down so often that a mean says more: a loss does, a
/// learning rate that drops in steps does not.
fn is_noisy(points: &[(f64, f64)]) -> bool {
    let turns = points.windows(3).filter(|w| (w[1].1 - w[0].1) * (w[2].1 - w[1].1) < 0.0).count();
    points.len() > SMOOTH_OVER && turns * 5 > points.len()
}

/// A centred moving mean; at the ends, of what there is of the window.
fn smoothed(piece: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (piece.len() / SMOOTH_SHARE / 2).max(1);
    let mut sums = vec![0.0];
    for (_, y) in piece {
        sums.push(sums[sums.len() - 1] + y);
    }
    (0..piece.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(half), (i + half + 1).min(piece.len()));
            (piece[i].0, (sums[to] - sums[from]) / (to - from) as f64)
        })
        .collect()
}

/// Keeps the first, the lowest, the highest and the last point of each stretch, so
/// that no peak is lost.
fn thinned(piece: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if piece.len() <= MAX_POINTS {
        return piece.to_vec();
    }
    let stretch = piece.len().div_ceil(MAX_POINTS / 4);
    piece
        .chunks(stretch)
        .flat_map(|chunk| {
            let by_y = |&a: &usize, &b: &usize| chunk[a].1.total_cmp(&chunk[b].1);
            let lowest = (0..chunk.len()).min_by(by_y).unwrap_or(0);
            let highest = (0..chunk.len()).max_by(by_y).unwrap_or(0);
            let mut kept = vec![0, lowest, highest, chunk.len() - 1];
            kept.sort_unstable();
            kept.dedup();
            kept.into_iter().map(|i| chunk[i]).collect::<Vec<_>>()
        })
        .collect()
}

impl Series {
    /// The last finite value.
    pub(super) fn last(&self) -> Option<f64> {
        self.points.iter().rev().map(|p| p.1).find(|y| y.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_peaks() {
        let mut piece: Vec<(f64, f64)> = (0..50_000).map(|i| (f64::from(i), 1.0)).collect();
        piece[31_234].1 = 9.0;
        piece[777].1 = -3.0;
        let kept = thinned(&piece);
        assert!(kept.len() <= MAX_POINTS, "{}", kept.len());
        assert!(kept.contains(&(31_234.0, 9.0)) && kept.contains(&(777.0, -3.0)));
        assert_eq!((kept[0], kept[kept.len() - 1]), (piece[0], piece[49_999]));
        assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn the_moving_mean_evens_out_noise_alone() {
        let line = |i: i32| f64::from(i) * 0.01;
        let noisy: Vec<(f64, f64)> =
            (0..600).map(|i| (f64::from(i), line(i) + f64::from(i % 2))).collect();
        assert!(is_noisy(&noisy));
        for (i, (x, mean)) in smoothed(&noisy).into_iter().enumerate() {
            assert_eq!(x, noisy[i].0);
            assert!((mean - line(i as i32) - 0.5).abs() < 0.15, "{i}: {mean}");
        }
        let steps: Vec<(f64, f64)> = (0..600).map(|i| (f64::from(i), f64::from(i / 200))).collect();
        assert!(!is_noisy(&steps));
        assert!(!is_noisy(&noisy[..SMOOTH_OVER]));
    }

    #[test]
    fn values_that_cannot_be_shown_interrupt_the_line() {
        let plot = CurvePlot {
            series: vec![Series {
                name: "a".into(),
                points: vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0), (4.0, -1.0)],
            }],
            ..CurvePlot::default()
        };
        let pieces = |plot: &CurvePlot| fit(plot).unwrap().lines.remove(0).raw;
        assert_eq!(pieces(&plot).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let logarithmic = CurvePlot { log_y: true, ..plot };
        assert_eq!(pieces(&logarithmic).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }
}
