//! One budget of memory for all decoding of a program.
//!
//! A file of a few kilobytes may be a picture that takes gigabytes to decode, and a loader decodes on every core. A
//! [`DecodeBudget`] is shared by all of them: a decode takes what it needs, which the header tells
//! ([`Header::rgb_bytes`], [`Header::label_bytes`]), before it allocates, waits while others have it, and gives it back.
//!
//! ```
//! use maskwright_image::decode::{DecodeBudget, ImageFile, Limits};
//! use maskwright_image::{RgbImage, Size, encode};
//!
//! let budget = DecodeBudget::new(64 << 20);
//! let bytes = encode::png_rgb(&RgbImage::filled(Size::new(60, 80), 7))?;
//! let file = ImageFile::read(&bytes)?;
//! let permit = budget.take(file.header().rgb_bytes())?;
//! let decoded = file.decode_rgb(&Limits::default())?;
//! drop((decoded, permit));
//! # Ok::<(), maskwright_image::Error>(())
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// How many bytes all decoding may hold together. Clones share the same bytes.
#[derive(Debug, Clone)]
pub struct DecodeBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes: u64,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Whoever asks first is served first, so that a large picture is not kept waiting by ever more small ones.
#[derive(Debug, Default)]
struct Queue {
    taken: u64,
    /// The number that the next one who asks gets.
    next: u64,
    /// The number whose turn it is.
    turn: u64,
}

/// Bytes of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    bytes: u64,
}

impl DecodeBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let (queue, changed) = Default::default();
        Self { shared: Arc::new(Shared { bytes, queue, changed }) }
    }

    /// All its bytes.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes
    }

    /// Takes so many bytes, and waits while others have them.
    ///
    /// Whoever holds a permit must not wait for another one: what a piece of work needs is taken at once, or it waits
    /// for ever.
    ///
    /// # Errors
    /// [`Error::OverBudget`] for more than the whole budget.
    pub fn take(&self, bytes: u64) -> Result<Permit> {
        let shared = &self.shared;
        if bytes > shared.bytes {
            return Err(Error::OverBudget { needed: bytes, budget: shared.bytes });
        }
        let mut queue = shared.lock();
        let number = queue.next;
        queue.next += 1;
        while queue.turn != number || bytes > shared.bytes - queue.taken {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.turn += 1;
        queue.taken += bytes;
        drop(queue);
        shared.changed.notify_all();
        Ok(Permit { shared: shared.clone(), bytes })
    }
}

impl Shared {
    /// The queue: nothing panics while it is locked, so it is whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// How many bytes it is for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().taken -= self.bytes;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn all_threads_together_keep_to_the_budget() {
        const BYTES: u64 = 100;
        let budget = DecodeBudget::new(BYTES);
        let held = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (budget, held) = (budget.clone(), &held);
                scope.spawn(move || {
                    for turn in 0..500 {
                        // The whole budget now and then, mostly less, sometimes nothing.
                        let bytes = (thread * 37 + turn * 61) % (BYTES + 1);
                        let permit = budget.take(bytes).unwrap();
                        let now = held.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        assert!(now <= BYTES, "{now} bytes are held");
                        std::thread::yield_now();
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(budget.shared.lock().taken, 0);
    }

    #[test]
    fn large_ones_are_served_in_their_turn() {
        let budget = DecodeBudget::new(10);
        let first = budget.take(6).unwrap();
        std::thread::scope(|scope| {
            let large = scope.spawn(|| budget.take(10).map(|permit| permit.bytes()));
            while budget.shared.lock().next < 2 {
                std::thread::yield_now();
            }
            // Would fit, but came later.
            let small = scope.spawn(|| budget.take(1).map(|permit| permit.bytes()));
            while budget.shared.lock().next < 3 {
                std::thread::yield_now();
            }
            assert_eq!((budget.shared.lock().turn, small.is_finished()), (1, false));
            drop(first);
            assert_eq!((large.join().unwrap(), small.join().unwrap()), (Ok(10), Ok(1)));
        });
    }

    #[test]
    fn more_than_all_is_refused() {
        let budget = DecodeBudget::new(1000);
        let error = budget.take(1001).unwrap_err();
        assert_eq!(error, Error::OverBudget { needed: 1001, budget: 1000 });
        let words = "decoding needs 1001 bytes, more than the 1000 bytes that all decoding may take together";
        assert_eq!(error.to_string(), words);
    }
}
