//! What is fuzzed: a function that takes any bytes and panics where a promise is broken.
//!
//! The target in `fuzz/` calls it, and so does this test on seeds and seeded changes of them.

use maskwright_model::weights::{Checkpoint, Container, Tensors, detect};

/// Any bytes as a checkpoint: as they are, or as a part of one that is otherwise right, so that
/// changed bytes reach what lies behind a checksum or a length. What opens lists tensors whose values
/// have their shapes and are no more than the file can mean; and what can be read can be written
/// and read again.
pub(crate) fn checkpoint(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let file = match kind % 4 {
        0 => rest.to_vec(),
        1 => zip_with(rest),
        2 => [LEGACY_HEAD, rest].concat(),
        _ => safetensors_with(rest),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("any");
    std::fs::write(&path, &file).expect("written");
    let Ok(checkpoint) = Checkpoint::open(&path) else { return };
    assert!(checkpoint.byte_len() <= 4 * file.len() as u64);
    let _ = detect(&checkpoint);
    let mut whole = true;
    for (name, shape) in checkpoint.shapes() {
        match checkpoint.values(&name) {
            Ok((values, _)) => assert_eq!(values.len(), shape.iter().product::<usize>()),
            Err(_) => whole = false,
        }
    }
    if !whole {
        return;
    }
    for (container, name) in [(Container::Safetensors, "b"), (Container::Pth, "c")] {
        let copy = folder.path().join(name);
        checkpoint.write(&copy, container).expect("written");
        let copy = Checkpoint::open(&copy).expect("what was written opens");
        // A name may look like a wrapper's or another library's once more; then it is undone again.
        if !copy.names().eq(checkpoint.names()) {
            continue;
        }
        for name in copy.names() {
            let bits = |c: &Checkpoint| -> Vec<u32> {
                c.values(name).expect("read").0.iter().map(|v| v.to_bits()).collect()
            };
            assert_eq!(bits(&copy), bits(&checkpoint), "{name}");
        }
    }
}

/// The magic number, version and system of a legacy file.
const LEGACY_HEAD: &[u8] =
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// A zip whose pickle ends where the first 0xff 0xff is, or at the end; what follows is its one storage.
fn zip_with(data: &[u8]) -> Vec<u8> {
    let split = data.windows(2).position(|w| w == [255, 255]);
    let (pickle, storage) = match split {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [("a/data.pkl", pickle), ("a/data/0", storage)] {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name, options).expect("started");
        std::io::Write::write_all(&mut zip, bytes).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

/// A header, up to the first 0xff, behind its right length, and the values.
fn safetensors_with(data: &[u8]) -> Vec<u8> {
    let split = data.iter().position(|&byte| byte == 255);
    let (header, values) = match split {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    [&(header.len() as u64).to_le_bytes(), header, values].concat()
}
