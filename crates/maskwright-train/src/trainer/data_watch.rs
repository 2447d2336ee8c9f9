//! Tells once a minute, and at the end, whether training waits for its data.

use std::time::{Duration, Instant};

use maskwright_data::loader::{Loader, LoaderStats, WarningCount};

use super::state::Position;
use crate::run_log::{LoaderEntry, LoaderStages, WarnedRecords};

/// Time between two tellings.
const INTERVAL: Duration = Duration::from_secs(60);

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct DataWatch {
    /// When; or when it was first asked.
    told: Option<Instant>,
    /// What the loader had done by then.
    stats: LoaderStats,
}

impl DataWatch {
    /// What the loader did since the last telling, if that was a minute ago.
    pub(super) fn minute(&mut self, loader: &Loader, progress: &Position) -> Option<LoaderEntry> {
        let told = *self.told.get_or_insert_with(Instant::now);
        if told.elapsed() < INTERVAL {
            return None;
        }
        let stats = loader.stats().since(&self.stats);
        self.told = Some(Instant::now());
        self.stats = loader.stats().clone();
        Some(entry(&stats, progress, false))
    }

    /// What the loader did since the run was started or resumed, if anything.
    pub(super) fn whole(&mut self, loader: &Loader, progress: &Position) -> Option<LoaderEntry> {
        (loader.stats().batches > 0).then(|| entry(loader.stats(), progress, true))
    }
}

fn warned(count: &WarningCount) -> WarnedRecords {
    WarnedRecords {
        kind: count.kind.into(),
        samples: count.samples,
        first: count.first.iter().map(|record| format!("{}/{}", record.set, record.name)).collect(),
    }
}

fn entry(stats: &LoaderStats, progress: &Position, whole_run: bool) -> LoaderEntry {
    let ms = |time: Duration| 1000.0 * time.as_secs_f64() / stats.samples.max(1) as f64;
    let times = &stats.timings;
    LoaderEntry {
        whole_run,
        epoch: progress.epoch,
        global_step: progress.global_step,
        samples: stats.samples,
        images_per_second: stats.images_per_second(),
        bytes: stats.bytes,
        waiting_share: stats.waiting_share(),
        queue_fill: stats.queue_fill(),
        workers: stats.workers,
        ms_per_sample: LoaderStages {
            read: ms(times.read),
            header: ms(times.header),
            decode_mask: ms(times.mask),
            label: ms(times.label),
            decode_and_sample: ms(times.image),
            prompts: ms(times.prompt),
        },
        redraws: stats.redraws,
        refused: stats.refused,
        warned: stats.warned,
        warnings: stats.warnings.iter().map(warned).collect(),
        verdict: stats.verdict(),
    }
}
