//! After a few samples a maker takes memory for what it returns, and for nothing else.

#![cfg(target_os = "linux")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use maskwright_data::prompt::PromptKind;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleConfig, SampleMaker, ViewBuffers};
use maskwright_data::source::{Mix, PairsSource, SetSpec};
use maskwright_image::decode::decoder_name;
use maskwright_image::encode::{jpeg_rgb, png_grey};
use maskwright_image::{RgbImage, Size};

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
fn a_sample_takes_memory_for_its_output_alone() {
    if !decoder_name().starts_with("mozjpeg") || !cfg!(target_pointer_width = "64") {
        return eprintln!("left out: this build decodes without libjpeg");
    }
    let root = tempfile::tempdir().unwrap();
    for (at, (width, height)) in [(300, 200), (90, 260), (401, 399)].into_iter().enumerate() {
        let pixels = (0..width * height * 3).map(|i| (i / 7 % 251) as u8).collect();
        let image = RgbImage::new(Size::new(height, width), pixels).unwrap();
        let mask = common::disc(width, height);
        common::write(root.path().join(format!("i/{at}.jpg")), jpeg_rgb(&image, 80).unwrap());
        common::write(root.path().join(format!("m/{at}.png")), png_grey(&mask).unwrap());
    }
    let spec = SetSpec::pairs("set", root.path().join("i"), root.path().join("m"));
    let mix = Mix::of(PairsSource::open(&spec).unwrap()).unwrap();
    let size = 128;
    let mut maker = SampleMaker::new(SampleConfig::for_size(size)).unwrap();
    let (mut image, mut labels) = (vec![0; 3 * size * size], vec![0.0; size * size]);
    let (mut prompts, mut objects) = (Vec::with_capacity(1), Vec::with_capacity(1));
    let mut ignored = Vec::with_capacity(1);
    let mut seen = [false; 3];
    for round in 0..3 {
        for epoch in 0..40 {
            let key = SampleKey::in_epoch(1, epoch, epoch % 3);
            prompts.clear();
            objects.clear();
            ignored.clear();
            let mut buffers = ViewBuffers {
                image: &mut image,
                image_wanted: true,
                labels: &mut labels,
                prompts: &mut prompts,
                objects: &mut objects,
                ignored: &mut ignored,
            };
            let before = ALLOCATIONS.get();
            let _info = maker.view_into(&mix, key, &mut buffers).unwrap();
            let taken = ALLOCATIONS.get() - before;
            // The name of the record, and the points or the mask of the prompt.
            let prompt = &prompts[0];
            let output = 1 + usize::from(prompt.kind != PromptKind::Box);
            seen[prompt.kind as usize] = true;
            if round > 0 {
                assert_eq!(taken, output, "round {round}, epoch {epoch}, {}", prompt.kind);
            }
        }
    }
    assert_eq!(seen, [true; 3]);
}
