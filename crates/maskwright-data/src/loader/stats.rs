//! What a loader did, and whether it keeps up.

use std::time::Duration;

use super::warned::{self, WarningCount};
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
    /// Samples in them: images, each with one or several objects.
    pub samples: u64,
    /// Objects in them.
    pub objects: u64,
    /// Objects that were drawn for an image but not shown by the view on it.
    pub not_in_view: u64,
    /// Crops that were drawn again because they showed no object.
    pub redraws: u64,
    /// Samples that show the whole image because no crop showed the object.
    pub whole_images: u64,
    /// Samples that show the object at the image's own resolution because it vanishes in the whole
    /// image.
    pub own_resolution: u64,
    /// Objects with fewer pixels than a point prompt has points, which drew another kind.
    pub other_kinds: u64,
    /// Objects per kind of prompt, in the order of [`PromptKind::ALL`].
    pub kinds: [u64; 3],
    /// Images turned upright by their EXIF orientation.
    pub turned: u64,
    /// Samples with a warning about their image or mask.
    pub warned: u64,
    /// The same by kind of warning, in the order in which the kinds were met, with the first records of each.
    pub warnings: Vec<WarningCount>,
    /// Different records refused, those included that the ledger's file held.
    pub refused: u64,
    /// Bytes of the files that were read.
    pub bytes: u64,
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
    /// Sum, over all calls of [`next`](Iterator::next) but first ones, of the batches that were ready.
    pub ready: u64,
    /// The same sum of the batches that could have been ready: as many as are made ahead, fewer near the end of
    /// an epoch.
    pub ahead: u64,
}

impl LoaderStats {
    pub(super) fn count(&mut self, batch: &TrainBatch) {
        self.batches += 1;
        self.samples += batch.views.len() as u64;
        self.objects += batch.objects.len() as u64;
        for view in &batch.views {
            self.redraws += u64::from(view.redraws);
            self.not_in_view += u64::from(view.not_in_view);
            self.whole_images += u64::from(view.framing == Framing::WholeImage);
            self.own_resolution += u64::from(view.framing == Framing::Object);
            self.turned += u64::from(view.turned);
            self.warned += u64::from(!view.warnings.is_empty());
            warned::count(&mut self.warnings, view);
        }
        for (object, prompt) in batch.objects.iter().zip(&batch.prompts) {
            self.other_kinds += u64::from(object.other_kind);
            for (count, kind) in self.kinds.iter_mut().zip(PromptKind::ALL) {
                *count += u64::from(prompt.kind == kind);
            }
        }
    }

    /// What happened since `earlier`, an earlier state of these statistics. Workers and refused records are
    /// those of now, and so are the records that are named with warnings.
    pub fn since(&self, earlier: &LoaderStats) -> LoaderStats {
        let mut kinds = self.kinds;
        for (count, earlier) in kinds.iter_mut().zip(earlier.kinds) {
            *count -= earlier;
        }
        LoaderStats {
            batches: self.batches - earlier.batches,
            samples: self.samples - earlier.samples,
            redraws: self.redraws - earlier.redraws,
            whole_images: self.whole_images - earlier.whole_images,
            objects: self.objects - earlier.objects,
            not_in_view: self.not_in_view - earlier.not_in_view,
            own_resolution: self.own_resolution - earlier.own_resolution,
            other_kinds: self.other_kinds - earlier.other_kinds,
            kinds,
            turned: self.turned - earlier.turned,
            warned: self.warned - earlier.warned,
            warnings: warned::since(&self.warnings, &earlier.warnings),
            refused: self.refused,
            bytes: self.bytes - earlier.bytes,
            timings: self.timings.since(earlier.timings),
            workers: self.workers,
            waited: self.waited - earlier.waited,
            started: self.started - earlier.started,
            consumed: self.consumed - earlier.consumed,
            ready: self.ready - earlier.ready,
            ahead: self.ahead - earlier.ahead,
        }
    }

    /// Share of the time between the first and the last delivery that the consumer waited, first
    /// batches aside.
    pub fn waiting_share(&self) -> f64 {
        let waited = self.waited.saturating_sub(self.started).as_secs_f64();
        let total = waited + self.consumed.as_secs_f64();
        if total > 0.0 { waited / total } else { 0.0 }
    }

    /// How full the queue was: the mean share of the batches made ahead that were ready when one was asked for,
    /// 0 to 1; 0 if none was.
    pub fn queue_fill(&self) -> f64 {
        if self.ahead > 0 { self.ready as f64 / self.ahead as f64 } else { 0.0 }
    }

    /// Samples delivered per second of waiting and of the consumer's work.
    pub fn images_per_second(&self) -> f64 {
        let total = (self.waited + self.consumed).as_secs_f64();
        if total > 0.0 { self.samples as f64 / total } else { 0.0 }
    }

    /// Working time per sample of one worker, all stages.
    pub fn time_per_sample(&self) -> Duration {
        self.timings.total() / u32::try_from(self.samples.max(1)).unwrap_or(u32::MAX)
    }

    /// Whether data come fast enough: what is waited is the price of handing batches over.
    pub fn keeps_up(&self) -> bool {
        self.waiting_share() < KEEPS_UP
    }

    /// One plain sentence: how long the model waited for batches, and what to do about it where that was long.
    pub fn verdict(&self) -> String {
        if self.batches == 0 {
            return "no batch was delivered".into();
        }
        if self.waited == self.started && self.consumed.is_zero() {
            return "too few batches were delivered to tell whether data keeps up".into();
        }
        let waited =
            format!("the model waited for data {:.0}% of the time", 100.0 * self.waiting_share());
        if self.keeps_up() {
            return format!("{waited}: data come fast enough");
        }
        let t = &self.timings;
        let stages = [
            ("reading files", "reading", t.read + t.header),
            ("decoding masks", "decoding", t.mask),
            ("sampling labels", "sampling", t.label),
            ("decoding and sampling images", "decoding", t.image),
            ("drawing prompts", "drawing prompts", t.prompt),
        ];
        let (stage, bottleneck, time) = stages
            .into_iter()
            .max_by_key(|(_, _, time)| *time)
            .unwrap_or(("making samples", "decoding", t.total()));
        let part = 100.0 * time.as_secs_f64() / t.total().as_secs_f64().max(f64::MIN_POSITIVE);
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let advice = if bottleneck == "reading" {
            "faster storage or more workers would help"
        } else if self.workers < cores {
            "more workers would help"
        } else {
            "all cores are in use: smaller images on disk would help"
        };
        let threads = match self.workers {
            1 => "1 worker".to_string(),
            several => format!("{several} workers"),
        };
        format!(
            "{waited}: {bottleneck} takes longest ({threads}, {:.1} ms per sample, {part:.0}% of it {stage}); {advice}",
            1000.0 * self.time_per_sample().as_secs_f64()
        )
    }
}

/// Below this share of waiting, data keep up.
const KEEPS_UP: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_who_waits() {
        let ms = Duration::from_millis;
        assert_eq!(LoaderStats::default().verdict(), "no batch was delivered");
        let mut stats =
            LoaderStats { batches: 10, samples: 40, workers: 1, ..LoaderStats::default() };
        stats.waited = ms(500);
        stats.started = ms(500);
        assert!(stats.verdict().starts_with("too few batches"), "{}", stats.verdict());
        stats.waited = ms(530);
        stats.consumed = ms(970);
        assert_eq!(
            stats.verdict(),
            "the model waited for data 3% of the time: data come fast enough"
        );
        assert!((stats.images_per_second() - 40.0 / 1.5).abs() < 1e-9);
        stats.waited = ms(1500);
        stats.consumed = ms(1440);
        stats.timings.image = ms(300);
        stats.timings.read = ms(100);
        let verdict = stats.verdict();
        let words = "the model waited for data 41% of the time: decoding takes longest (1 worker, 10.0 ms per sample, 75% of it decoding and sampling images); ";
        assert!(verdict.starts_with(words) && verdict.ends_with("would help"), "{verdict}");
        stats.timings.read = ms(400);
        let verdict = stats.verdict();
        assert!(verdict.contains("reading takes longest"), "{verdict}");
        assert!(verdict.contains("57% of it reading files"), "{verdict}");
    }

    #[test]
    fn a_part_of_a_run_has_statistics_of_its_own() {
        let ms = Duration::from_millis;
        let earlier = LoaderStats {
            batches: 2,
            samples: 8,
            bytes: 100,
            waited: ms(50),
            started: ms(40),
            consumed: ms(10),
            ready: 1,
            ahead: 4,
            kinds: [4, 4, 0],
            ..LoaderStats::default()
        };
        let mut now = earlier.clone();
        (now.batches, now.samples, now.bytes) = (5, 20, 400);
        (now.waited, now.consumed) = (ms(60), ms(100));
        (now.ready, now.ahead, now.refused) = (7, 12, 3);
        now.kinds = [8, 8, 4];
        now.timings.image = ms(90);
        let part = now.since(&earlier);
        assert_eq!((part.batches, part.samples, part.bytes, part.refused), (3, 12, 300, 3));
        assert_eq!((part.kinds, part.timings.image), ([4, 4, 4], ms(90)));
        assert!((part.waiting_share() - 0.1).abs() < 1e-9);
        assert!((part.queue_fill() - 0.75).abs() < 1e-9);
        assert_eq!(LoaderStats::default().queue_fill(), 0.0);
    }
}
