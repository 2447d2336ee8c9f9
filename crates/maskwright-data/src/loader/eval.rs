//! The loader of evaluation samples.

use std::sync::Arc;
use std::time::Duration;

use super::train::threads;
use crate::error::{Error, Result};
use crate::ordered::{Ordered, Task, Waited};
use crate::sample::{EvalSample, Preset, SampleConfig, SampleMaker};
use crate::source::Source;

/// How evaluation samples are made.
#[derive(Debug, Clone)]
pub struct EvalLoaderConfig {
    /// How images are fitted into the input.
    pub preset: Preset,
    /// The number of threads that make samples.
    pub workers: usize,
    /// The number of samples that are made in advance, including those in progress.
    pub prefetch: usize,
    /// The number of this process, from 0, if several share the set.
    pub rank: usize,
    /// The number of processes that share the set. Rank r of w takes the records r, r + w, r + 2w..., so
    /// that every record comes once.
    pub world_size: usize,
    /// How samples are made. Of it the size, the padding, the limits and whether damaged files are refused
    /// ([`strict`](crate::plan::PlanConfig::strict)) matter here.
    pub sample: SampleConfig,
}

impl Default for EvalLoaderConfig {
    /// HQ-SAM's evaluation: squashed to 1024 x 1024; one worker per core.
    fn default() -> EvalLoaderConfig {
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        EvalLoaderConfig {
            preset: Preset::default(),
            workers,
            prefetch: workers + 2,
            rank: 0,
            world_size: 1,
            sample: SampleConfig::default(),
        }
    }
}

/// An iterator over the samples of a set, in the order of its records. A record that cannot be used
/// gives an error in its place, and the iterator continues with the next one.
pub struct EvalLoader {
    ordered: Ordered<Result<EvalSample>>,
    len: u64,
}

impl std::fmt::Debug for EvalLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvalLoader").field("len", &self.len).finish_non_exhaustive()
    }
}

impl EvalLoader {
    /// Makes a loader and starts its threads with the first record.
    pub fn new(source: Arc<dyn Source>, config: EvalLoaderConfig) -> Result<EvalLoader> {
        if config.world_size == 0 || config.rank >= config.world_size {
            return Err(Error::Setting {
                key: "eval.rank".into(),
                expected: "a rank below the world size".into(),
                found: format!("{} of {}", config.rank, config.world_size),
            });
        }
        let prefetch = config.prefetch.max(1);
        let workers = config.workers.clamp(1, prefetch);
        let makers = (0..workers)
            .map(|_| SampleMaker::new(config.sample.clone()))
            .collect::<Result<Vec<_>>>()?;
        let len = source.len().saturating_sub(config.rank).div_ceil(config.world_size) as u64;
        let job = move |maker: &mut SampleMaker, task: Task| {
            let index = task.index as usize * config.world_size + config.rank;
            maker.eval(&*source, index, config.preset)
        };
        let mut ordered = Ordered::new(makers, prefetch, "eval", job).map_err(threads)?;
        ordered.restart(0, 0, len);
        Ok(EvalLoader { ordered, len })
    }

    /// Waits for the next sample, no longer than `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Waited<Result<EvalSample>> {
        self.ordered.next_within(limit)
    }
}

impl Iterator for EvalLoader {
    type Item = Result<EvalSample>;

    fn next(&mut self) -> Option<Result<EvalSample>> {
        self.ordered.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.len - self.ordered.position()) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for EvalLoader {}
