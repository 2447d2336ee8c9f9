//! The base that an adapter goes over, by a hash of its image encoder.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::weights::Tensors;
use crate::weights::names::is_factor;

/// Returns the SHA-256 of the image encoder's values, in hexadecimal: of every tensor in the order of the official
/// names its name and its values as f32. Positions are left out, because they are resampled for another
/// input size; factors of an adapter too.
///
/// # Errors
/// [`crate::Error::Checkpoint`] if values cannot be read.
pub(super) fn hash(tensors: &impl Tensors) -> Result<String> {
    const POSITIONS: [&str; 3] = ["pos_embed", "rel_pos_h", "rel_pos_w"];
    let mut sum = Sha256::new();
    for name in tensors.shapes().keys() {
        let is_position = POSITIONS.iter().any(|position| name.ends_with(position));
        if !name.starts_with("image_encoder.") || is_position || is_factor(name) {
            continue;
        }
        sum.update(name.as_bytes());
        sum.update([0]);
        let mut bytes = Vec::new();
        tensors.read(name, &mut |values| {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            sum.update(&bytes);
        })?;
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The first digits of a hash, for messages.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
