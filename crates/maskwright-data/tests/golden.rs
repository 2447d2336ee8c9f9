//! Geometry and prompts against the public reference implementation.
//!
//! Cases that PyTorch computed are in the repository, more of them may lie beside it; the last ones are written out here.

mod common;

use std::collections::HashMap;
use std::path::Path;

use maskwright_data::geometry::Geometry;
use maskwright_data::plan::{Draws, Sides, Transform};
use maskwright_data::prompt::{MaskValues, boundary_band, noise_mask_from_normals, tight_box};
use maskwright_data::random::SampleKey;
use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{Sampler, resize_plane};
use maskwright_image::{GreyImage, RgbImage, Size};
use safetensors::SafeTensors;

struct Case {
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
    name: String,
}

impl Case {
    fn read(path: &Path) -> Case {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap_or_default();
        Case { bytes, metadata, name: path.display().to_string() }
    }

    fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(name).is_ok()
    }

    fn u8(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).unwrap();
        (view.shape().to_vec(), view.data().to_vec())
    }

    fn f32(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let (shape, data) = self.u8(name);
        let values =
            data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (shape, values)
    }

    fn number(&self, key: &str) -> f64 {
        self.metadata[key].parse().unwrap()
    }

    /// Samples the source through a geometry and compares.
    fn check(&self, geometry: Geometry) {
        let (shape, image) = self.u8("source_image");
        let (h, w) = (shape[0], shape[1]);
        assert_eq!(geometry.source, Size::new(h, w), "{}", self.name);
        let image = RgbImage::new(Size::new(h, w), image).unwrap();
        let label = GreyImage::new(Size::new(h, w), self.u8("source_label").1).unwrap();
        let (rows, cols) = (geometry.rows(), geometry.cols());
        let area = geometry.output.area();
        let (mut pixels, mut values) = (vec![0; 3 * area], vec![0.0; area]);
        let mut sampler = Sampler::new();
        sampler.image(&image, &rows, &cols, 128, &mut pixels);
        sampler.label(&label, &rows, &cols, 0.0, &mut values);

        for (at, (&ours, theirs)) in values.iter().zip(self.f32("label_f32").1).enumerate() {
            assert!((ours - theirs).abs() < 1e-3, "{}: label {at}: {ours} {theirs}", self.name);
        }
        // The trainer truncates to u8. A value within rounding of a whole number may fall on either side of it.
        for (at, (&ours, theirs)) in pixels.iter().zip(self.f32("image_f32").1).enumerate() {
            let above = theirs - f32::from(ours);
            assert!((-1e-3..1.001).contains(&above), "{}: image {at}: {ours} {theirs}", self.name);
            // With one thread PyTorch rounds as we do.
            let one_thread = self.metadata.get("threads").is_some_and(|threads| threads == "1");
            assert!(
                !one_thread || ours == theirs as u8,
                "{}: image {at}: {ours} {theirs}",
                self.name
            );
        }
    }
}

#[test]
fn jitter_is_the_references() {
    for path in common::golden("geometry") {
        let case = Case::read(&path);
        let (shape, _) = case.u8("source_image");
        let source = Size::new(shape[0], shape[1]);
        if case.metadata.contains_key("rand") {
            let span = (case.number("aug_scale_max") - case.number("aug_scale_min")) as f32;
            let scale = case.number("rand") as f32 * span + case.number("aug_scale_min") as f32;
            let flip = case.metadata["flip"] == "true";
            let crop = (case.number("offset_h") as usize, case.number("offset_w") as usize);
            let geometry = Geometry::jitter(source, case.number("size") as usize, flip, scale);
            assert!(
                crop.0 <= geometry.margin().height && crop.1 <= geometry.margin().width,
                "{}",
                case.name
            );
            case.check(geometry.with_crop(crop));
        } else {
            let size: Vec<usize> = serde_json::from_str(&case.metadata["size"]).unwrap();
            let output = (size[0], size[1]);
            // As the transform of a data file.
            let resize = Transform::Resize { size: Some(Sides::Both([output.0, output.1])) };
            let mut draws = Draws::new(SampleKey::in_epoch(0, 0, 0));
            case.check(resize.apply(Geometry::whole(source), 1024, &mut draws));
        }
    }
}

#[test]
fn prompts_are_the_references() {
    for path in common::golden("prompts") {
        let case = Case::read(&path);
        let (shape, labels) = case.f32("label_f32");
        let (count, h, w) = (shape[0], shape[2], shape[3]);
        let (_, boxes) = case.f32("box_xyxy");
        // The official size is 256; small cases have another.
        let (_, small) =
            case.f32(if case.has("label_256_f32") { "label_256_f32" } else { "label_small_f32" });
        let (noise_shape, noise) = case.f32("noise");
        let side = noise_shape[3];
        let (_, masks) = case.f32("noise_mask_255");
        for n in 0..count {
            let label = &labels[n * h * w..(n + 1) * h * w];
            let of = |all: &[f32]| all[n * side * side..(n + 1) * side * side].to_vec();
            let foreground = Bitmap::from_label(label, Size::new(h, w));
            assert_eq!(
                tight_box(&foreground).unwrap(),
                boxes[4 * n..4 * n + 4],
                "{} box {n}",
                case.name
            );
            for (ours, theirs) in
                resize_plane(label, Size::new(h, w), Size::square(side)).iter().zip(of(&small))
            {
                assert!((ours - theirs).abs() < 1e-3, "{}: {ours} {theirs}", case.name);
            }
            let mask = noise_mask_from_normals(
                label,
                Size::new(h, w),
                side,
                MaskValues::ZeroTo255,
                &of(&noise),
            );
            let wrong = mask.data.iter().zip(of(&masks)).filter(|(a, b)| **a != *b).count();
            assert_eq!(wrong, 0, "{} mask {n}", case.name);
        }
    }
}

/// Bilinear resizing as the formula says, in f64.
fn resize(src: &[f64], n: usize, out: usize) -> Vec<f64> {
    let taps = |i: usize| {
        let at = ((i as f64 + 0.5) * n as f64 / out as f64 - 0.5).max(0.0);
        let low = at as usize;
        (low, (low + 1).min(n - 1), at - low as f64)
    };
    let mut resized = Vec::new();
    for y in 0..out {
        let (y0, y1, fy) = taps(y);
        for x in 0..out {
            let (x0, x1, fx) = taps(x);
            let row = |y: usize| src[y * n + x0] * (1.0 - fx) + src[y * n + x1] * fx;
            resized.push(row(y0) * (1.0 - fy) + row(y1) * fy);
        }
    }
    resized
}

/// The same arithmetic by hand: a mask with a known boundary, everything computed a second time from the formulas.
#[test]
fn the_noise_mask_follows_its_definition() {
    let (side, size) = (96, 48);
    let inside = |at: usize| {
        let (x, y) = ((at % side) as f64 - 40.0, (at / side) as f64 - 50.0);
        x * x + 2.0 * y * y < 700.0
    };
    let label: Vec<f64> = (0..side * side).map(|at| if inside(at) { 255.0 } else { 0.0 }).collect();
    let coverage: Vec<f64> = resize(&label, side, size).iter().map(|v| v / 255.0).collect();
    let recovered = resize(&resize(&coverage, size, size / 8), size / 8, size);
    let noise: Vec<f64> =
        (0..size * size).map(|at| ((at * 37 % 101) as f64 - 50.0) / 25.0).collect();

    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let band = boundary_band(&single(&coverage), size);
    let mask = noise_mask_from_normals(
        &single(&label),
        Size::square(side),
        size,
        MaskValues::ZeroTo255,
        &single(&noise),
    );
    let mut noisy = 0;
    for at in 0..size * size {
        let change = (coverage[at] - recovered[at]).abs();
        assert_eq!(band[at], change >= 0.01, "{at}: {change}");
        let v = coverage[at] + if band[at] { noise[at] } else { 0.0 };
        assert_eq!(mask.data[at] == 255.0, v > 0.5, "{at}: {v}");
        noisy += usize::from(band[at]);
    }
    assert!(noisy > 100 && noisy < size * size * 3 / 4, "{noisy}");
}

/// One jitter by hand: 4 x 6 pixels at scale 0.75 of 8 are 4 x 6 again, so pixels are copied, mirrored, and padded.
#[test]
fn a_jitter_by_hand() {
    let geometry = Geometry::jitter(Size::new(4, 6), 8, true, 0.75);
    assert_eq!(geometry.scaled, Size::new(4, 6));
    let label = GreyImage::new(Size::new(4, 6), (0..24).collect()).unwrap();
    let mut out = vec![0.0; 64];
    Sampler::new().label(&label, &geometry.rows(), &geometry.cols(), 9.5, &mut out);
    assert_eq!(out[..8], [5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 9.5, 9.5]);
    assert_eq!(out[24..32], [23.0, 22.0, 21.0, 20.0, 19.0, 18.0, 9.5, 9.5]);
    assert_eq!(out[32..40], [9.5; 8]);
}
