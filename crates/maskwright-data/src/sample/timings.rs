//! What the stages of a sample take.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Time spent per stage, by the maker's [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Reading files.
    pub read: Duration,
    /// Reading both files' headers and comparing their sizes.
    pub header: Duration,
    /// Decoding masks; of annotated objects, finding and parsing them.
    pub mask: Duration,
    /// Sampling labels, also of crops that showed nothing.
    pub label: Duration,
    /// Decoding and sampling images: one stage, because rows are sampled as they are decoded.
    pub image: Duration,
    /// Drawing prompts.
    pub prompt: Duration,
}

impl Timings {
    /// The time of all stages.
    pub fn total(&self) -> Duration {
        self.read + self.header + self.mask + self.label + self.image + self.prompt
    }

    /// The time since `earlier`, which was taken of the same sum.
    pub(crate) fn since(self, earlier: Timings) -> Timings {
        Timings {
            read: self.read.saturating_sub(earlier.read),
            header: self.header.saturating_sub(earlier.header),
            mask: self.mask.saturating_sub(earlier.mask),
            label: self.label.saturating_sub(earlier.label),
            image: self.image.saturating_sub(earlier.image),
            prompt: self.prompt.saturating_sub(earlier.prompt),
        }
    }

    pub(crate) fn add(&mut self, other: Timings) {
        self.read += other.read;
        self.header += other.header;
        self.mask += other.mask;
        self.label += other.label;
        self.image += other.image;
        self.prompt += other.prompt;
    }
}

/// What [`Timings`] are taken by: a time that only grows. Wall time unless
/// [`SampleMaker::with_clock`](super::SampleMaker::with_clock) says otherwise; a benchmark on a busy machine counts the thread's own
/// CPU time.
pub type Clock = fn() -> Duration;

/// Wall time since the first call.
pub(super) fn wall() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Takes the time of the stages.
#[derive(Debug)]
pub(super) struct Stopwatch {
    pub(super) clock: Clock,
    pub(super) timings: Timings,
}

impl Stopwatch {
    /// Does some work, which counts towards a stage.
    pub(super) fn time<T>(
        &mut self,
        stage: fn(&mut Timings) -> &mut Duration,
        work: impl FnOnce() -> T,
    ) -> T {
        let start = (self.clock)();
        let done = work();
        *stage(&mut self.timings) += (self.clock)() - start;
        done
    }
}
