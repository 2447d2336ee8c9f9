//! Batches, made ahead of the training step on other threads.
//!
//! A [`Loader`] is an iterator over the [`TrainBatch`]es of an epoch. What it delivers depends on
//! the data and on `(seed, epoch, batch)` alone: not on the number of workers, not on how far they
//! work ahead, not on where a run was interrupted. Its whole [`LoaderState`] is a few integers.
//!
//! Every worker makes whole batches in place, so no pixel is copied between sample and batch.
//! Batches come in order. A record that cannot be used is never passed over silently: it either
//! ends the batch with an error at its place ([`OnRefusal::Fail`]) or is replaced by another one,
//! within a budget ([`OnRefusal::Replace`]), and written to the [ledger](LedgerEntry) in both
//! cases.
//!
//! ```no_run
//! use maskwright_data::loader::{Loader, LoaderConfig};
//! use maskwright_data::sample::SampleConfig;
//! use maskwright_data::source::{DataFile, Mix};
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let config = LoaderConfig { batch_size: 4, seed: 42, ..LoaderConfig::default() };
//! let mut loader = Loader::new(Mix::new(data.open_train()?)?, config)?;
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
//! [`EvalLoader`] does the same for the [`EvalSample`](crate::sample::EvalSample)s of a set.

mod build;
mod config;
mod eval;
mod ledger;
mod ordered;
mod stats;
mod train;

pub use config::{LastBatch, LoaderConfig, LoaderState, OnRefusal};
pub use eval::{EvalConfig, EvalLoader};
pub use ledger::LedgerEntry;
pub use stats::LoaderStats;
pub use train::Loader;

#[allow(unused_imports, reason = "named in the documentation")]
use crate::batch::TrainBatch;
