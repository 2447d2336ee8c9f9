//! Checks the environment variables of this crate at a point where an error can still be returned.
//!
//! | variable | values | without it |
//! |---|---|---|
//! | `MASKWRIGHT_SIMD` | `scalar`, `avx2`, `avx512`, `neon` | the best that the machine has |
//! | `MASKWRIGHT_JPEG` | `mozjpeg`, `zune` | libjpeg where it was built with assembly |

use crate::decode;
use crate::error::Result;
use crate::sample;

/// Checks that this build and machine have what the variables name. Call it once before anything else,
/// since [`Sampler::new`](crate::sample::Sampler::new) and the decoders can only panic.
///
/// # Errors
/// [`Error::Environment`](crate::Error::Environment).
pub fn check_environment() -> Result<()> {
    sample::check_environment()?;
    decode::check_environment()
}
