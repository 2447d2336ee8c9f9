//! Axes: which values get a tick, how they are written, where they lie.

/// A value axis with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values with a tick, ascending, and how they are written.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that shows all `values`, with about `wanted` ticks. Values that are not
    /// finite, and on a logarithmic axis those not above 0, are passed over.
    ///
    /// `None` where no value is left to show.
    pub(super) fn fit(values: impl Iterator<Item = f64>, log: bool, wanted: usize) -> Option<Self> {
        let (low, high) = values
            .filter(|v| v.is_finite() && (!log || *v > 0.0))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        Some(if log { Self::logarithmic(low, high) } else { Self::linear(low, high, wanted) })
    }

    fn linear(low: f64, high: f64, wanted: usize) -> Self {
        // A single value gets room on both sides.
        let (low, high) = if high - low > low.abs().max(high.abs()) * 1e-9 {
            (low, high)
        } else {
            match low {
                // Nothing that is counted or measured here is below 0.
                0.0 => (0.0, 1.0),
                _ => (low - low.abs() * 0.1, high + low.abs() * 0.1),
            }
        };
        let step = nice_step((high - low) / wanted.max(1) as f64);
        // Half a percent over a tick does not need another one.
        let first = (low / step + 0.005).floor();
        let last = (high / step - 0.005).ceil();
        let count = (last - first).clamp(1.0, 1000.0) as usize;
        let ticks = (0..=count)
            .map(|i| {
                let value = (first + i as f64) * step;
                (value, format_value(value, step))
            })
            .collect();
        Self { low: first * step, high: last * step, log: false, ticks }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        // Within a decade or two 1, 2 and 5 get ticks, else powers of ten (or of a thousand...).
        let decades = (high / low).log10();
        let mantissas: &[f64] = if decades < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let stride = if decades > 7.0 { (decades / 5.0).ceil() as i32 } else { 1 };
        let floor = (low.log10() + 1e-9).floor() as i32;
        let ceiling = (high.log10() - 1e-9).ceil() as i32;
        let all: Vec<f64> = (floor..=ceiling)
            .step_by(stride as usize)
            .flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power)))
            .collect();
        // From the last tick at or below the values to the first at or above them.
        let start = all.iter().rposition(|&v| v <= low * 1.0001).unwrap_or(0);
        let end = all.iter().position(|&v| v >= high * 0.9999).unwrap_or(all.len() - 1);
        let end = end.max((start + 1).min(all.len() - 1));
        let shown = &all[start.min(end)..=end];
        let ticks = shown.iter().map(|&v| (v, format_value(v, v))).collect();
        let low = shown[0].min(low);
        let high = shown[shown.len() - 1].max(high);
        // One value that is itself a power of ten.
        let high = if high > low { high } else { low * 10.0 };
        Self { low, high, log: true, ticks }
    }

    /// Ends the axis at the lowest and highest of `values` instead of at ticks, which
    /// leaves the ticks between them. An axis around a single value stays.
    pub(super) fn tighten(&mut self, values: impl Iterator<Item = f64>) {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let slack = (self.high - self.low) * 1e-9;
        if high - low > slack {
            (self.low, self.high) = (low, high);
            self.ticks.retain(|&(tick, _)| tick >= low - slack && tick <= high + slack);
        }
    }

    /// The values at the axis' ends.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Where the value lies: 0 at the axis' low end, 1 at its high end.
    ///
    /// `None` for values that have no place on the axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.is_finite().then_some(place)
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `raw`.
fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let share = raw / power;
    let nice = [1.0, 2.0, 2.5, 5.0].into_iter().find(|&n| share <= n * 1.0001).unwrap_or(10.0);
    nice * power
}

/// Writes a value with as many decimals as a step of `step` needs.
pub(super) fn format_value(value: f64, step: f64) -> String {
    let step = step.abs();
    // A multiple of the step that is 0 but for rounding.
    if value.abs() < step * 1e-6 || value == 0.0 {
        return "0".into();
    }
    if value.abs() >= 1e6 || step < 1e-4 {
        return scientific(value);
    }
    if value.abs() >= 1e4 && step >= 100.0 {
        let thousands = format_value(value / 1e3, step / 1e3);
        return format!("{thousands}k");
    }
    // The digits up to the step's last one, 2.5 having one more than 2.
    let mut decimals = 0;
    let mut scaled = step;
    while decimals < 7 && (scaled - scaled.round()).abs() > 1e-6 * scaled {
        scaled *= 10.0;
        decimals += 1;
    }
    let text = format!("{value:.decimals$}");
    minus(text)
}

/// Writes a value to `digits` significant digits, for legends and hover texts.
pub(super) fn format_significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let power = value.abs().log10().floor() as i32;
    if !(-4..7).contains(&power) {
        return scientific(value);
    }
    let decimals = (digits as i32 - 1 - power).max(0) as usize;
    let text = format!("{value:.decimals$}");
    minus(match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    })
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    minus(format!("{mantissa}e{power}"))
}

/// A true minus sign in front, as wide as the digits.
fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    fn fit(values: &[f64], log: bool) -> Axis {
        Axis::fit(values.iter().copied(), log, 5).unwrap()
    }

    #[test]
    fn linear_ticks_are_round_and_enclose_the_values() {
        assert_eq!(labels(&fit(&[0.12, 0.93], false)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&fit(&[0.0, 1000.0], false)), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!(
            labels(&fit(&[-3.0, 2.0], false)),
            ["\u{2212}3", "\u{2212}2", "\u{2212}1", "0", "1", "2"]
        );
        assert_eq!(labels(&fit(&[0.0, 50_000.0], false)), ["0", "10k", "20k", "30k", "40k", "50k"]);
        let axis = fit(&[0.801, 0.809], false);
        assert_eq!(labels(&axis), ["0.800", "0.802", "0.804", "0.806", "0.808", "0.810"]);
        assert!((axis.place(0.805).unwrap() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn one_value_and_no_value() {
        let axis = fit(&[5.0, 5.0, f64::NAN], false);
        assert!((axis.place(5.0).unwrap() - 0.5).abs() < 0.2, "{axis:?}");
        assert!(fit(&[0.0], false).ticks.len() >= 3);
        assert_eq!(Axis::fit([f64::NAN, f64::INFINITY].into_iter(), false, 5), None);
        assert_eq!(Axis::fit([0.0, -1.0].into_iter(), true, 5), None);
        assert!(fit(&[0.001], true).ticks.len() >= 2);
    }

    #[test]
    fn logarithmic_ticks() {
        assert_eq!(labels(&fit(&[0.06, 1.5], true)), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(
            labels(&fit(&[1e-5, 0.2], true)),
            ["1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]
        );
        let axis = fit(&[0.01, 1.0], true);
        assert!((axis.place(0.1).unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.place(-1.0), None);
        assert!(fit(&[1e-30, 1e30], true).ticks.len() < 20);
    }

    #[test]
    fn extreme_ranges_stay_small() {
        for values in [[0.0, f64::MAX], [-f64::MAX / 4.0, f64::MAX / 4.0], [1e-300, 2e-300]] {
            let axis = fit(&values, false);
            assert!((2..20).contains(&axis.ticks.len()), "{values:?} {axis:?}");
        }
    }

    #[test]
    fn significant_digits() {
        assert_eq!(format_significant(0.812345, 3), "0.812");
        assert_eq!(format_significant(12.0, 3), "12");
        assert_eq!(format_significant(1200.0, 3), "1200");
        assert_eq!(format_significant(0.00001234, 3), "1.23e-5");
        assert_eq!(format_significant(-0.5, 3), "\u{2212}0.5");
    }
}
