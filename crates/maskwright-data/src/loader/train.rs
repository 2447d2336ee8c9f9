//! The loader of training batches.

use std::sync::Arc;
use std::time::Instant;

use super::build::{Builder, Built, Failure, Spare};
use super::config::{LoaderConfig, LoaderState, OnRefusal};
use super::ledger::{Ledger, LedgerEntry};
use super::ordered::Ordered;
use super::stats::LoaderStats;
use crate::batch::TrainBatch;
use crate::error::{Error, Result};
use crate::sample::SampleMaker;
use crate::source::Mix;

/// An iterator over the batches of an epoch; see the [module](super).
///
/// It begins with epoch 0 and ends after one epoch; [`start_epoch`](Loader::start_epoch) begins
/// another. After an error it goes on with the next batch.
pub struct Loader {
    ordered: Ordered<Built>,
    builder: Arc<Builder>,
    batches: u64,
    epoch: u64,
    ledger: Ledger,
    stats: LoaderStats,
    /// When the last batch was delivered, if one was since the last start.
    delivered: Option<Instant>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("state", &self.state())
            .field("batches", &self.batches)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// Starts the workers on epoch 0.
    ///
    /// # Errors
    ///
    /// Settings that make no sense, fewer records than a batch needs, a ledger that cannot be
    /// written, threads that cannot be started.
    pub fn new(mix: Mix, config: LoaderConfig) -> Result<Loader> {
        config.validate()?;
        let batches = config.batches(mix.len())?;
        let ledger = Ledger::open(config.ledger.as_deref())?;
        let workers = config.workers.min(config.prefetch);
        let makers = (0..workers)
            .map(|_| SampleMaker::new(config.sample.clone()))
            .collect::<Result<Vec<_>>>()?;
        let ahead = config.prefetch;
        let builder = Arc::new(Builder { mix, config, spare: Spare::default() });
        let job = builder.clone();
        let mut ordered =
            Ordered::new(makers, ahead, "loader", move |maker, task| job.build(maker, task))
                .map_err(threads)?;
        ordered.restart(0, 0, batches);
        Ok(Loader {
            ordered,
            builder,
            batches,
            epoch: 0,
            ledger,
            stats: LoaderStats { workers, ..LoaderStats::default() },
            delivered: None,
        })
    }

    /// How many batches this rank has in each epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        self.batches
    }

    /// The epoch under way, from 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Goes to the first batch of an epoch. Costs nothing where that is the next batch anyway.
    pub fn start_epoch(&mut self, epoch: u64) {
        self.seek(epoch, 0);
    }

    /// Where the loader stands: which batch comes next. At the end of an epoch, the batch after its
    /// last.
    pub fn state(&self) -> LoaderState {
        let config = &self.builder.config;
        LoaderState {
            epoch: self.epoch,
            batch: self.ordered.position(),
            seed: config.seed,
            records: self.builder.mix.len() as u64,
            batch_size: config.batch_size as u64,
            world_size: config.world_size as u64,
        }
    }

    /// Goes to where another loader stood.
    ///
    /// # Errors
    ///
    /// A state from a loader with another seed, number of records, batch size or world size, after
    /// which other batches would follow.
    pub fn restore(&mut self, state: LoaderState) -> Result<()> {
        let here = LoaderState { epoch: state.epoch, batch: state.batch, ..self.state() };
        let parts = [
            ("seed", here.seed, state.seed),
            ("number of records", here.records, state.records),
            ("batch size", here.batch_size, state.batch_size),
            ("world size", here.world_size, state.world_size),
        ];
        for (name, here, there) in parts {
            if here != there {
                return Err(Error::Setting {
                    key: format!("{name} of the loader's state"),
                    expected: here.to_string(),
                    found: there.to_string(),
                });
            }
        }
        if state.batch > self.batches {
            return Err(Error::Setting {
                key: "batch of the loader's state".into(),
                expected: format!("at most {}", self.batches),
                found: state.batch.to_string(),
            });
        }
        self.seek(state.epoch, state.batch);
        Ok(())
    }

    fn seek(&mut self, epoch: u64, batch: u64) {
        if (epoch, batch) != (self.epoch, self.ordered.position()) {
            self.ordered.restart(epoch, batch, self.batches);
            self.epoch = epoch;
        }
        self.delivered = None;
    }

    /// Gives the memory of a used batch back, so that a later one need not ask the system for it.
    pub fn recycle(&self, batch: TrainBatch) {
        self.builder.spare.put(batch.images, batch.labels);
    }

    /// Counts and times so far.
    pub fn stats(&self) -> &LoaderStats {
        &self.stats
    }

    /// The refused records so far, in the order of the batches.
    pub fn ledger(&self) -> &[LedgerEntry] {
        self.ledger.entries()
    }

    /// The records.
    pub fn mix(&self) -> &Mix {
        &self.builder.mix
    }

    /// The settings.
    pub fn config(&self) -> &LoaderConfig {
        &self.builder.config
    }

    /// Books what a worker made, in the order of the batches, so that budget and ledger do not
    /// depend on threads.
    fn book(&mut self, mut built: Built, batch: u64) -> Result<TrainBatch> {
        self.stats.timings.add(built.timings);
        for refusal in &built.refusals {
            self.ledger.add(&self.builder.mix, self.epoch, batch, refusal)?;
        }
        self.stats.refused = self.ledger.records() as u64;
        if let OnRefusal::Replace { budget } = self.builder.config.on_refusal {
            let records = self.builder.mix.len();
            let budget = ((records as f64 * budget) as usize).max(1);
            if self.ledger.records() > budget
                && let Some(last) = built.refusals.pop()
            {
                return Err(Error::BudgetExceeded {
                    refused: self.ledger.records(),
                    budget,
                    records,
                    last: Box::new(last.error),
                });
            }
        }
        match (built.batch, built.refusals.pop()) {
            (Ok(batch), _) => {
                self.stats.count(&batch);
                Ok(batch)
            }
            (Err(Failure::Refused), Some(last)) => Err(last.error),
            (Err(Failure::Other(error)), _) => Err(error),
            (Err(Failure::Refused), None) => unreachable!("a refused batch has a refusal"),
        }
    }
}

impl Iterator for Loader {
    type Item = Result<TrainBatch>;

    fn next(&mut self) -> Option<Result<TrainBatch>> {
        let asked = Instant::now();
        let batch = self.ordered.position();
        let built = self.ordered.next()?;
        let now = Instant::now();
        self.stats.waited += now - asked;
        match self.delivered {
            Some(last) => self.stats.consumed += asked - last,
            None => self.stats.started += now - asked,
        }
        let booked = self.book(built, batch);
        self.delivered = Some(Instant::now());
        Some(booked)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.batches - self.ordered.position()) as usize;
        (left, Some(left))
    }
}

/// The system's refusal of a thread.
pub(super) fn threads(source: std::io::Error) -> Error {
    Error::Setting {
        key: "loader.workers".into(),
        expected: "as many threads as the system gives".into(),
        found: source.to_string(),
    }
}
