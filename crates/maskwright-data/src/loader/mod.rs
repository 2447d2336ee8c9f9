//! Training batches, made in advance by other threads.
//!
//! A [`Loader`] is an iterator over the [`TrainBatch`]es of an epoch, made by threads directly in the
//! batch's memory, so that no pixel is copied between sample and batch. Batches come in order.
//!
//! # What an epoch is
//!
//! An epoch visits each place of a [`Mix`](crate::source::Mix) once, in an order that `(seed, epoch)`
//! determines. The order is computed, not stored: place `p` of the order is a permutation of `p`
//! ([`Order`](crate::random::Order)), so shuffling millions of records costs nothing, and the loader can
//! start at any place. Rank `r` of `w` takes the places `P + b * B * w + j * w + r`, where `P` is where
//! the loader began (0, or a restored position), `b` counts its batches, `B` is their size and `j`
//! counts the samples of a batch. So the batches of all ranks in one step together equal one batch of a
//! single rank that is `w` times as large, and every rank has the same number of batches. With
//! [`LastBatch::Drop`] no two ranks ever have the same place. [`LastBatch`] says what happens to places
//! at the end that do not fill a batch on every rank.
//!
//! What is delivered depends only on the data and on `(seed, epoch, place)`. It does not depend on the
//! number of [workers](LoaderConfig::workers), nor on how many batches they make in advance, which is
//! limited in [number](LoaderConfig::prefetch) and in [bytes](LoaderConfig::prefetch_bytes).
//!
//! # Going on after an interruption
//!
//! [`Loader::state`] returns a [`LoaderState`] of four integers: the epoch, the number of its places
//! that are done, and the seed and the number of records, by which a state of other data is recognised.
//! [`Loader::restore`] continues with exactly the samples that were not delivered yet, also with another
//! number of workers, ranks or samples per batch. Batches that were made in advance are not in the
//! state; they are made again.
//!
//! # Records that cannot be used
//!
//! No record is skipped silently, whether its files were bad from the beginning, or vanish or change
//! during an epoch. Either the loader returns an error in place of its batch ([`OnRefusal::Fail`]), or
//! another record of the same set takes its place, which the key of the refused one determines
//! ([`OnRefusal::Replace`]). Every refusal is recorded as a [`LedgerEntry`], in memory and in the
//! [ledger file](LoaderConfig::ledger). With `Replace` the loader returns an error once more different
//! records were refused than the budget allows; this [error](crate::Error::BudgetExceeded) sums up the
//! [causes](crate::Cause).
//!
//! An existing ledger file is continued. Its records count towards the budget, so that a run that is
//! stopped and resumed several times has one budget. An incomplete last line, left by a killed process,
//! is removed; a refusal that the resumed run meets again is not written twice; and a file that is not a
//! ledger is refused. After repairing the data files, move the ledger away to start with a full budget.
//! Each rank counts its own refusals.
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
//! [`LoaderStats`] counts what was delivered, and measures the time of every stage, how long the
//! consumer waited, and how full the queue was. [`LoaderStats::verdict`] sums this up in a sentence such
//! as "the model waited for data 3% of the time: data come fast enough". [`LoaderStats::since`] gives
//! the values since an earlier state of the statistics.
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
//! [`EvalLoader`] does the same for the [`EvalSample`](crate::sample::EvalSample)s of a set, in the
//! set's own order. Over all ranks every record comes exactly once, so that no metric counts a record
//! twice.

mod build;
mod config;
mod eval;
mod ledger;
mod spare;
mod stats;
mod train;
mod warned;

pub use config::{LastBatch, LoaderConfig, LoaderState, OnRefusal};
pub use eval::{EvalLoader, EvalLoaderConfig};
pub use ledger::LedgerEntry;
pub use spare::Recycler;
pub use stats::LoaderStats;
pub use train::Loader;
pub use warned::{WarnedRecord, WarningCount};

#[allow(unused_imports, reason = "named in the documentation")]
use crate::batch::TrainBatch;
