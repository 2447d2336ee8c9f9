//! What several tests share.
#![allow(dead_code, reason = "not every test uses everything")]

pub(crate) mod formats;
pub(crate) mod jpeg;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// A folder beside the repository with files that are not part of it; none where it is not there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    let found = path.is_dir().then_some(path);
    if found.is_none() {
        eprintln!("left out: the optional folder ../shared/{folder} is not here");
    }
    found
}

/// The golden cases of a folder whose name starts with `prefix`: those of the repository, and after
/// them those of `../shared/golden`, where it is there.
pub(crate) fn golden_files(folder: &str, prefix: &str) -> Vec<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut files = files_of(&own, prefix);
    assert!(!files.is_empty(), "no {prefix}* in {}", own.display());
    if let Some(more) = shared(&format!("golden/{folder}")) {
        files.extend(files_of(&more, prefix));
    }
    files
}

/// The files of a folder whose name starts with `prefix`, sorted.
fn files_of(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
        .collect();
    files.sort();
    files
}

/// A golden case: named tensors and named words.
pub(crate) struct Case {
    bytes: Vec<u8>,
    words: HashMap<String, String>,
}

impl Case {
    pub(crate) fn read(path: &PathBuf) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let words = metadata.metadata().clone().unwrap_or_default();
        Self { bytes, words }
    }

    /// Whether PyTorch had one thread when it made the case.
    pub(crate) fn of_one_thread(&self) -> bool {
        self.words.get("threads").is_some_and(|threads| threads == "1")
    }

    /// A metadata value, which is JSON.
    pub(crate) fn word(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.words[name]).unwrap()
    }

    pub(crate) fn u8(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), Dtype::U8);
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    pub(crate) fn f32(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), Dtype::F32);
        let values =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (tensor.shape().to_vec(), values.collect())
    }
}

/// The same numbers on every run and machine (SplitMix64).
pub(crate) struct Hash(pub(crate) u64);

impl Hash {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// The content of a PNG's chunks of one kind, joined.
pub(crate) fn png_chunks(file: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let (mut at, mut content) = (8, Vec::new());
    while at + 8 < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if file[at + 4..at + 8] == *kind {
            content.extend(&file[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    content
}

/// A PNG with the given header and chunks, checksums and end chunk added.
pub(crate) fn png_file(
    width: u32,
    height: u32,
    depth: u8,
    colour: u8,
    chunks: &[(&[u8; 4], &[u8])],
) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut put = |kind: &[u8; 4], content: &[u8]| {
        file.extend((content.len() as u32).to_be_bytes());
        let checked = [&kind[..], content].concat();
        file.extend(&checked);
        file.extend(crc32(&checked).to_be_bytes());
    };
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    put(b"IHDR", &[&sides[..], &[depth, colour, 0, 0, 0]].concat());
    chunks.iter().for_each(|(kind, content)| put(kind, content));
    put(b"IEND", &[]);
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    };
    !bytes.iter().fold(u32::MAX, byte)
}
