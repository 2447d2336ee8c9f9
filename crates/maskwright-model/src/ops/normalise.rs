//! Pixels to numbers: less their mean, by their deviation.
//!
//! On the CPU a table of the 256 levels does it; elsewhere the bytes go to the device, a quarter of what
//! f32 would be, and are computed with there. Both are `(level - mean) / deviation` in f32.

use burn::tensor::{Device, Int, Tensor, TensorData};

use rayon::prelude::*;

use super::products::on_cpu;
use crate::kernels::zeros;

/// Images of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    /// In row order.
    pub(crate) values: &'a [u8],
    /// `[b, 3, h, w]`, which `values` fills.
    pub(crate) shape: [usize; 4],
}

/// Normalised images `[b, 3, side, side]`, with zeros below and to the right of each.
pub(crate) fn normalised(
    pixels: Pixels<'_>,
    mean: [f32; 3],
    deviation: [f32; 3],
    side: usize,
    device: &Device,
) -> Tensor<4> {
    if on_cpu(device) {
        by_table(pixels, mean, deviation, side, device)
    } else {
        on_device(pixels, mean, deviation, side, device)
    }
}

fn by_table(
    Pixels { values, shape: [batch, _, h, w] }: Pixels<'_>,
    mean: [f32; 3],
    deviation: [f32; 3],
    side: usize,
    device: &Device,
) -> Tensor<4> {
    let mut out = zeros(batch * 3 * side * side);
    // One division per level instead of one per pixel, with the same rounding.
    let tables: [[f32; 256]; 3] = std::array::from_fn(|c| {
        std::array::from_fn(|level| (level as f32 - mean[c]) / deviation[c])
    });
    let planes = values.par_chunks_exact(h * w).zip(out.par_chunks_exact_mut(side * side));
    planes.enumerate().for_each(|(plane, (from, to))| {
        let table = &tables[plane % 3];
        for (from, to) in from.chunks_exact(w).zip(to.chunks_exact_mut(side)) {
            for (from, to) in from.iter().zip(to) {
                *to = table[usize::from(*from)];
            }
        }
    });
    Tensor::from_data(TensorData::new(out, [batch, 3, side, side]), device)
}

fn on_device(
    Pixels { values, shape }: Pixels<'_>,
    mean: [f32; 3],
    deviation: [f32; 3],
    side: usize,
    device: &Device,
) -> Tensor<4> {
    let [batch, channels, h, w] = shape;
    let data = TensorData::new(values.to_vec(), shape);
    let levels = Tensor::<4, Int>::from_data(data, (device, burn::tensor::DType::U8));
    let channel = |values: [f32; 3]| {
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), device)
    };
    let images = (levels.float() - channel(mean)) / channel(deviation);
    if [h, w] == [side; 2] {
        return images;
    }
    let blank = Tensor::zeros([batch, channels, side, side], device);
    blank.slice_assign([0..batch, 0..channels, 0..h, 0..w], images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::{PIXEL_MEAN, PIXEL_STD};

    fn bits(x: Tensor<4>) -> Vec<u32> {
        x.try_into_vec_as::<f32>().expect("f32").into_iter().map(f32::to_bits).collect()
    }

    /// Every level of every channel, by the definition and both ways, for two means and deviations.
    #[test]
    fn all_levels_have_the_bits_of_the_definition() {
        let device = Device::flex();
        let values: Vec<u8> = (0..3).flat_map(|_| 0..=255u8).collect();
        let pixels = Pixels { values: &values, shape: [1, 3, 16, 16] };
        for (mean, deviation) in
            [(PIXEL_MEAN, PIXEL_STD), ([0.1, 127.3, 255.0], [0.333, 3.0, 254.9])]
        {
            let expected: Vec<u32> = (0..3)
                .flat_map(|c| (0..256).map(move |level| (level as f32 - mean[c]) / deviation[c]))
                .map(f32::to_bits)
                .collect();
            assert_eq!(bits(normalised(pixels, mean, deviation, 16, &device)), expected);
            assert_eq!(bits(on_device(pixels, mean, deviation, 16, &device)), expected);
        }
    }

    #[test]
    fn smaller_images_have_zeros_below_and_to_the_right() {
        let device = Device::flex();
        let values: Vec<u8> = (0..2 * 3 * 2 * 3).map(|v| 7 * v as u8 + 1).collect();
        let pixels = Pixels { values: &values, shape: [2, 3, 2, 3] };
        let [a, b] =
            [by_table, on_device].map(|way| bits(way(pixels, PIXEL_MEAN, PIXEL_STD, 4, &device)));
        assert_eq!(a, b);
        let zeros: Vec<usize> = (0..16).filter(|&i| a[i] == 0).collect();
        assert_eq!(zeros, [3, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    }
}
