//! After the first picture a sampler takes no memory of its own.

#[cfg(feature = "mozjpeg")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    use maskwright_image::decode::{Limits, decoder_name};
    use maskwright_image::mask::{Bitmap, PolygonScratch, Rle};
    use maskwright_image::sample::{AxisTable, Sampler};
    use maskwright_image::{GreyImage, RgbImage, Size, encode};

    thread_local! {
        static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    }

    struct Counting;

    // SAFETY: every call goes to the system's allocator unchanged.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // During a thread's end the counter may be gone.
            let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
            // SAFETY: the caller's contract is the system allocator's.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            // SAFETY: the pointer came from `alloc`, which is the system's.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    /// libjpeg's own pools come from C and are not counted.
    #[test]
    fn sampling_reuses_its_buffers() {
        if !decoder_name().starts_with("mozjpeg") {
            return eprintln!("left out: this build decodes without libjpeg");
        }
        let pixels = (0..300 * 200 * 3).map(|i| (i / 7 % 251) as u8).collect();
        let image = RgbImage::new(Size::new(200, 300), pixels).unwrap();
        let file = encode::jpeg_rgb(&image, 80).unwrap();
        let mask = GreyImage::new(
            Size::new(200, 300),
            (0..300 * 200).map(|i| (i / 900 % 2 * 255) as u8).collect(),
        )
        .unwrap();
        let (rows, columns) =
            (AxisTable::new(200, 250, false, 20, 128), AxisTable::new(300, 375, true, 90, 128));
        let (mut out, mut label) = (vec![0; 3 * 128 * 128], vec![0.0; 128 * 128]);
        let mut sampler = Sampler::new();
        let limits = Limits::default();
        for round in 0..3 {
            let before = ALLOCATIONS.get();
            sampler.image_from_bytes(&file, &limits, &rows, &columns, 128, &mut out).unwrap();
            sampler.image(&image, &rows, &columns, 128, &mut out);
            sampler.label(&mask, &rows, &columns, 0.0, &mut label);
            if round > 0 {
                assert_eq!(ALLOCATIONS.get() - before, 0, "round {round}");
            }
        }
    }

    /// From a record's text or polygons to a sample.
    #[test]
    fn run_length_masks_reuse_their_buffers() {
        let polygons: Vec<Vec<f64>> = (0..3)
            .map(|k| vec![40.0 * f64::from(k), 10.0, 290.0, 150.5, 20.25, 190.0, 100.0, 20.0])
            .collect();
        let drawn = Rle::from_polygons(Size::new(200, 300), &polygons).unwrap();
        let text = drawn.to_compressed();
        let (rows, columns) =
            (AxisTable::new(200, 250, false, 20, 128), AxisTable::new(300, 375, true, 90, 128));
        let small = [AxisTable::new(200, 60, true, 0, 50), AxisTable::new(300, 60, false, 9, 50)];
        let (mut mask, mut foreground) = (Rle::default(), Bitmap::default());
        let (mut sampler, mut scratch) = (Sampler::new(), PolygonScratch::default());
        let (mut label, mut small_label) = (vec![0.0; 128 * 128], vec![0.0; 50 * 50]);
        for round in 0..3 {
            let before = ALLOCATIONS.get();
            mask.parse_into(Size::new(200, 300), text.as_bytes()).unwrap();
            sampler.rle_and_foreground(&mask, &rows, &columns, &mut label, &mut foreground);
            mask.set_polygons(Size::new(200, 300), &polygons, &mut scratch).unwrap();
            sampler.rle_label(&mask, &small[0], &small[1], &mut small_label);
            mask.set_counts(Size::new(200, 300), drawn.counts().iter().copied()).unwrap();
            if round > 0 {
                assert_eq!(ALLOCATIONS.get() - before, 0, "round {round}");
            }
            assert_eq!(mask, drawn);
        }
    }
}
