//! Randomness that is a pure function of its key.
//!
//! Nothing in this crate owns a running random state. Every draw comes from a
//! [`Keyed`] generator made on the spot from `(seed, epoch, record, purpose)`,
//! so a sample is the same whatever thread makes it, in whatever order, and
//! after any restart. [`Order`] does the same for the order of an epoch: it maps
//! a position to a record without a shuffled list.
//!
//! The conversions from random bits to numbers are written out here instead of
//! taken from a crate, because a change of such a conversion would silently
//! change every sample of every seed.
//!
//! ```
//! use maskwright_data::random::{Keyed, Order, Purpose};
//!
//! let mut a = Keyed::new(42, 3, 1207, Purpose::Scale);
//! let mut b = Keyed::new(42, 3, 1207, Purpose::Scale);
//! assert_eq!(a.uniform(), b.uniform());
//!
//! // Every record comes exactly once per epoch.
//! let order = Order::new(42, 3, 10);
//! let mut seen: Vec<u64> = (0..10).map(|p| order.record(p)).collect();
//! seen.sort();
//! assert_eq!(seen, (0..10).collect::<Vec<_>>());
//! ```

mod keyed;
mod order;

pub use keyed::{Keyed, Purpose};
pub use order::Order;

pub(crate) use keyed::normal_cdf;
