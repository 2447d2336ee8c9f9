//! Every instruction set against the definition, pixel by pixel.

use proptest::prelude::*;

use super::axis::{AxisTable, Taps};
use super::isa::Isa;
use super::sampler::Sampler;
use crate::image::{GreyImage, RgbImage};
use crate::mask::{Bitmap, Rle};
use crate::size::Size;

/// The four pixels of an output and their weights, straight from the tables.
fn four<T: Copy + Into<f32>>(
    pixel: impl Fn(u32, u32) -> T,
    (rows, y): (&Taps, usize),
    (columns, x): (&Taps, usize),
) -> ([f32; 4], [f32; 2], [f32; 2]) {
    let at = |row: &[u32], column: &[u32]| pixel(row[y], column[x]).into();
    let pixels = [
        at(&rows.i0, &columns.i0),
        at(&rows.i0, &columns.i1),
        at(&rows.i1, &columns.i0),
        at(&rows.i1, &columns.i1),
    ];
    (pixels, [rows.w0[y], rows.w1[y]], [columns.w0[x], columns.w1[x]])
}

/// The definition of the pictures' kernel.
fn chain(([p00, p01, p10, p11], h, w): ([f32; 4], [f32; 2], [f32; 2])) -> f32 {
    let inner = p00.mul_add(h[0] * w[0], p01 * (h[0] * w[1]));
    p11.mul_add(h[1] * w[1], p10.mul_add(h[1] * w[0], inner))
}

/// The definition of the planes' kernel.
fn rows_of_columns(([p00, p01, p10, p11], h, w): ([f32; 4], [f32; 2], [f32; 2])) -> f32 {
    let (top, bottom) = (p00.mul_add(w[0], p01 * w[1]), p10.mul_add(w[0], p11 * w[1]));
    top.mul_add(h[0], bottom * h[1])
}

/// Sizes with everything that loops get wrong: 1, around vector lengths, primes, thousands.
fn side() -> impl Strategy<Value = usize> {
    prop_oneof![
        1usize..40,
        prop::sample::select(vec![
            1, 2, 15, 16, 17, 31, 32, 33, 61, 63, 64, 65, 127, 251, 509, 1021
        ]),
        40usize..5000
    ]
}

fn axis(longest: usize) -> impl Strategy<Value = AxisTable> {
    (side(), any::<bool>(), 0.0f64..1.0, 0.0f64..1.0, 0usize..200).prop_map(
        move |(source, flip, scale, offset, output)| {
            let source = source.min(longest);
            let scaled = 1 + (scale * scale * 3.0 * source as f64) as usize;
            AxisTable::new(source, scaled, flip, (offset * scaled as f64) as usize, output)
        },
    )
}

fn bytes(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    // Extremes often, zero rows sometimes.
    (0..n).map(|i| if i / 97 % 3 == 0 { 0 } else { next().saturating_mul(2) }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pictures_equal_the_definition(rows in axis(300), columns in axis(5000), seed: u64) {
        let (height, width) = (rows.source(), columns.source());
        let image = RgbImage::new(Size::new(height, width), bytes(height * width * 3, seed)).unwrap();
        let mut expected = vec![77; 3 * rows.output() * columns.output()];
        for c in 0..3 {
            for y in 0..rows.visible() {
                for x in 0..columns.visible() {
                    let pixel = |y: u32, x: u32| image.data[(y as usize * width + x as usize) * 3 + c];
                    let value = chain(four(pixel, (&rows.fused, y), (&columns.fused, x)));
                    expected[(c * rows.output() + y) * columns.output() + x] = value as u8;
                }
            }
        }
        for isa in Isa::all() {
            let mut out = vec![1; expected.len()];
            let mut sampler = Sampler::with_isa(isa);
            sampler.image(&image, &rows, &columns, 77, &mut out);
            prop_assert!(out == expected, "{}", isa.name());
        }
    }

    #[test]
    fn labels_and_planes_equal_the_definition(rows in axis(300), columns in axis(5000), seed: u64) {
        let (height, width) = (rows.source(), columns.source());
        let label = GreyImage::new(Size::new(height, width), bytes(height * width, seed)).unwrap();
        let plane: Vec<f32> = label.data.iter().map(|&value| (f32::from(value) - 100.0) * 0.37).collect();
        let small = rows.scaled() + columns.scaled() <= 128;
        let mut expected = [vec![-5.0; rows.output() * columns.output()], vec![-5.0; rows.output() * columns.output()]];
        for y in 0..rows.visible() {
            for x in 0..columns.visible() {
                let at = |y: u32, x: u32| y as usize * width + x as usize;
                let (rows_at, columns_at) =
                    if small { (&rows.fused, &columns.fused) } else { (&rows.plain, &columns.plain) };
                let define = if small { chain } else { rows_of_columns };
                let out = y * columns.output() + x;
                expected[0][out] = define(four(|y, x| label.data[at(y, x)], (rows_at, y), (columns_at, x)));
                expected[1][out] = define(four(|y, x| plane[at(y, x)], (rows_at, y), (columns_at, x)));
            }
        }
        for isa in Isa::all() {
            let mut out = vec![1.0; rows.output() * columns.output()];
            let mut sampler = Sampler::with_isa(isa);
            sampler.label(&label, &rows, &columns, -5.0, &mut out);
            prop_assert!(out == expected[0], "label, {}", isa.name());
            let mut foreground = Bitmap::default();
            sampler.label_and_foreground(&label, &rows, &columns, &mut out, &mut foreground);
            let zero_padded: Vec<f32> = expected[0].iter().map(|v| v.max(0.0)).collect();
            prop_assert!(out == zero_padded, "label with foreground, {}", isa.name());
            prop_assert_eq!(&foreground, &Bitmap::from_label(&out, Size::new(rows.output(), columns.output())));
            sampler.plane(&plane, Size::new(height, width), &rows, &columns, -5.0, &mut out);
            prop_assert!(out == expected[1], "plane, {}", isa.name());
        }
    }
}

/// Masks as there are: objects of any size anywhere, with thin parts and holes; noise; empty and full.
fn drawn(height: usize, width: usize, seed: u64, kind: u8) -> Bitmap {
    let hash = |k: usize| (seed ^ k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let part = |k: usize, of: usize| (hash(k) % of as u64) as f64;
    let (cy, cx) = (part(1, height), part(2, width));
    let radius = 0.6 + part(3, 1 + height.min(width) / if kind < 4 { 12 } else { 1 });
    Bitmap::from_fn(Size::new(height, width), |y, x| {
        let (dy, dx) = (y as f64 - cy, x as f64 - cx);
        match kind {
            0 | 4 => dy * dy + dx * dx <= radius * radius,
            1 | 5 => (radius / 2.0..radius).contains(&dy.hypot(dx)),
            2 => dy.abs() < 0.5 || dx.abs() < 0.5,
            3 => y == cy as usize && x == cx as usize,
            6 => hash(y * 7919 + x).is_multiple_of(3),
            7 => false,
            _ => true,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn run_length_masks_equal_their_pictures(rows in axis(300), columns in axis(700), seed: u64, kind in 0u8..9) {
        let mask = drawn(rows.source(), columns.source(), seed, kind);
        let runs = Rle::from_bitmap(&mask);
        let grey = runs.to_grey();
        prop_assert_eq!(&Bitmap::from_grey(&grey), &mask);
        for isa in Isa::all() {
            let mut sampler = Sampler::with_isa(isa);
            let mut outputs = [0; 3].map(|_| vec![7.0f32; rows.output() * columns.output()]);
            let [expected, both, alone] = &mut outputs;
            let [mut expected_foreground, mut foreground] = [Bitmap::default(), Bitmap::default()];
            sampler.label_and_foreground(&grey, &rows, &columns, expected, &mut expected_foreground);
            // Twice, the second time in used buffers.
            for _ in 0..2 {
                sampler.rle_and_foreground(&runs, &rows, &columns, both, &mut foreground);
                sampler.rle_label(&runs, &rows, &columns, alone);
            }
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert!(bits(both) == bits(expected), "{}", isa.name());
            prop_assert!(bits(alone) == bits(expected), "alone, {}", isa.name());
            prop_assert_eq!(&foreground, &expected_foreground);
        }
    }
}

/// Every mask of a few pixels through every table of a few pixels.
#[test]
fn small_run_length_masks_equal_their_pictures() {
    let mut sampler = Sampler::new();
    let mut checked = 0;
    for (height, width) in [(1, 1), (1, 5), (4, 1), (2, 3), (3, 3)] {
        let tables = |source: usize| {
            let mut tables = Vec::new();
            for scaled in [1, 2, 3, 4, 7, 70] {
                for (offset, flip) in
                    [(0, false), (0, true), (scaled / 2, false), (scaled / 2, true), (scaled, true)]
                {
                    tables.push(AxisTable::new(source, scaled, flip, offset, 66.min(scaled + 1)));
                }
            }
            tables
        };
        for bits in 0..1u32 << (height * width) {
            let mask =
                Bitmap::from_fn(Size::new(height, width), |y, x| bits >> (y * width + x) & 1 == 1);
            let (runs, grey) = (Rle::from_bitmap(&mask), mask.to_grey());
            // All tables with all masks would be millions: a stride that meets every pair over the masks.
            for (k, rows) in tables(height).iter().enumerate() {
                let all = tables(width);
                let columns = &all[(k * 7 + bits as usize) % all.len()];
                let [mut expected, mut out] =
                    [0; 2].map(|_| vec![9.0f32; rows.output() * columns.output()]);
                let [mut expected_foreground, mut foreground] =
                    [Bitmap::default(), Bitmap::default()];
                sampler.label_and_foreground(
                    &grey,
                    rows,
                    columns,
                    &mut expected,
                    &mut expected_foreground,
                );
                sampler.rle_and_foreground(&runs, rows, columns, &mut out, &mut foreground);
                assert_eq!(out, expected, "{mask:?} {rows:?} {columns:?}");
                assert_eq!(foreground, expected_foreground);
                checked += 1;
            }
        }
    }
    assert!(checked > 15_000);
}

#[test]
fn the_scalar_path_is_always_there() {
    let names: Vec<&str> = Isa::all().into_iter().map(Isa::name).collect();
    assert_eq!(names.last(), Some(&"scalar"));
    assert!(names.contains(&Isa::detect().name()));
    for &name in &names {
        assert_eq!(Isa::named(name.as_ref()).unwrap().name(), name);
    }
    assert_eq!(Isa::named("".as_ref()).unwrap().name(), names[0]);
    let error = Isa::named("mmx".as_ref()).unwrap_err().to_string();
    assert!(
        error.contains("MASKWRIGHT_SIMD") && error.contains("mmx") && error.contains("scalar"),
        "{error}"
    );
    println!("this machine has {names:?}");
}
