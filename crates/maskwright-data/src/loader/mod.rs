//! Batches, made ahead of the training step on other threads.
//!
//! A [`Loader`] is an iterator over the [`TrainBatch`]es of an epoch, made by threads in place: no pixel is
//! copied between sample and batch. Batches come in order.
//!
//! # What an epoch is
//!
//! An epoch visits the places of a [`Mix`](crate::source::Mix), each once, in an order that `(seed, epoch)`
//! determine. The order is computed, not stored: place `p` of the order is a permutation of `p`
//! ([`Order`](crate::random::Order)), so millions of records cost nothing to shuffle and any place can be
//! gone to at once. Rank `r` of `w` takes the places `P + b * B * w + j * w + r`, where `P` is where the loader
//! began (0, or a restored position), `b` counts its batches, `B` is their size and `j` counts the samples of
//! a batch. So the ranks' batches of one step together are what a single rank would make of a batch `w` times
//! as large, no two ranks ever have the same place, and every rank has the same number of batches:
//! [`LastBatch`] says what becomes of places that fill no round.
//!
//! What is delivered depends on the data and on `(seed, epoch, place)` alone, not on the number of
//! [workers](LoaderConfig::workers) nor on how far they work ahead, which is bounded in
//! [batches](LoaderConfig::prefetch) and in [bytes](LoaderConfig::prefetch_bytes).
//!
//! # Going on after an interruption
//!
//! [`Loader::state`] is four integers, [`LoaderState`]: how many places of which epoch are done, and the seed and
//! the number of records to tell a state that belongs to other data. [`Loader::restore`] goes on with exactly
//! the samples that were still to come, also with another number of workers, ranks or samples per batch.
//! Batches that were made ahead are not in the state; they are made again.
//!
//! # Records that cannot be used
//!
//! No record is passed over silently, whether its files were bad from the beginning or vanish or change during
//! an epoch. It either ends its batch with an error ([`OnRefusal::Fail`]), or another record of the same set takes
//! its place, determined by the key of the refused one ([`OnRefusal::Replace`]). Every refusal is a
//! [`LedgerEntry`], in memory and in the [ledger file](LoaderConfig::ledger). With `Replace` the run stops
//! once more different records were refused than the budget allows, and the
//! [error](crate::Error::BudgetExceeded) sums up the [causes](crate::Cause).
//!
//! A ledger file that is there already is continued: its records count towards the budget, so that a run stopped
//! and resumed again and again has one budget. A last line cut short by a kill is cut off, an entry that the
//! resumed run meets again is not written twice, and a file that is no ledger is refused. Who has mended the
//! files moves the ledger away. Each rank keeps its own account.
//!
//! # Records that are damaged but used
//!
//! A file that is cut off, or decodable in spite of damage, is used as it is, unless
//! [`strict`](crate::plan::PlanConfig::strict) refuses it. It is told all the same: [`LoaderStats::warnings`] counts such
//! samples by kind and names the first, and the ledger gets one entry for each such record
//! ([`LedgerEntry::used`]), which counts towards no budget.
//!
//! # Does data keep up?
//!
//! [`LoaderStats`] counts what was delivered and times every stage, how long the consumer waited, and how full the
//! queue was. [`LoaderStats::verdict`] puts it into a sentence: "the consumer waited 3% of the time: the model is
//! the bottleneck". [`LoaderStats::since`] gives the figures of the last minute.
//!
//! ```no_run
//! use maskwright_data::loader::{Loader, LoaderConfig};
//! use maskwright_data::sample::SampleConfig;
//! use maskwright_data::source::{DataFile, OpenContext};
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let config = LoaderConfig { batch_size: 4, seed: 42, ..LoaderConfig::default() };
//! let mut loader = Loader::new(data.train_mix(&OpenContext::default())?, config)?;
//! for epoch in 0..12 {
//!     loader.start_epoch(epoch);
//!     while let Some(batch) = loader.next() {
//!         let batch = batch?;
//!         // ... one training step ...
//!         loader.recycle(batch);
//!     }
//! }
//! println!("{}", loader.stats().verdict());
//! # Ok::<(), maskwright_data::Error>(())
//! ```
//!
//! [`EvalLoader`] does the same for the [`EvalSample`](crate::sample::EvalSample)s of a set, in the set's own
//! order: over all ranks every record comes exactly once, so that no metric counts one twice.

mod build;
mod config;
mod eval;
mod ledger;
mod ordered;
mod stats;
mod train;
mod warned;

pub use config::{LastBatch, LoaderConfig, LoaderState, OnRefusal};
pub use eval::{EvalLoader, EvalLoaderConfig};
pub use ledger::LedgerEntry;
pub use stats::LoaderStats;
pub use train::Loader;
pub use warned::{WarnedRecord, WarningCount};

#[allow(unused_imports, reason = "named in the documentation")]
use crate::batch::TrainBatch;
