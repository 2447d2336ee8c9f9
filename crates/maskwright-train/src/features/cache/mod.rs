//! Features of views on disk, made once and shared by all runs that want the same.
//!
//! ```text
//! FOLDER/                      --cache, or maskwright/features in the user's folder of caches
//!   3f9c2a61d0b84e57/          one cache: named by a sum of what it was made from
//!     cache.json               what it was made from, to be read and compared
//!     00000-000000.safetensors a shard: some views whole, with checksums; named by the view and its first position
//! ```
//!
//! | file | what it is about |
//! |---|---|
//! | `config` | the settings |
//! | `key` | what a cache is made from, and its name |
//! | `entry` | what is kept of a view as bytes, and back |
//! | `shard` | a file of some views |
//! | `store` | a cache's folder: which views it has |
//! | `making` | the views that it lacks are made |
//! | `folders` | all caches of a folder: listed and removed |

mod config;
mod entry;
mod folders;
mod key;
mod making;
mod shard;
mod store;

pub use config::{CacheConfig, FeatureType};
pub use folders::{CacheInfo, default_folder, list, remove};
pub(crate) use making::Making;
pub use store::FeatureCache;
