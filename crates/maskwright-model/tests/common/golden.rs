//! Where the golden cases are, and how they are read.

use std::path::{Path, PathBuf};

use maskwright_model::weights::{StateDict, StateTensor};
use maskwright_model::{PromptInput, PromptPoint};
use safetensors::{Dtype, SafeTensors};

/// The folders of golden cases: that of the repository, and `../shared/golden/model` where it is there.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Away from the repository the tests are told where the cases are.
    let own = std::env::var_os("MASKWRIGHT_GOLDEN").map(PathBuf::from);
    let own = own.map_or(root.join("tests/golden"), |cases| cases.join("maskwright-model"));
    assert!(own.is_dir(), "no golden cases at {}", own.display());
    let mut folders = vec![own];
    let shared = root.join("../../../shared/golden/model");
    if shared.is_dir() {
        folders.push(shared);
    } else {
        eprintln!("left out: the optional folder ../shared/golden/model is not here");
    }
    folders
}

/// A safetensors file with pictures in it: the float tensors, the bytes, and the metadata.
pub(crate) struct Case {
    pub(crate) floats: StateDict,
    /// The one tensor of bytes, and its shape.
    pub(crate) images: (Vec<usize>, Vec<u8>),
}

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let mut floats = StateDict::default();
        floats.metadata.extend(header.metadata().clone().unwrap_or_default());
        let mut images = (Vec::new(), Vec::new());
        for (name, view) in file.tensors() {
            if view.dtype() == Dtype::U8 {
                images = (view.shape().to_vec(), view.data().to_vec());
                continue;
            }
            let values = view.data().as_chunks::<4>().0.iter();
            let values = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
            floats.tensors.insert(name, StateTensor { shape: view.shape().to_vec(), values });
        }
        Self { floats, images }
    }

    pub(crate) fn get(&self, name: &str) -> &StateTensor {
        &self.floats.tensors[name]
    }

    /// A metadata value, which is JSON; `default` where the file has none of that name.
    pub(crate) fn word<T: serde::de::DeserializeOwned>(&self, name: &str, default: T) -> T {
        let text = self.floats.metadata.get(name);
        text.map_or(default, |text| serde_json::from_str(text).unwrap())
    }

    /// The four prompts of a forward file; the second value is the image each is for.
    pub(crate) fn prompts(&self) -> Vec<(PromptInput, usize)> {
        let values = |name: &str| self.get(name).values.clone();
        let corners: [f32; 4] = values("box").try_into().unwrap();
        let points: Vec<PromptPoint> = values("point_coords")
            .chunks_exact(2)
            .zip(values("point_labels"))
            .map(|(xy, label)| PromptPoint::new(xy[0], xy[1], label as i32))
            .collect();
        let mask = values("mask_input");
        vec![
            (PromptInput::from_box(corners), 0),
            (PromptInput::from_points(points.clone()), 1),
            (PromptInput::from_mask(mask.clone()), 2),
            (PromptInput { points, box_xyxy: Some(corners), mask: Some(mask.into()) }, 2),
        ]
    }
}
