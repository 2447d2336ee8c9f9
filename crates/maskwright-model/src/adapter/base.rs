//! The base that an adapter goes over, by a hash of its image encoder.

use crate::error::Result;
use crate::weights::Tensors;
use crate::weights::encoder_hash::hash_of;
use crate::weights::names::is_factor;

/// Returns the SHA-256 of the image encoder's values, in hexadecimal: of every tensor in the order of the official
/// names its name and its values as f32. Positions are left out, because they are resampled for another
/// input size; factors of an adapter too.
///
/// # Errors
/// [`crate::Error::Checkpoint`] if values cannot be read.
pub(super) fn hash(tensors: &impl Tensors) -> Result<String> {
    const POSITIONS: [&str; 3] = ["pos_embed", "rel_pos_h", "rel_pos_w"];
    hash_of(tensors, |name| {
        let is_position = POSITIONS.iter().any(|position| name.ends_with(position));
        !is_position && !is_factor(name)
    })
}

/// The first digits of a hash, for messages.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
