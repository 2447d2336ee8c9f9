//! The reference's own numbers: resampling and metrics as PyTorch and OpenCV compute them.

mod support;

use maskwright_image::mask::Bitmap;
use maskwright_image::sample::{AxisTable, Sampler, resize_plane};
use maskwright_image::{GreyImage, RgbImage, Size, metric};
use support::{Case, golden_files};

/// The reference's jitter: scaled height and width from its uniform draw, in f32 as PyTorch computes them.
fn jitter_size(rand: f32, size: usize, height: usize, width: usize) -> (usize, usize) {
    let longest = ((rand * 1.9 + 0.1) * size as f32).round_ties_even();
    let scale = (longest / height as f32).min(longest / width as f32);
    let scaled = |side: usize| (side as f32 * scale).round_ties_even() as usize;
    (scaled(height), scaled(width))
}

/// How far the results of PyTorch's two kernels can be from each other, for values up to 255.
///
/// Half a unit in the last place is 2^-17 there. The kernel that goes along rows and then along columns errs by at most two
/// of them each way (products weighted to one, and their sum), four in all; the one that weights four pixels at once by five
/// (the products of the weights, the products with them, and three sums).
const APART: f32 = 9.0 / 131_072.0;

/// What became of the bytes of some cases that PyTorch's other kernel made.
#[derive(Debug, Default)]
struct Tally {
    /// Bytes compared.
    bytes: usize,
    /// Those whose value, before it is truncated, is within [`APART`] of a whole number, and not exactly one.
    near_whole: usize,
    /// Those that differ.
    differing: usize,
}

impl Tally {
    /// Holds the rate of differing bytes to what rounding explains.
    ///
    /// A byte can only differ where a whole number lies between the two results. Values spread evenly are within [`APART`] of
    /// a whole number at a rate of twice that; more come from scales that are ratios of small numbers, whose exact values are
    /// whole. In either case a result is below as often as above, so at most half of the near ones may differ.
    fn check(&self) {
        assert!(2 * self.differing <= self.near_whole, "{self:?}");
    }
}

/// Samples a case's sources and compares with its results, bit by bit.
///
/// PyTorch 2.15 has two kernels that round differently. With one thread, which data loaders' workers have, and for pictures
/// of at most 128 pixels of scaled height plus width, it takes the one that [`Sampler::image`] follows: every byte is equal.
/// With several threads it takes the other for the larger ones. [`Sampler::plane`] follows that, so f32 is equal in every
/// bit and truncates to the same bytes; the u8 picture differs from it where rounding goes to different sides of a whole
/// number, by one level.
fn check(case: &Case, rows: &AxisTable, columns: &AxisTable, name: &str, tally: &mut Tally) {
    let (shape, data) = case.u8("source_image");
    let image = RgbImage::new(Size::new(shape[0], shape[1]), data).unwrap();
    let label = GreyImage::new(Size::new(shape[0], shape[1]), case.u8("source_label").1).unwrap();
    let (_, expected) = case.f32("image_f32");
    let pixels = rows.output() * columns.output();
    let mut sampler = Sampler::new();

    let mut bytes = vec![0; 3 * pixels];
    sampler.image(&image, rows, columns, 128, &mut bytes);
    let small = rows.scaled() + columns.scaled() <= 128;
    let same_kernel = case.of_one_thread() || small;
    for (found, &expected) in bytes.iter().zip(&expected) {
        let distance = (expected - expected.round()).abs();
        if !same_kernel {
            tally.bytes += 1;
            tally.near_whole += usize::from(distance > 0.0 && distance <= APART);
        }
        if *found == expected as u8 {
            continue;
        }
        tally.differing += 1;
        assert!(
            !same_kernel && distance <= APART && found.abs_diff(expected as u8) == 1,
            "{name}: {found} instead of {expected}"
        );
    }

    let mut plane = vec![0.0; pixels];
    if !case.of_one_thread() || small {
        for (channel, expected) in expected.chunks_exact(pixels).enumerate() {
            let source: Vec<f32> =
                image.data.iter().skip(channel).step_by(3).map(|&value| f32::from(value)).collect();
            sampler.plane(&source, image.size, rows, columns, 128.0, &mut plane);
            assert_eq!(plane, expected, "{name}: channel {channel}");
        }
    }
    sampler.label(&label, rows, columns, 0.0, &mut plane);
    assert_eq!(plane, case.f32("label_f32").1, "{name}: label");
}

#[test]
fn jitter_equals_pytorch() {
    let mut tally = Tally::default();
    for path in golden_files("geometry", "jitter_") {
        let case = Case::read(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let number = |key: &str| case.word(key).as_u64().unwrap() as usize;
        let (shape, _) = case.u8("source_image");
        let (height, width) = (shape[0], shape[1]);
        let size = number("size");
        let scaled = jitter_size(case.word("rand").as_f64().unwrap() as f32, size, height, width);
        let flip = case.word("flip").as_bool().unwrap();
        let rows = AxisTable::new(height, scaled.0, false, number("offset_h"), size);
        let columns = AxisTable::new(width, scaled.1, flip, number("offset_w"), size);
        check(&case, &rows, &columns, &name, &mut tally);
    }
    tally.check();
}

#[test]
fn resizing_equals_pytorch() {
    let mut tally = Tally::default();
    for path in golden_files("geometry", "resize_") {
        let case = Case::read(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let size = case.word("size");
        let side = |axis: usize| size[axis].as_u64().unwrap() as usize;
        let (shape, _) = case.u8("source_image");
        let rows = AxisTable::new(shape[0], side(0), false, 0, side(0));
        let columns = AxisTable::new(shape[1], side(1), false, 0, side(1));
        check(&case, &rows, &columns, &name, &mut tally);
    }
    tally.check();
}

#[test]
fn metrics_equal_the_reference() {
    for path in golden_files("metrics", "case_") {
        let case = Case::read(&path);
        let (shape, logits) = case.f32("logits");
        let (size, label) = case.u8("label_u8");
        let up = resize_plane(&logits, Size::new(shape[2], shape[3]), Size::new(size[0], size[1]));
        let prediction = Bitmap::from_logits(&up, Size::new(size[0], size[1]));
        let truth = Bitmap::from_grey(&GreyImage::new(Size::new(size[0], size[1]), label).unwrap());
        // The reference holds both in f32.
        let expected = |name: &str| case.word(name).as_f64().unwrap() as f32;
        assert_eq!(metric::iou(&prediction, &truth) as f32, expected("iou"), "{}", path.display());
        let boundary = metric::boundary_iou(&prediction, &truth, 0.02) as f32;
        assert_eq!(boundary, expected("boundary_iou"), "{}", path.display());
    }
}

/// PyTorch's documented formula in f64, on a picture made here.
#[test]
fn sampling_follows_the_formula() {
    let (height, width) = (23, 31);
    let source: Vec<u8> = (0..height * width * 3).map(|i| (i * i % 251) as u8).collect();
    let image = RgbImage::new(Size::new(height, width), source.clone()).unwrap();
    for (scaled_h, scaled_w, flip, top, left, out) in
        [(46, 62, false, 5, 9, 32), (9, 13, true, 0, 0, 16), (61, 77, true, 20, 30, 40)]
    {
        let rows = AxisTable::new(height, scaled_h, false, top, out);
        let columns = AxisTable::new(width, scaled_w, flip, left, out);
        let mut result = vec![0; 3 * out * out];
        Sampler::new().image(&image, &rows, &columns, 128, &mut result);
        for c in 0..3 {
            for y in 0..out {
                for x in 0..out {
                    let at = (c * out + y) * out + x;
                    if y + top >= scaled_h || x + left >= scaled_w {
                        assert_eq!(result[at], 128);
                        continue;
                    }
                    let position = |d: usize, n: usize, s: usize| {
                        ((d as f64 + 0.5) * n as f64 / s as f64 - 0.5).clamp(0.0, n as f64 - 1.0)
                    };
                    let (sy, sx) =
                        (position(y + top, height, scaled_h), position(x + left, width, scaled_w));
                    let pixel = |y: usize, x: usize| {
                        let (y, x) = (y.min(height - 1), x.min(width - 1));
                        let x = if flip { width - 1 - x } else { x };
                        f64::from(source[(y * width + x) * 3 + c])
                    };
                    let (y0, x0) = (sy as usize, sx as usize);
                    let (wy, wx) = (sy - y0 as f64, sx - x0 as f64);
                    let value = (1.0 - wy) * ((1.0 - wx) * pixel(y0, x0) + wx * pixel(y0, x0 + 1))
                        + wy * ((1.0 - wx) * pixel(y0 + 1, x0) + wx * pixel(y0 + 1, x0 + 1));
                    assert!(
                        (f64::from(result[at]) + 0.5 - value).abs() < 0.501,
                        "{c} {y} {x}: {value}"
                    );
                }
            }
        }
    }
}
