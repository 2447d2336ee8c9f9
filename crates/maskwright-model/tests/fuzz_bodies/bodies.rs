//! What is fuzzed: functions that take any bytes and panic where a promise is broken.
//!
//! The targets in `fuzz/` call them, and so do these tests on seeds and seeded changes of them.

use maskwright_model::device;
use maskwright_model::weights::{self, Checkpoint, Container, Tensors, detect};
use safetensors::{Dtype, SafeTensors};

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

/// Any bytes as the `config.json` beside a model's weights: no input panics, what is read is a configuration
/// of which a model can be made, and it is read again from what is written of it.
pub(crate) fn hf_config(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = |config: &[u8]| {
        std::fs::write(folder.path().join("config.json"), config).expect("written");
        let weights = safetensors_with(WEIGHTS);
        std::fs::write(folder.path().join("model.safetensors"), weights).expect("written");
        Checkpoint::open(folder.path())
    };
    let checkpoint = match open(data) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("config.json"), "{text}");
            return;
        }
    };
    let config = detect(&checkpoint).expect("what opens can be");
    config.validate().expect("what opens can be");
    let model = config.init(&device::host(), 0).expect("what opens can be made");
    assert!(!weights::shapes(&model).is_empty());
    let copy = folder.path().join("copy");
    if checkpoint.write(&copy, Container::HuggingFace).is_ok() {
        let json = std::fs::read(copy.join("config.json")).expect("written");
        assert_eq!(detect(&open(&json).expect("read again")).expect("can be"), config);
    }
}

/// A file of one tensor, by its name in transformers.
const WEIGHTS: &[u8] =
    b"{\"vision_encoder.neck.conv1.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}\xff\0\0\x80\x3f";

/// Any bytes as the header of a safetensors file, with as many values behind it as it asks for: no input
/// panics, and what the format's own reader reads is read with the same names, shapes and values, unless
/// it has more or other tensors than a model's.
pub(crate) fn safetensors_header(data: &[u8]) {
    const MAX_VALUES: usize = 1 << 20;
    let mut file = [&(data.len() as u64).to_le_bytes(), data].concat();
    let asked = serde_json::from_slice::<serde_json::Value>(data).ok();
    let ends = asked.as_ref().and_then(|json| json.as_object()).into_iter().flatten();
    let end = ends.filter_map(|(_, tensor)| tensor["data_offsets"][1].as_u64()).max().unwrap_or(0);
    let end = usize::try_from(end).unwrap_or(MAX_VALUES).min(MAX_VALUES);
    file.extend((0..end).map(|at| (at * 37) as u8));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("any.safetensors");
    std::fs::write(&path, &file).expect("written");
    let ours = match Checkpoint::open(&path) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("any.safetensors") && text.len() < 10_000, "{text}");
            return;
        }
    };
    let theirs = SafeTensors::deserialize(&file).expect("the format's own reader reads it");
    for (name, shape) in ours.shapes() {
        // What looks like a wrapper's or another library's name has become the official one.
        let Ok(view) = theirs.tensor(&name) else { continue };
        assert_eq!(view.shape(), shape, "{name}");
        let (values, _) = ours.values(&name).expect("values of every tensor");
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
        if view.dtype() == Dtype::F32 {
            let bits = view.data().as_chunks::<4>().0.iter().map(|&b| u32::from_le_bytes(b));
            assert!(bits.eq(values.iter().map(|value| value.to_bits())), "{name}");
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
