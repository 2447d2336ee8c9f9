//! What tells one image encoder from another: a hash of its values.

use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::tensors::Tensors;
use crate::error::Result;
use crate::sam::Sam;

/// Returns the SHA-256, in hexadecimal, of those tensors of an image encoder that `keep` wants: in the order of the official names each
/// one's name and its values as f32.
///
/// # Errors
/// [`crate::Error::Checkpoint`] if values cannot be read.
pub(crate) fn hash_of(tensors: &impl Tensors, keep: impl Fn(&str) -> bool) -> Result<String> {
    let mut sum = Sha256::new();
    for name in tensors.shapes().keys() {
        if !name.starts_with("image_encoder.") || !keep(name) {
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

impl Sam {
    /// Returns the SHA-256 of all values of the image encoder, in hexadecimal: models with the same one give the same embeddings of images.
    ///
    /// # Errors
    /// [`crate::Error::Checkpoint`] if values cannot be read.
    pub fn encoder_hash(&self) -> Result<String> {
        hash_of(&Checkpoint::of(self), |_| true)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use crate::SamConfig;

    #[test]
    fn other_weights_have_another_hash() {
        let hash = |config: SamConfig, seed| {
            config.init(&Device::flex(), seed).unwrap().encoder_hash().unwrap()
        };
        let small = || SamConfig::small(64, 16, 32, 2);
        let first = hash(small(), 3);
        assert_eq!((first.len(), &first), (64, &hash(small(), 3)));
        assert_ne!(first, hash(small(), 4));
    }
}
