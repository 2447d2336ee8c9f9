//! The features of one view as bytes.

use burn::tensor::{Device, Tensor, TensorData};
use half::bf16;
use maskwright_model::ImageFeatures;

use super::config::FeatureType;

/// The shape `[h, w, channels]` of one image's feature map.
pub(super) type Shape = [usize; 3];

/// The features of one image, little-endian: `embedding` and `early` one after the other, each row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) bytes: Vec<u8>,
    pub(super) shapes: [Shape; 2],
}

/// Bytes of the features of one image.
pub(crate) fn entry_bytes(features: &ImageFeatures, dtype: FeatureType) -> usize {
    let values = |map: &Tensor<4>| map.dims()[1..].iter().product::<usize>();
    (values(&features.embedding) + values(&features.early)) * dtype.bytes()
}

/// The features of each image of a batch.
pub(super) fn entries(features: &ImageFeatures, dtype: FeatureType) -> Vec<Entry> {
    let maps = [&features.embedding, &features.early].map(|map| {
        let [_, h, w, channels] = map.dims();
        let values = map.clone().inner().into_data().convert::<f32>();
        ([h, w, channels], values)
    });
    let entry = |image: usize| {
        let mut bytes = Vec::new();
        for (shape, values) in &maps {
            let count = shape.iter().product::<usize>();
            let values = values.as_slice::<f32>().expect("they are f32");
            write(&values[image * count..][..count], dtype, &mut bytes);
        }
        Entry { bytes, shapes: [maps[0].0, maps[1].0] }
    };
    (0..features.batch()).map(entry).collect()
}

/// The features of a batch of such images, on a device. All have the same shapes.
pub(super) fn features(entries: &[Entry], dtype: FeatureType, device: &Device) -> ImageFeatures {
    let shapes = entries[0].shapes;
    let counts = shapes.map(|shape| shape.iter().product::<usize>());
    let map = |which: usize| {
        let start = if which == 0 { 0 } else { counts[0] * dtype.bytes() };
        let mut values = Vec::with_capacity(entries.len() * counts[which]);
        for entry in entries {
            read(&entry.bytes[start..][..counts[which] * dtype.bytes()], dtype, &mut values);
        }
        let [h, w, channels] = shapes[which];
        Tensor::<4>::from_data(TensorData::new(values, [entries.len(), h, w, channels]), device)
    };
    ImageFeatures { embedding: map(0), early: map(1), hq: None }
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

    fn batch() -> ImageFeatures {
        let device = Device::flex();
        let map = |start: f32, channels: usize| {
            let values = (0..2 * 3 * 3 * channels).map(|i| start + i as f32 / 7.0).collect();
            let data = TensorData::new::<f32, _>(values, [2, 3, 3, channels]);
            Tensor::<4>::from_data(data, &device)
        };
        ImageFeatures { embedding: map(0.0, 4), early: map(-50.0, 2), hq: None }
    }

    #[test]
    fn f32_comes_back_to_the_bit_and_bf16_rounded() {
        let batch = batch();
        for dtype in [FeatureType::F32, FeatureType::Bf16] {
            let kept = entries(&batch, dtype);
            assert_eq!(kept.len(), 2);
            assert_eq!(kept[0].bytes.len(), 9 * (4 + 2) * dtype.bytes());
            let back = features(&kept, dtype, &Device::flex());
            for (found, wanted) in [(back.embedding, &batch.embedding), (back.early, &batch.early)]
            {
                assert_eq!(found.dims(), wanted.dims());
                let (found, wanted) = (found.into_data(), wanted.clone().into_data());
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
