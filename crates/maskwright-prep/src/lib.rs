//! Prepares data sets in shards, for runs on many machines and for data of millions of images.
//!
//! The records of the sets are divided into shards. Each becomes a tar file of WebDataset's layout, with an image, SA-1B's JSON and,
//! where that is asked for, an embedding for each record; and a ledger that says what became of every record. A record that
//! cannot be used is a row of the ledger and stops nothing.
//!
//! - A shard is whole or not there: its files get their names when they are on the disk.
//! - A shard that is finished is not made again; a shard is made by one process at a time; shards need nothing of each other.
//! - The same data, settings and model give the same bytes, with any number of threads and of processes.
//!
//! ```no_run
//! use maskwright_data::source::{DataFile, OpenContext};
//! use maskwright_prep::{PrepConfig, PrepData, Preparer, Resources, Shards};
//!
//! let data = PrepData::Sets(Box::new(DataFile::read("data.toml".as_ref())?));
//! let config = PrepConfig { longest_side: Some(1024), ..PrepConfig::default() };
//! let (shards, resources) = (Shards::Records(1000), Resources::default());
//! let context = OpenContext::default();
//! let preparer =
//!     Preparer::open(&data, "prepared".as_ref(), shards, &config, None, resources, &context)?;
//! for shard in 0..preparer.shards() {
//!     let done = preparer.prepare(shard, &mut |_| true)?.unwrap_or_default();
//!     for row in done.iter().flat_map(|done| &done.rows).filter(|row| !row.is_stored()) {
//!         println!("{}/{}: {}", row.set, row.name, row.reason);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what it is about |
//! |---|---|
//! | `config` | data, settings, shards, resources, model |
//! | `part` | the records of all sets, in shards |
//! | `record` | one record: checked, read, shrunk |
//! | `asked` | what the model makes of it, and its members |
//! | `shard_file`, `ledger`, `manifest` | the files of a shard and of the folder |
//! | `preparer` | the work |

#![forbid(unsafe_code)]

mod asked;
mod config;
mod error;
mod ledger;
mod manifest;
mod part;
mod preparer;
mod record;
mod shard_file;

pub use config::{Model, PrepConfig, PrepData, Resources, Shards};
pub use error::{Error, Result};
pub use ledger::{Row, RowCheck, Status};
pub use preparer::{Preparer, Progress, ShardDone};
