//! Opening a checkpoint, whatever it is.

use std::io::Read;
use std::path::Path;

use super::checkpoint::{Checkpoint, Layout};
use super::pytorch::Part;
use super::state::StateDict;
use super::wrappers::unwrap;
use super::{hugging_face, low_rank, pytorch, safetensors_file};
use crate::error::{Error, Result};

impl Checkpoint {
    /// Opens a checkpoint: safetensors, PyTorch's `.pth` (zip or legacy), or a folder in Hugging
    /// Face's layout. What it is is told by its first bytes, not by its name.
    ///
    /// Names of Hugging Face's SamModel and SamHQModel become the official ones. What frameworks put
    /// before the names (`model.`, `module.`, `_orig_mod.`, `sam.`, ...) is dropped, and of a training
    /// checkpoint the model alone is taken; the notes say so. Values are f32, f16, bf16 or f64.
    ///
    /// A PyTorch file's pickle is interpreted by a reader that runs no code. Objects beside the tensors
    /// are passed over, and none of them is built.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is none.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        if kind.is_dir() {
            return hugging_face::open_folder(path, &Self::open_part);
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
            Layout::Safetensors | Layout::HuggingFace => {
                let mut checkpoint = safetensors_file::open(path)?;
                checkpoint.undo_wrappers(path)?;
                checkpoint
            }
            layout => pytorch::open(path, layout, Part::Whole)?,
        };
        checkpoint.path = Some(path.to_owned());
        checkpoint.tidy_names(path)?;
        Ok(checkpoint)
    }

    /// A file as it is, with its own names: a shard of a model, or all of it.
    fn open_part(path: &Path) -> Result<Self> {
        match sniff(path)? {
            Layout::Safetensors | Layout::HuggingFace => safetensors_file::open(path),
            layout => pytorch::open(path, layout, Part::Shard),
        }
    }

    /// Keeps the model alone, without what frameworks put before its names.
    pub(super) fn undo_wrappers(&mut self, path: &Path) -> Result<()> {
        let bad = |reason| Error::Checkpoint { path: path.to_owned(), format: "a model", reason };
        let mut model = unwrap(self.names()).map_err(bad)?;
        let expected = model.names.len();
        *self = std::mem::take(self).rename(|name| model.names.remove(name));
        self.notes.append(&mut model.notes);
        if self.len() < expected {
            return Err(bad("two of its tensors have the same name without their wrappers".into()));
        }
        Ok(())
    }

    /// Official names from what the file has.
    fn tidy_names(&mut self, path: &Path) -> Result<()> {
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
        low_rank::merge_inside(self)?;
        hugging_face::to_official_names(self);
        Ok(())
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
