//! What is kept of one view, as bytes.

use burn::tensor::{Device, Tensor, TensorData};
use half::bf16;
use maskwright_model::image_encoder::EncoderState;

use super::config::FeatureType;

/// The shape `[h, w, channels]` of one image's map.
pub(super) type Shape = [usize; 3];

/// What the frozen pieces of an encoder make of one image, little-endian: `x` of the [`EncoderState`], then its early feature
/// if that is there already, each row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) bytes: Vec<u8>,
    pub(super) shapes: Vec<Shape>,
    /// Whether the decoder had something to say about the image. It is then decoded in training all the same, so that what
    /// is odd about it is told and counted.
    pub(super) warned: bool,
}

/// The maps of a batch, in order.
fn maps(state: &EncoderState) -> impl Iterator<Item = &Tensor<4>> {
    std::iter::once(&state.x).chain(&state.early)
}

/// Of each image of a batch what is kept.
pub(super) fn entries(state: &EncoderState, dtype: FeatureType) -> Vec<Entry> {
    let maps: Vec<(Shape, TensorData)> = maps(state)
        .map(|map| {
            let [_, h, w, channels] = map.dims();
            ([h, w, channels], map.clone().inner().into_data().convert::<f32>())
        })
        .collect();
    let entry = |image: usize| {
        let mut bytes = Vec::new();
        for (shape, values) in &maps {
            let count = shape.iter().product::<usize>();
            let values = values.as_slice::<f32>().expect("they are f32");
            write(&values[image * count..][..count], dtype, &mut bytes);
        }
        Entry { bytes, shapes: maps.iter().map(|(shape, _)| *shape).collect(), warned: false }
    };
    (0..state.x.dims()[0]).map(entry).collect()
}

/// A batch of such images after so many pieces, on a device. All have the same shapes.
pub(super) fn state(
    entries: &[Entry],
    pieces: usize,
    dtype: FeatureType,
    device: &Device,
) -> EncoderState {
    let shapes = &entries[0].shapes;
    let mut start = 0;
    let mut maps = shapes.iter().map(|&[h, w, channels]| {
        let count = h * w * channels;
        let mut values = Vec::with_capacity(entries.len() * count);
        for entry in entries {
            read(&entry.bytes[start..][..count * dtype.bytes()], dtype, &mut values);
        }
        start += count * dtype.bytes();
        Tensor::<4>::from_data(TensorData::new(values, [entries.len(), h, w, channels]), device)
    });
    let x = maps.next().expect("an entry has a map");
    EncoderState { pieces, x, early: maps.next() }
}

fn write(values: &[f32], dtype: FeatureType, bytes: &mut Vec<u8>) {
    bytes.reserve(values.len() * dtype.bytes());
    for &value in values {
        match dtype {
            FeatureType::F32 => bytes.extend(value.to_le_bytes()),
            FeatureType::Bf16 => bytes.extend(bf16::from_f32(value).to_le_bytes()),
        }
    }
}

fn read(bytes: &[u8], dtype: FeatureType, values: &mut Vec<f32>) {
    match dtype {
        FeatureType::F32 => {
            values.extend(bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)));
        }
        FeatureType::Bf16 => {
            let numbers = bytes.as_chunks::<2>().0.iter();
            values.extend(numbers.map(|value| bf16::from_le_bytes(*value).to_f32()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(early: bool) -> EncoderState {
        let device = Device::flex();
        let map = |start: f32, channels: usize| {
            let values = (0..2 * 3 * 3 * channels).map(|i| start + i as f32 / 7.0).collect();
            let data = TensorData::new::<f32, _>(values, [2, 3, 3, channels]);
            Tensor::<4>::from_data(data, &device)
        };
        EncoderState { pieces: 5, x: map(0.0, 4), early: early.then(|| map(-50.0, 2)) }
    }

    #[test]
    fn f32_comes_back_to_the_bit_and_bf16_rounded() {
        for (early, values) in [(true, 9 * (4 + 2)), (false, 9 * 4)] {
            let batch = batch(early);
            for dtype in [FeatureType::F32, FeatureType::Bf16] {
                let kept = entries(&batch, dtype);
                assert_eq!(kept.len(), 2);
                assert_eq!(kept[0].bytes.len(), values * dtype.bytes());
                let back = state(&kept, 5, dtype, &Device::flex());
                assert_eq!((back.pieces, back.early.is_some()), (5, early));
                for (found, wanted) in maps(&back).zip(maps(&batch)) {
                    assert_eq!(found.dims(), wanted.dims());
                    let [found, wanted] = [found, wanted].map(|map| map.clone().into_data());
                    for (found, wanted) in found.iter::<f32>().zip(wanted.iter::<f32>()) {
                        let expected = match dtype {
                            FeatureType::F32 => wanted,
                            FeatureType::Bf16 => bf16::from_f32(wanted).to_f32(),
                        };
                        assert_eq!(found.to_bits(), expected.to_bits());
                    }
                }
            }
        }
    }
}
