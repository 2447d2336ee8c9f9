//! Images on their way through an encoder.

use burn::tensor::Tensor;

use super::features::ImageFeatures;
use crate::ops::rows;

/// A batch of images after the first pieces of an encoder.
///
/// Pieces are what an encoder runs one after the other: the patch embedding, each block (of TinyViT also each change of
/// resolution), and the neck. Where the first ones are frozen, what they make of an image can be kept, and the others go on
/// from there, to the same bits.
#[derive(Debug, Clone)]
pub struct EncoderState {
    /// The number of pieces that were run.
    pub pieces: usize,
    /// What the next piece takes: the normalised images `[b, 3, s, s]` at the beginning, tokens `[b, h, w, channels]` after the
    /// first piece, the image embedding after the last.
    pub x: Tensor<4>,
    /// [`ImageFeatures::early`], once the piece that gives it was run.
    pub early: Option<Tensor<4>>,
}

impl EncoderState {
    /// Normalised images `[b, 3, s, s]`, of which nothing is computed yet.
    pub fn of_images(images: Tensor<4>) -> Self {
        Self { pieces: 0, x: images, early: None }
    }

    /// Returns the number of images.
    pub fn batch(&self) -> usize {
        self.x.dims()[0]
    }

    /// Returns what was made of these images, in this order.
    #[must_use]
    pub fn select(&self, images: &[usize]) -> Self {
        Self {
            pieces: self.pieces,
            x: rows(self.x.clone(), images),
            early: self.early.clone().map(|early| rows(early, images)),
        }
    }

    /// What the last piece leaves.
    pub(crate) fn into_features(self) -> ImageFeatures {
        let early =
            self.early.expect("all pieces were run, and one of them gives the early feature");
        ImageFeatures { embedding: self.x, early, hq: None, dense_pe: None }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::adapter::{Blocks, LoraConfig};
    use crate::config::SamConfig;
    use crate::device::cpu_has_bf16;
    use crate::image_encoder::{EncoderConfig, Precision, TinyVitConfig};
    use crate::sam::Sam;
    use crate::trainable::Trainable;

    fn vit() -> Sam {
        SamConfig::small(64, 16, 32, 3).init(&Device::flex(), 3).expect("a model").frozen()
    }

    fn tiny_vit() -> Sam {
        let encoder = EncoderConfig::TinyVit(TinyVitConfig {
            embed_dims: [16, 32, 48, 64],
            depths: [1, 1, 2, 1],
            heads: [1, 2, 2],
            windows: [3, 4, 2],
            classes: 3,
        });
        let config = SamConfig { encoder, ..SamConfig::small(64, 16, 32, 2) };
        config.init(&Device::flex(), 3).expect("a model").frozen()
    }

    fn bits(tensor: &Tensor<4>) -> Vec<u32> {
        tensor.clone().into_data().iter::<f32>().map(f32::to_bits).collect()
    }

    #[test]
    fn the_rest_goes_on_from_every_piece_to_the_same_bits() {
        // A patch embedding, blocks and a neck; the first global block of three is the second. Of TinyViT the stages and
        // what lies between them: a block, a change; a block, a change; two blocks, a change; a block.
        let packed = |sam: Sam| sam.with_frozen_encoder_on(&Device::flex(), Precision::Bf16);
        let mut all = vec![(vit(), 5, 3), (tiny_vit(), 2 + 8, 5)];
        if cpu_has_bf16() {
            all.extend([(packed(vit()), 5, 3), (packed(tiny_vit()), 2 + 8, 5)]);
        }
        for (sam, count, early_from) in all {
            let bytes: Vec<u8> = (0..2 * 3 * 64 * 64).map(|i| (i * 37 % 251) as u8).collect();
            let images = sam.preprocess(&bytes, 2, &Device::flex()).expect("a size");
            let whole = sam.encode_image(images.clone());
            assert_eq!(sam.image_encoder().pieces(), count);
            for pieces in 0..=count {
                let state = sam.encode_first(images.clone(), pieces);
                assert_eq!((state.pieces, state.early.is_some()), (pieces, pieces >= early_from));
                let rest = sam.encode_rest(state);
                assert_eq!(bits(&rest.embedding), bits(&whole.embedding), "{pieces}");
                assert_eq!(bits(&rest.early), bits(&whole.early), "{pieces}");
            }
        }
    }

    #[test]
    fn pieces_before_the_first_one_that_learns_are_frozen() {
        let lora = |sam: Sam, count| {
            let config = LoraConfig { blocks: Blocks::Last(count), ..LoraConfig::default() };
            sam.with_adapter(&config, 0).expect("an adapter")
        };
        let frozen = |sam: &Sam, what: &str| {
            sam.frozen_pieces(&what.parse::<Trainable>().expect("readable"))
        };
        let sam = vit();
        for (what, expected) in [
            ("hq", 5),
            ("decoder", 5),
            ("image_encoder.neck.*", 4),
            ("image_encoder.blocks.1.norm1.*,mask_decoder.*", 2),
            ("image_encoder.pos_embed", 0),
            ("*.norm1.bias", 1),
            ("all", 0),
        ] {
            assert_eq!(frozen(&sam, what), expected, "{what}");
        }
        let adapted: Vec<usize> =
            (1..=3).map(|count| frozen(&lora(vit(), count), "lora")).collect();
        assert_eq!(adapted, [3, 2, 1]);
        // TinyViT's first stage has no attention. The classifier is in no piece.
        let adapted: Vec<usize> =
            (1..=4).map(|count| frozen(&lora(tiny_vit(), count), "lora")).collect();
        assert_eq!(adapted, [8, 6, 5, 3]);
        assert_eq!(frozen(&tiny_vit(), "image_encoder.head.*"), 10);
    }
}
