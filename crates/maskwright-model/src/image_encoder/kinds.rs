//! The list of kinds of image encoder, and the dispatch over it.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::features::ImageFeatures;
use super::packed::{Layers, Packed, PackedFrom};
use super::specification::{Encoded, FeatureLevel, Frame, Limit, Specification};
use super::state::EncoderState;
use super::tiny_vit::{PackedTinyVit, TinyVit, TinyVitConfig};
use super::vit::{PackedVit, Vit, VitConfig};
use crate::error::Result;
use crate::init::Init;
use crate::kernels::bf16::Instructions;
use crate::onnx::graph::{Graph, Value};
use crate::ops::Tf32;
use crate::weights::tensor_shapes::{TensorShapes, Told};

/// Makes, of the list of kinds, the configuration and the module that are one of them, and what asks the
/// one at hand ([`EncoderConfig`]) or all of them.
macro_rules! encoders {
    ($($(#[$says:meta])* $kind:ident: $config:ty => $module:ty, $packed:ty;)+) => {
        /// Which image encoder, and its sizes.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum EncoderConfig {
            $($(#[$says])* $kind($config),)+
        }

        /// The image encoder of a [`crate::Sam`].
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // There is one per model.
        pub enum ImageEncoder {
            $($(#[$says])* $kind($module),)+
        }

        impl ImageEncoder {
            /// Encodes normalised images.
            ///
            /// # Shapes
            /// `[b, 3, s, s]` to the embedding `[b, g, g, prompt_dim]` and the early feature
            /// `[b, g, g, early_dim]`, with `g` cells along a side.
            pub fn forward(&self, images: Tensor<4>, tf32: Tf32) -> ImageFeatures {
                let state = EncoderState::of_images(images);
                self.advance(state, self.pieces(), tf32).into_features()
            }

            /// The number of pieces that run one after the other ([`EncoderState`]).
            pub fn pieces(&self) -> usize {
                match self {
                    $(Self::$kind(encoder) => encoder.pieces(),)+
                }
            }

            /// The piece, from 0, that the parameter of this name belongs to, as it is called within the encoder; none where
            /// no piece computes with it.
            pub fn piece_of(&self, name: &str) -> Option<usize> {
                match self {
                    $(Self::$kind(encoder) => encoder.piece_of(name),)+
                }
            }

            /// Runs the pieces that are left of the first `pieces`.
            pub fn advance(&self, state: EncoderState, pieces: usize, tf32: Tf32) -> EncoderState {
                (state.pieces..pieces).fold(state, |state, piece| match self {
                    $(Self::$kind(encoder) => encoder.run(piece, state, tf32),)+
                })
            }
        }

        impl ImageEncoder {
            /// The same with packed weights of bf16, to be computed on the CPU; its linear layers as `layers` gives them.
            ///
            /// # Errors
            /// Those of `layers`.
            pub(super) fn packed(
                &self,
                instructions: Instructions,
                layers: &Layers<'_>,
            ) -> Result<Arc<dyn Packed>> {
                Ok(match self {
                    $(Self::$kind(encoder) => {
                        Arc::new(<$packed>::pack(encoder, instructions, layers)?)
                    })+
                })
            }

            /// Whether [`packed`](Self::packed) takes the weight of this name, as it is called within the encoder, by its layer
            /// alone.
            pub(super) fn packs_alone(&self, name: &str) -> bool {
                match self {
                    $(Self::$kind(_) => <$packed as PackedFrom<$module>>::packs_alone(name),)+
                }
            }
        }

        impl EncoderConfig {
            /// What people call this kind of encoder.
            pub fn title(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$config>::TITLE,)+
                }
            }

            /// The feature maps that it gives in a model of these sizes.
            pub fn levels(&self, frame: &Frame) -> Vec<FeatureLevel> {
                match self {
                    $(Self::$kind(config) => config.levels(frame),)+
                }
            }

            /// What the side of an input has to be a multiple of.
            pub fn input_step(&self, frame: &Frame) -> usize {
                match self {
                    $(Self::$kind(config) => config.input_step(frame),)+
                }
            }

            pub(crate) fn limits(&self) -> Vec<Limit> {
                match self {
                    $(Self::$kind(config) => config.limits(),)+
                }
            }

            pub(crate) fn check(&self, frame: &Frame) -> Result<()> {
                match self {
                    $(Self::$kind(config) => config.check(frame),)+
                }
            }

            pub(crate) fn init(&self, init: Init<'_>, frame: &Frame) -> ImageEncoder {
                match self {
                    $(Self::$kind(config) => ImageEncoder::$kind(config.init(init, frame)),)+
                }
            }

            pub(crate) fn graph(
                &self,
                g: &mut Graph<'_>,
                frame: &Frame,
                images: &Value,
            ) -> Encoded {
                match self {
                    $(Self::$kind(config) => config.graph(g, frame, images),)+
                }
            }

            pub(crate) fn to_hugging_face(&self, frame: &Frame) -> Option<Json> {
                match self {
                    $(Self::$kind(config) => config.to_hugging_face(frame),)+
                }
            }

            pub(crate) fn from_hugging_face(vision: &Json) -> Option<Told<(Frame, Self)>> {
                $(
                    if let Some(told) = <$config>::from_hugging_face(vision) {
                        return Some(told.map(|(frame, config)| (frame, Self::$kind(config))));
                    }
                )+
                None
            }

            /// Image size, patch size and encoder of the checkpoint with these tensors.
            pub(crate) fn detect(shapes: &TensorShapes) -> Option<Told<(usize, usize, Self)>> {
                $(
                    if let Some(told) = <$config>::detect(shapes) {
                        return Some(told.map(|(image, patch, config)| {
                            (image, patch, Self::$kind(config))
                        }));
                    }
                )+
                None
            }

            /// The official models: their names, the first of which is used, and their encoders.
            pub(crate) fn official() -> Vec<(&'static [&'static str], Self)> {
                let mut all = Vec::new();
                $(
                    all.extend(
                        <$config>::OFFICIAL
                            .iter()
                            .map(|one| (one.names, Self::$kind((one.encoder)()))),
                    );
                )+
                all
            }

            /// The rules of names of all kinds, in order.
            pub(crate) fn hugging_face_names()
            -> impl Iterator<Item = &'static (&'static str, &'static str)> {
                std::iter::empty()$(.chain(<$config>::HUGGING_FACE_NAMES))+
            }
        }
    };
}

encoders! {
    /// SAM's plain vision transformer with window attention.
    Vit: VitConfig => Vit, PackedVit;
    /// TinyViT (Light HQ-SAM, MobileSAM).
    TinyVit: TinyVitConfig => TinyVit, PackedTinyVit;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_official_encoder_gives_what_the_decoder_takes() {
        let frame = Frame { image_size: 1024, patch_size: 16, embedding_dim: 256 };
        for (names, encoder) in EncoderConfig::official() {
            encoder.check(&frame).expect(names[0]);
            assert_eq!(encoder.input_step(&frame), 16);
            let levels = encoder.levels(&frame);
            let found: Vec<_> = levels.iter().map(|level| (level.name, level.stride)).collect();
            assert_eq!(found, [("embedding", 16), ("early", 16)], "{names:?}");
            assert_eq!(levels[0].channels, 256);
            // What it says of itself in files is read back as the same kind.
            let json = serde_json::to_string(&encoder).expect("plain");
            assert_eq!(serde_json::from_str::<EncoderConfig>(&json).expect("read"), encoder);
            if let Some(vision) = encoder.to_hugging_face(&frame) {
                let (read, again) =
                    EncoderConfig::from_hugging_face(&vision).expect("a kind").expect("its sizes");
                assert_eq!((read, again), (frame, encoder));
            }
        }
    }
}
