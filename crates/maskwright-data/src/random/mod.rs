//! Randomness that is a pure function of its key.
//!
//! Nothing in this crate owns a running random state. Every draw comes from a
//! [`Keyed`] generator made on the spot from a [`SampleKey`] and a [`Purpose`],
//! so a sample is the same whatever thread makes it, in whatever order, and
//! after any restart. Where a sample shows several objects, each has an
//! [`ObjectKey`]. [`Order`] does the same for the order of an epoch: it maps
//! a position to a record without a shuffled list.
//!
//! The conversions from random bits to numbers are written out here instead of
//! taken from a crate, because a change of such a conversion would silently
//! change every sample of every seed.
//!
//! ```
//! use maskwright_data::random::{Order, Purpose, SampleKey};
//!
//! let key = SampleKey::in_epoch(42, 3, 1207);
//! assert_eq!(key.generator(Purpose::Scale).uniform(), key.generator(Purpose::Scale).uniform());
//! // Another draw of prompts for the same view.
//! let again = SampleKey { draw: 4, ..key };
//! assert_eq!(again.generator(Purpose::Scale).uniform(), key.generator(Purpose::Scale).uniform());
//! assert_ne!(again.generator(Purpose::Points).uniform(), key.generator(Purpose::Points).uniform());
//!
//! // Every record comes exactly once per epoch.
//! let order = Order::new(42, 3, 10);
//! let mut seen: Vec<u64> = (0..10).map(|p| order.record(p)).collect();
//! seen.sort();
//! assert_eq!(seen, (0..10).collect::<Vec<_>>());
//! ```

mod key;
mod keyed;
mod order;
mod purpose;

pub use key::{ObjectKey, SampleKey};
pub use keyed::Keyed;
pub use order::Order;
pub use purpose::{Purpose, Scope};

pub(crate) use keyed::normal_cdf;
