//! Decoders of others: a panic in one must not take a training run down.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a decoder. What went wrong, a panic too, is text.
pub(super) fn guarded<T, E: ToString>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the decoder gave up".to_owned()),
    }
}
