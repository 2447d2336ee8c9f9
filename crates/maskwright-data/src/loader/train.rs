//! The loader of training batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::build::{Builder, Built, Failure};
use super::config::{LastBatch, LoaderConfig, LoaderState, OnRefusal};
use super::ledger::{Ledger, LedgerEntry};
use super::spare::{Recycler, Spare};
use super::stats::LoaderStats;
use crate::batch::TrainBatch;
use crate::error::{Error, Result};
use crate::ordered::{Ordered, Waited};
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
    /// The place in the epoch's order that batches are counted from: 0, or where a restored loader began.
    start: u64,
    /// How many batches there are from there.
    count: u64,
    ledger: Ledger,
    stats: LoaderStats,
    /// When the last batch was delivered, if one was since the last start.
    delivered: Option<Instant>,
    /// Whether the next batch was asked for and is not there yet.
    asking: bool,
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
    /// Makes a loader of these sets and starts its threads with epoch 0.
    ///
    /// # Errors
    ///
    /// Settings that make no sense, no record at all, a ledger that cannot be written or continued, threads
    /// that cannot be started.
    pub fn new(mix: Mix, mut config: LoaderConfig) -> Result<Loader> {
        config.validate()?;
        // Their only batch is not left out.
        if (mix.len() as u64) < config.round() {
            config.last_batch = LastBatch::Keep;
        }
        let batches = config.batches_per_epoch(mix.len() as u64)?;
        let ledger = Ledger::open(config.ledger.as_deref(), &mix)?;
        let ahead = config.ahead();
        let workers = config.workers.min(ahead);
        let makers = (0..workers)
            .map(|_| SampleMaker::new(config.sample.clone()))
            .collect::<Result<Vec<_>>>()?;
        let builder = Arc::new(Builder { mix, config, spare: Arc::new(Spare::ahead(ahead)) });
        let job = builder.clone();
        let mut ordered =
            Ordered::new(makers, ahead, "loader", move |maker, task| job.build(maker, task))
                .map_err(threads)?;
        ordered.restart(0, 0, batches);
        let refused = ledger.records() as u64;
        Ok(Loader {
            ordered,
            builder,
            batches,
            epoch: 0,
            start: 0,
            count: batches,
            ledger,
            stats: LoaderStats { workers, refused, ..LoaderStats::default() },
            delivered: None,
            asking: false,
        })
    }

    /// Returns the number of batches that this rank has in each whole epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        self.batches
    }

    /// Returns the number of batches that this rank still has in the current epoch.
    pub fn batches_left(&self) -> u64 {
        self.count - self.ordered.position()
    }

    /// Returns how many of the next batches are ready, and how many could be ready: as many as are made
    /// in advance, but fewer near the end of an epoch.
    pub fn queue(&self) -> (u64, u64) {
        self.ordered.ready()
    }

    /// Returns the current epoch, from 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Continues with the first batch of an epoch. This costs nothing if that is the next batch anyway.
    pub fn start_epoch(&mut self, epoch: u64) {
        self.seek(epoch, 0);
    }

    /// Returns the position of the loader, from which the next batch follows. All ranks that delivered
    /// the same number of batches have the same state.
    pub fn state(&self) -> LoaderState {
        let records = self.builder.mix.len() as u64;
        let position = match self.ordered.position() {
            // What is left over does not fill a batch, or is part of the last one.
            done if done == self.count => records,
            done => self.start + done * self.builder.config.round(),
        };
        LoaderState { epoch: self.epoch, position, seed: self.builder.config.seed, records }
    }

    /// Continues from the state of another loader, or of several loaders that were its ranks, with
    /// exactly the samples that they had not delivered yet. The numbers of workers, ranks and batches
    /// made in advance and the batch size may differ from theirs. The rest of the epoch is divided in
    /// the same way as a whole epoch: with [`LastBatch::Drop`](super::LastBatch::Drop), every rank gets
    /// the same number of full batches.
    ///
    /// # Errors
    ///
    /// [`Error::OtherState`]: a state from a loader with another seed or other records, after which other samples
    /// would follow. [`Error::StatePosition`]: one that no loader saved.
    pub fn restore(&mut self, state: LoaderState) -> Result<()> {
        let here = self.state();
        let parts =
            [("seed", here.seed, state.seed), ("number of records", here.records, state.records)];
        for (what, expected, found) in parts {
            if expected != found {
                return Err(Error::OtherState { what, expected, found });
            }
        }
        if state.position > here.records {
            return Err(Error::StatePosition { most: here.records, found: state.position });
        }
        self.seek(state.epoch, state.position);
        Ok(())
    }

    fn seek(&mut self, epoch: u64, position: u64) {
        let state = self.state();
        if (epoch, position) != (state.epoch, state.position) {
            let builder = &self.builder;
            (self.epoch, self.start) = (epoch, position);
            self.count = builder.config.batches(state.records - position);
            self.ordered.restart(epoch, position, self.count);
        }
        self.delivered = None;
        self.asking = false;
    }

    /// Takes the memory of a used batch for a later one, which saves allocating it again.
    pub fn recycle(&self, batch: TrainBatch) {
        self.builder.spare.put_images(batch.images);
        self.builder.spare.put_labels(batch.labels);
    }

    /// What takes the memory of used batches where they are not whole any more, or the loader is elsewhere.
    pub fn recycler(&self) -> Recycler {
        Recycler::of(&self.builder.spare)
    }

    /// Returns the counts and times so far.
    pub fn stats(&self) -> &LoaderStats {
        &self.stats
    }

    /// Returns the refused records so far, and those that were used though they are damaged: first those that
    /// the ledger file had at the start, then others in the order of the batches.
    pub fn ledger(&self) -> &[LedgerEntry] {
        self.ledger.entries()
    }

    /// What went wrong with the ledger's file since the last call, if anything: a line that is damaged, or one that
    /// could not be written. Entries are in
    /// [`ledger`](Self::ledger) all the same, and the loader goes on.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.ledger.take_failure()
    }

    /// Writes a record that a validation beside this training refused into the ledger's file, once. It does not count
    /// towards the budget.
    ///
    /// Returns whether it is new there.
    pub fn book_validation(&mut self, entry: LedgerEntry) -> bool {
        self.ledger.add_validation(entry)
    }

    /// Returns the sets.
    pub fn mix(&self) -> &Mix {
        &self.builder.mix
    }

    /// Returns the settings.
    pub fn config(&self) -> &LoaderConfig {
        &self.builder.config
    }

    /// Waits for the next batch, no longer than `limit`. The statistics do not depend on how often it is asked for.
    pub fn next_within(&mut self, limit: Duration) -> Waited<Result<TrainBatch>> {
        self.wait(Some(limit))
    }

    fn wait(&mut self, limit: Option<Duration>) -> Waited<Result<TrainBatch>> {
        if self.batches_left() == 0 {
            return Waited::End;
        }
        let asked = Instant::now();
        if !std::mem::replace(&mut self.asking, true)
            && let Some(last) = self.delivered
        {
            let (ready, ahead) = self.queue();
            self.stats.consumed += asked - last;
            self.stats.ready += ready;
            self.stats.ahead += ahead;
        }
        let built = match limit {
            Some(limit) => self.ordered.next_within(limit),
            None => self.ordered.next().map_or(Waited::End, Waited::Result),
        };
        let took = asked.elapsed();
        self.stats.waited += took;
        if self.delivered.is_none() {
            self.stats.started += took;
        }
        let built = match built {
            Waited::Result(built) => built,
            Waited::NotYet => return Waited::NotYet,
            Waited::End => return Waited::End,
        };
        self.asking = false;
        let booked = self.book(built);
        self.delivered = Some(Instant::now());
        Waited::Result(booked)
    }

    /// Books what a worker made, in the order of the batches, so that budget and ledger do not
    /// depend on threads.
    fn book(&mut self, mut built: Built) -> Result<TrainBatch> {
        self.stats.timings.add(built.timings);
        self.stats.bytes += built.bytes;
        for refusal in &built.refusals {
            self.ledger.add(&self.builder.mix, refusal)?;
        }
        for damaged in &built.damaged {
            self.ledger.add_used(&self.builder.mix, damaged)?;
        }
        self.stats.refused = self.ledger.records() as u64;
        let on_refusal = self.builder.config.on_refusal;
        if on_refusal != OnRefusal::Fail {
            let records = self.builder.mix.records();
            let budget = on_refusal.allowed(records);
            if self.ledger.records() > budget
                && let Some(last) = built.refusals.pop()
            {
                return Err(Error::BudgetExceeded {
                    refused: self.ledger.records(),
                    budget,
                    records,
                    causes: self.ledger.causes(),
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
        match self.wait(None) {
            Waited::Result(batch) => Some(batch),
            Waited::NotYet | Waited::End => None,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches_left() as usize;
        (left, Some(left))
    }
}

/// The system's refusal of a thread.
pub(super) fn threads(source: std::io::Error) -> Error {
    Error::Threads { source }
}
