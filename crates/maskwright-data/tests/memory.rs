//! What an open set keeps in memory: at most 100 bytes a record, whatever its files hold.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use maskwright_data::source::{OpenContext, PairsSource, SetSpec, Source};
use serde_json::json;

/// Bytes that are allocated now.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the pointer came from `alloc`, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that the set holds for a record, once it is open.
fn held(open: impl FnOnce() -> Box<dyn Source>) -> f64 {
    let before = HELD.load(Ordering::SeqCst);
    let set = open();
    let after = HELD.load(Ordering::SeqCst);
    (after - before) as f64 / set.len() as f64
}

fn files(folder: &Path, count: usize, ending: &str) {
    std::fs::create_dir_all(folder).unwrap();
    for n in 0..count {
        std::fs::write(folder.join(format!("photograph_{n:06}.{ending}")), "").unwrap();
    }
}

/// One test, since the counter is of the whole process.
#[test]
fn a_record_takes_little_memory() {
    let root = tempfile::tempdir().unwrap();
    let (images, masks) = (root.path().join("images"), root.path().join("masks"));
    files(&images, 4000, "jpg");
    files(&masks, 4000, "png");
    let spec = SetSpec::pairs("pairs", &images, &masks);
    let pairs = held(|| Box::new(PairsSource::open(&spec).unwrap()));
    assert!((20.0..100.0).contains(&pairs), "{pairs} bytes a pair");

    let annotations = root.path().join("instances.json");
    let listed: Vec<_> = (0..4000)
        .map(|n| json!({"id": n, "file_name": format!("photograph_{n:06}.jpg"), "width": 60, "height": 40}))
        .collect();
    let objects: Vec<_> = (0..12_000)
        .map(|n| json!({"id": n, "image_id": n / 3, "segmentation": [[1, 1, 20, 1, 20, 9]], "iscrowd": 0}))
        .collect();
    let file = json!({"images": listed, "annotations": objects, "categories": []});
    std::fs::write(&annotations, file.to_string()).unwrap();
    let spec = SetSpec::coco("coco", &annotations, &images);
    let coco = held(|| Box::new(spec.open(&OpenContext::default()).unwrap()));
    assert!(coco < 20.0, "{coco} bytes an image");
    let again = held(|| Box::new(spec.open(&OpenContext::default()).unwrap()));
    assert!(again < 20.0, "{again} bytes an image from the cache");
}
