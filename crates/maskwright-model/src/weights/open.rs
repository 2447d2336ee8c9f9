//! Opening a checkpoint, whatever it is.

use std::io::Read;
use std::path::Path;

use super::checkpoint::{Checkpoint, Layout};
use super::names::wrapper_of;
use super::state::StateDict;
use super::{hugging_face, pytorch, safetensors_file};
use crate::error::{Error, Result};

impl Checkpoint {
    /// Opens a checkpoint: safetensors, PyTorch's `.pth` (zip or legacy), or a folder in Hugging
    /// Face's layout. What it is is told by its first bytes, not by its name.
    ///
    /// Names of Hugging Face's SamModel and SamHQModel become the official ones. A `module.` before
    /// every name, which PyTorch's distributed training leaves, is dropped, and of a training
    /// checkpoint what lies under `model`, `state_dict` or `model_state_dict` is taken. Values are
    /// f32, f16, bf16 or f64.
    ///
    /// A PyTorch file's pickle is first searched for anything but the rebuilding of tensors, and
    /// then interpreted by a reader that runs no code.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is none.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        if kind.is_dir() {
            return hugging_face::open_folder(path, &Self::open);
        }
        if !kind.is_file() {
            // To open a pipe would wait for whoever writes it.
            return Err(Error::Checkpoint {
                path: path.to_owned(),
                format: "expected a file or a folder",
                reason: "it is a device, a pipe or a socket".to_owned(),
            });
        }
        let mut checkpoint = match sniff(path)? {
            Layout::Safetensors | Layout::HuggingFace => safetensors_file::open(path)?,
            layout => pytorch::open(path, layout)?,
        };
        checkpoint.path = Some(path.to_owned());
        checkpoint.tidy_names(path)?;
        Ok(checkpoint)
    }

    /// Official names from what the file has.
    fn tidy_names(&mut self, path: &Path) -> Result<()> {
        if let Some(wrapper) = wrapper_of(self.names()) {
            self.strip(wrapper);
            let key = wrapper.trim_end_matches('.');
            self.notes.push(format!("took what lies under {key:?}, and nothing else"));
        }
        const PARALLEL: &str = "module.";
        if !self.tensors.is_empty() && self.tensors.keys().all(|n| n.starts_with(PARALLEL)) {
            self.strip(PARALLEL);
        }
        // The one name that a safetensors header keeps for itself.
        const RESERVED: &str = "__metadata__";
        let odd = match self.tensors.is_empty() {
            true => Some("it holds no tensor".to_owned()),
            false if self.tensors.contains_key(RESERVED) => {
                Some(format!("it has a tensor of the name {RESERVED}"))
            }
            false => None,
        };
        if let Some(reason) = odd {
            let format = "expected tensors by name";
            return Err(Error::Checkpoint { path: path.to_owned(), format, reason });
        }
        hugging_face::to_official_names(self);
        Ok(())
    }

    /// Keeps what has this prefix, without it.
    fn strip(&mut self, prefix: &str) {
        let renamed = std::mem::take(self).rename(|n| n.strip_prefix(prefix).map(str::to_owned));
        *self = renamed;
    }
}

impl StateDict {
    /// Reads all of a checkpoint into memory.
    ///
    /// # Errors
    /// As [`Checkpoint::open`] and [`Checkpoint::into_state`].
    pub fn read(path: &std::path::Path) -> Result<Self> {
        Checkpoint::open(path)?.into_state()
    }
}

/// What a file is, from its first bytes.
fn sniff(path: &Path) -> Result<Layout> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(64).read_to_end(&mut head).map_err(io)?;
    let not = |found: String| Error::Checkpoint {
        path: path.to_owned(),
        format: "expected a .pth or safetensors file",
        reason: found,
    };
    if head.is_empty() {
        return Err(not("it is empty".to_owned()));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Layout::Pth);
    }
    // Safetensors opens with the header's length in 8 bytes and its JSON.
    if head.get(8) == Some(&b'{') {
        return Ok(Layout::Safetensors);
    }
    // A pickle of protocol 2 and above opens with its number.
    if head[0] == 0x80 && head.get(1).is_some_and(|&protocol| protocol <= 5) {
        return Ok(Layout::LegacyPth);
    }
    let text = head.iter().all(|&byte| byte >= b' ' || byte.is_ascii_whitespace());
    Err(not(match String::from_utf8(head) {
        Ok(start) if text => {
            let start: String = start.chars().take(24).collect();
            format!("it is a text file that begins {start:?}")
        }
        _ => "its first bytes are of neither".to_owned(),
    }))
}
