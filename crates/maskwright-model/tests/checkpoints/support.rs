//! Small models and files of every layout.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use maskwright_model::weights::{Checkpoint, Container, StateDict, StateTensor, Tensors};
use maskwright_model::{EncoderConfig, Sam, SamConfig};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A folder that goes with the test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.join(name), bytes).unwrap();
        self.join(name)
    }
}

/// Opens a file and reads all of it.
pub(crate) fn read(path: &Path) -> Result<usize, maskwright_model::Error> {
    let checkpoint = Checkpoint::open(path)?;
    for name in checkpoint.names() {
        checkpoint.values(name)?;
    }
    Ok(checkpoint.len())
}

/// How a file is refused, in one line, its folder left out.
#[track_caller]
pub(crate) fn refusal(path: &Path) -> String {
    let refusal = without_folder(&read(path).expect_err("refused"), path);
    assert!(!refusal.contains('\n'), "{refusal}");
    refusal
}

/// An error's text, with a word for the folder of `path`.
pub(crate) fn without_folder(error: &maskwright_model::Error, path: &Path) -> String {
    error.to_string().replace(&path.parent().unwrap().display().to_string(), "FOLDER")
}

/// A model of 64 pixels with sizes that are nobody's defaults.
pub(crate) fn config() -> SamConfig {
    let mut config = SamConfig::small(64, 16, 32, 3);
    config.decoder.iou_head_depth = 4;
    config.decoder.mask_prompt_dim = 8;
    config.decoder.multimask = 2;
    config
}

/// A model whose sizes can be told from its tensors: 8 decoder heads, windows that are not the grid.
pub(crate) fn plain_config() -> SamConfig {
    let mut config = config();
    config.decoder.heads = 8;
    let EncoderConfig::Vit(vit) = &mut config.encoder else { panic!("not a ViT") };
    vit.window_size = 3;
    config
}

pub(crate) fn model(config: &SamConfig) -> Sam {
    config.init(&Device::flex(), 5).unwrap()
}

/// All values by name, and the number types.
pub(crate) fn contents(
    checkpoint: &Checkpoint,
) -> BTreeMap<String, (String, Vec<usize>, Vec<u32>)> {
    let shapes = checkpoint.shapes();
    let one = |name: &str| {
        let bits = checkpoint.values(name).unwrap().0.iter().map(|v| v.to_bits()).collect();
        let element = checkpoint.element(name).unwrap().to_string();
        (name.to_owned(), (element, shapes[name].clone(), bits))
    };
    checkpoint.names().map(one).collect()
}

/// A checkpoint of two tensors, for what needs no model.
pub(crate) fn pair() -> StateDict {
    let tensor = |shape: &[usize], values: &[f32]| StateTensor {
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    let mut state = StateDict::default();
    state.tensors.insert("a".into(), tensor(&[2, 3], &[1.0, -2.5, 3.25, 0.0, 1e-3, 7.0]));
    state.tensors.insert("b.weight".into(), tensor(&[2], &[0.5, -1.0]));
    state
}

/// The pair as a `.pth`, by its entries.
pub(crate) fn pair_entries(place: &Place) -> Vec<(String, Vec<u8>)> {
    let (there, here) = (place.join("pair.safetensors"), place.join("pair.pth"));
    pair().write(&there).unwrap();
    Checkpoint::open(&there).unwrap().write(&here, Container::Pth).unwrap();
    entries(&here)
}

pub(crate) fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// A zip of these entries, stored.
pub(crate) fn zip(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The same with another pickle.
pub(crate) fn with_pickle(entries: &[(String, Vec<u8>)], pickle: &[u8]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    let place = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
    entries[place].1 = pickle.to_vec();
    zip(&entries)
}

/// The older stream of pickles, from the entries of a zip: PyTorch writes the same tensors' pickle.
pub(crate) fn legacy(entries: &[(String, Vec<u8>)], value_size: usize) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    out.extend(b"\x80\x02M\xe9\x03.");
    out.extend(b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\x0d\x00\x00\x00little_endianq\x02\x88u.");
    let pickle = entries.iter().find(|(name, _)| name.ends_with("data.pkl")).unwrap();
    out.extend(&pickle.1);
    let storages: Vec<(&str, &[u8])> = entries
        .iter()
        .filter_map(|(name, bytes)| Some((name.split_once("/data/")?.1, bytes.as_slice())))
        .collect();
    out.extend(b"\x80\x02]q\x00(");
    for (key, _) in &storages {
        out.push(b'X');
        out.extend((key.len() as u32).to_le_bytes());
        out.extend(key.bytes());
    }
    out.extend(b"e.");
    for (_, bytes) in storages {
        out.extend(((bytes.len() / value_size) as u64).to_le_bytes());
        out.extend(bytes);
    }
    out
}
