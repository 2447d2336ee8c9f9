//! `maskwright train --dry-run`: what a run will take.

use maskwright_train::TrainConfig;
use maskwright_train::trainer::{Forecast, forecast};

use crate::numbers::{duration, thousands};
use crate::progress::Progress;
use crate::{interrupt, output};

/// Measures a few steps and tells what the run will take.
pub(super) fn run(config: &TrainConfig, json: bool) -> anyhow::Result<()> {
    let mut progress = Progress::new(json, interrupt::on_ctrl_c());
    let forecast = forecast(config, &mut progress)?;
    progress.finish();
    if json {
        return output::json(&forecast, progress.warnings());
    }
    output::lines(lines(&forecast))
}

/// Seconds from which on a run is told to be long.
const LONG: f64 = 600.0;
/// The smallest input that is proposed.
const LEAST: usize = 256;

/// The forecast in words.
pub(crate) fn lines(forecast: &Forecast) -> Vec<String> {
    let mut lines = vec![
        format!(
            "learns:      {} of {} parameters",
            thousands(forecast.trainable_parameters),
            thousands(forecast.parameters)
        ),
        format!(
            "steps:       {} an epoch of {} samples, {} {}",
            forecast.steps_per_epoch,
            forecast.records,
            forecast.epochs,
            if forecast.epochs == 1 { "epoch" } else { "epochs" }
        ),
        format!("input:       {0} x {0} pixels", forecast.input_size),
    ];
    if let Some(bytes) = forecast.peak_memory {
        lines.push(format!(
            "memory:      {} MB, the most that the steps that were tried took",
            thousands((bytes >> 20) as usize)
        ));
    }
    if let Some(cache) = &forecast.cache {
        lines.push(format!(
            "cache:       {} views, {:.1} MB, made in {} unless it is there",
            cache.views,
            cache.bytes as f64 / 1e6,
            duration(cache.seconds)
        ));
    }
    lines.push(format!("a step:      {:.2} s", forecast.seconds_per_step));
    lines.push(format!("an epoch:    {}", duration(forecast.seconds_per_epoch)));
    if forecast.seconds_per_validation > 0.0 {
        lines.push(format!("validation:  {}", duration(forecast.seconds_per_validation)));
    }
    lines.push(format!("the run:     {}", duration(forecast.seconds)));
    let side = forecast.input_size;
    let faster = side / 2 / 16 * 16;
    if forecast.seconds > LONG && faster >= LEAST {
        lines.push(format!(
            "faster:      --input-size {faster} in place of {side}: about a fifth of the time; thin parts and fine edges are \
             what it costs"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use maskwright_train::trainer::CacheForecast;

    use super::*;

    #[test]
    fn a_forecast_is_read_line_by_line() {
        let forecast = Forecast {
            input_size: 1024,
            trainable_parameters: 1_100_000,
            parameters: 94_000_000,
            records: 40,
            steps_per_epoch: 10,
            epochs: 12,
            seconds_per_step: 1.254,
            seconds_per_epoch: 12.54,
            seconds_per_validation: 30.0,
            peak_memory: Some(1_500 << 20),
            cache: Some(CacheForecast { views: 80, bytes: 671_088_640, seconds: 440.0 }),
            seconds: 950.0,
        };
        insta::assert_snapshot!(lines(&forecast).join("\n"), @"
            learns:      1,100,000 of 94,000,000 parameters
            steps:       10 an epoch of 40 samples, 12 epochs
            input:       1024 x 1024 pixels
            memory:      1,500 MB, the most that the steps that were tried took
            cache:       80 views, 671.1 MB, made in 7 min 20 s unless it is there
            a step:      1.25 s
            an epoch:    13 s
            validation:  30 s
            the run:     15 min 50 s
            faster:      --input-size 512 in place of 1024: about a fifth of the time; thin parts and fine edges are what it costs
            ");
    }
}
