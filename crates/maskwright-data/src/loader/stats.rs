//! What a loader did, and whether it keeps up.

use std::time::Duration;

use crate::batch::TrainBatch;
use crate::plan::Framing;
use crate::prompt::PromptKind;
use crate::sample::Timings;

/// Counts and times since a loader was made. Batches that were made ahead but not delivered do not
/// count.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoaderStats {
    /// Batches delivered.
    pub batches: u64,
    /// Samples in them.
    pub samples: u64,
    /// Crops that were drawn again because they showed no object.
    pub redraws: u64,
    /// Samples that show the whole image because no crop showed the object.
    pub whole_images: u64,
    /// Samples that show the object at the image's own resolution because it vanishes in the whole
    /// image.
    pub objects: u64,
    /// Samples whose object had fewer pixels than a point prompt has points, and that drew another
    /// kind.
    pub other_kinds: u64,
    /// Samples per kind of prompt, in the order of [`PromptKind::ALL`].
    pub kinds: [u64; 3],
    /// Images turned upright by their EXIF orientation.
    pub turned: u64,
    /// Samples with a warning about their image or mask.
    pub warned: u64,
    /// Different records refused.
    pub refused: u64,
    /// Working time of all workers, per stage.
    pub timings: Timings,
    /// Number of workers.
    pub workers: usize,
    /// How long [`next`](Iterator::next) waited for a batch.
    pub waited: Duration,
    /// Of that, the waits for the first batch of an epoch or after a restore, which nothing can
    /// hide.
    pub started: Duration,
    /// Time between deliveries, which the consumer spent on its own work.
    pub consumed: Duration,
}

impl LoaderStats {
    pub(super) fn count(&mut self, batch: &TrainBatch) {
        self.batches += 1;
        self.samples += batch.samples.len() as u64;
        for (sample, prompt) in batch.samples.iter().zip(&batch.prompts) {
            self.redraws += u64::from(sample.redraws);
            self.whole_images += u64::from(sample.framing == Framing::WholeImage);
            self.objects += u64::from(sample.framing == Framing::Object);
            self.other_kinds += u64::from(sample.other_kind);
            self.turned += u64::from(sample.turned);
            self.warned += u64::from(!sample.warnings.is_empty());
            for (count, kind) in self.kinds.iter_mut().zip(PromptKind::ALL) {
                *count += u64::from(prompt.kind == kind);
            }
        }
    }

    /// Share of the time between the first and the last delivery that the consumer waited, first
    /// batches aside.
    pub fn waiting_share(&self) -> f64 {
        let waited = self.waited.saturating_sub(self.started).as_secs_f64();
        let total = waited + self.consumed.as_secs_f64();
        if total > 0.0 { waited / total } else { 0.0 }
    }

    /// Working time per sample of one worker, all stages.
    pub fn time_per_sample(&self) -> Duration {
        self.timings.total() / u32::try_from(self.samples.max(1)).unwrap_or(u32::MAX)
    }

    /// One plain sentence: whether training waits for data, and what to do about it.
    pub fn verdict(&self) -> String {
        if self.batches == 0 {
            return "No batch was delivered.".into();
        }
        if self.waited == self.started && self.consumed.is_zero() {
            return "Too few batches were delivered to tell whether data keeps up.".into();
        }
        let share = 100.0 * self.waiting_share();
        let threads = match self.workers {
            1 => "1 worker".to_string(),
            several => format!("{several} workers"),
        };
        if share < 5.0 {
            return format!(
                "Data keeps up: training waited {share:.1}% of its time for batches from {threads}."
            );
        }
        let t = &self.timings;
        let stages = [
            ("reading files", t.read),
            ("reading headers", t.header),
            ("decoding masks", t.mask),
            ("sampling labels", t.label),
            ("decoding and sampling images", t.image),
            ("drawing prompts", t.prompt),
        ];
        let (stage, time) = stages
            .into_iter()
            .max_by_key(|(_, time)| *time)
            .unwrap_or(("making samples", t.total()));
        let part = 100.0 * time.as_secs_f64() / t.total().as_secs_f64().max(f64::MIN_POSITIVE);
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let advice = if stage == "reading files" {
            "faster storage or more workers would help"
        } else if self.workers < cores {
            "more workers would help"
        } else {
            "all cores are in use: smaller images on disk would help"
        };
        format!(
            "Training waits for data: {share:.0}% of its time with {threads}, {:.1} ms per sample, {part:.0}% of it for {stage}; {advice}.",
            1000.0 * self.time_per_sample().as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_who_waits() {
        let ms = Duration::from_millis;
        assert_eq!(LoaderStats::default().verdict(), "No batch was delivered.");
        let mut stats =
            LoaderStats { batches: 10, samples: 40, workers: 1, ..LoaderStats::default() };
        stats.waited = ms(500);
        stats.started = ms(500);
        assert!(stats.verdict().starts_with("Too few batches"), "{}", stats.verdict());
        stats.waited = ms(520);
        stats.consumed = ms(980);
        assert!(
            stats.verdict().starts_with("Data keeps up: training waited 2.0%"),
            "{}",
            stats.verdict()
        );
        stats.waited = ms(1520);
        stats.timings.image = ms(300);
        stats.timings.read = ms(100);
        let verdict = stats.verdict();
        assert!(verdict.contains("51% of its time with 1 worker, 10.0 ms per sample"), "{verdict}");
        assert!(verdict.contains("75% of it for decoding and sampling images"), "{verdict}");
    }
}
