//! JPEG files of every kind, made of any pixels.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) sampling: SamplingFactor,
    pub(crate) colour: ColorType,
    pub(crate) progressive: bool,
    /// Whether the Huffman tables are made for the picture.
    pub(crate) optimized: bool,
    pub(crate) restart: u16,
    pub(crate) quality: u8,
}

impl Kind {
    pub(crate) const PLAIN: Self = Self {
        sampling: SamplingFactor::F_2_2,
        colour: ColorType::Rgb,
        progressive: false,
        optimized: false,
        restart: 0,
        quality: 90,
    };

    fn channels(self) -> usize {
        match self.colour {
            ColorType::Luma => 1,
            ColorType::Rgb => 3,
            _ => 4,
        }
    }

    /// A file of `picture(channels)`.
    pub(crate) fn file(
        self,
        width: usize,
        height: usize,
        picture: impl FnOnce(usize) -> Vec<u8>,
    ) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.quality);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.progressive);
        encoder.set_optimized_huffman_tables(self.optimized);
        if self.restart > 0 {
            encoder.set_restart_interval(self.restart);
        }
        let pixels = picture(self.channels());
        encoder.encode(&pixels, width as u16, height as u16, self.colour).unwrap();
        file
    }
}

pub(crate) fn kinds() -> impl Strategy<Value = Kind> {
    let sampling = prop::sample::select(vec![
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
    ]);
    let colour = prop::sample::select(vec![
        ColorType::Luma,
        ColorType::Rgb,
        ColorType::Rgb,
        ColorType::Rgb,
        ColorType::Cmyk,
        ColorType::CmykAsYcck,
    ]);
    let restart = prop::sample::select(vec![0u16, 0, 0, 1, 7, 100]);
    let ways = (any::<bool>(), any::<bool>());
    (sampling, colour, ways, restart, 20u8..=100).prop_map(
        |(sampling, colour, (progressive, optimized), restart, quality)| Kind {
            sampling,
            colour,
            progressive,
            // The encoder counts what tables are made for as if there were no restarts, and so may write
            // codes that are not in them: such a file is damaged, and how far it is read decides about
            // its warnings.
            optimized: optimized && restart == 0,
            restart,
            quality,
        },
    )
}
