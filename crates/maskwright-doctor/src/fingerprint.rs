//! What images are recognised by: the bytes of the file, and how the picture looks.

use image_hasher::{HashAlg, Hasher, HasherConfig};
use maskwright_image::RgbImage;
use maskwright_image::sample::luma_thumbnail;
use xxhash_rust::xxh3::xxh3_128;

/// Bits of a [`Look`].
pub(super) const LOOK_BITS: usize = 256;

/// A perceptual hash: pictures that look alike differ in few bits.
pub(super) type Look = [u64; LOOK_BITS / 64];

/// Hash of a file's bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// Side of the thumbnail that a look is taken of.
const THUMBNAIL: usize = 64;
/// Pixels that are averaged for one of the thumbnail's, along each side, at most.
const TAPS: usize = 6;
/// Pictures whose thumbnail varies by less than this many levels look like nothing in particular.
const FLAT: f32 = 3.0;

/// Takes looks: 16 x 16 cells, each brighter than the median of them or not (the crate `image_hasher`).
///
/// Of 202 photographs, copies encoded again at quality 60, halved at 75, at 7/10 of the size at 50, or brightened
/// by a tenth differ in 1 to 3 of 256 bits (median) and 10 to 19 (99%); different photographs, in a coarse sample, in 36 and more, but for
/// neighbouring frames of a film. The transform that is often done before (DCT) doubles the former.
pub(super) struct Looker {
    hasher: Hasher<[u8; LOOK_BITS / 8]>,
}

impl std::fmt::Debug for Looker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looker")
    }
}

impl Looker {
    pub(super) fn new() -> Looker {
        let hasher =
            HasherConfig::with_bytes_type().hash_size(16, 16).hash_alg(HashAlg::Median).to_hasher();
        Looker { hasher }
    }

    /// The look of a picture; none where it is too plain to be recognised.
    pub(super) fn look(&self, image: &RgbImage) -> Option<Look> {
        let thumbnail = luma_thumbnail(image, THUMBNAIL, TAPS)?;
        let mean = thumbnail.iter().sum::<f32>() / thumbnail.len() as f32;
        let variance = thumbnail.iter().map(|level| (level - mean).powi(2)).sum::<f32>()
            / thumbnail.len() as f32;
        if variance.sqrt() < FLAT {
            return None;
        }
        let bytes = thumbnail.iter().map(|level| level.round() as u8).collect();
        let side = THUMBNAIL as u32;
        let grey = image_hasher_image(side, side, bytes)?;
        let hash = self.hasher.hash_image(&grey);
        let (words, _) = hash.as_bytes().as_chunks::<8>();
        Some(std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word))))
    }
}

fn image_hasher_image(width: u32, height: u32, data: Vec<u8>) -> Option<image::GrayImage> {
    image::GrayImage::from_raw(width, height, data)
}

/// In how many bits two looks differ.
pub(super) fn distance(a: &Look, b: &Look) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}
