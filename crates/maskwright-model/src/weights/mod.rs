//! Checkpoints: reading, applying and writing the official names and layouts.
//!
//! A [`Checkpoint`] is a file whose tensors are fetched when they are needed, a [`StateDict`] one in
//! memory; both map official names to values in PyTorch's layout ([`Tensors`]). They come from a file
//! ([`Checkpoint::open`]: safetensors, PyTorch's `.pth`, a folder of Hugging Face's) or from a model
//! ([`Checkpoint::of`]), and go to a file ([`Checkpoint::write`]) or into a model ([`apply`]).
//! [`load`] does all that a program needs: it reads a file, tells the configuration from it, and
//! builds the model.
//!
//! The files here lie in layers, each of which knows those before it alone: tensors by name
//! (`checkpoint`, `state`, `tensors`, `names`, `by_name`, `wrappers`, `element`, `limits`); the layouts of files (`safetensors_file`,
//! `pytorch`, `hugging_face`); models as tensors (`model`, `apply`, `detect`, `check`, `decoder`,
//! `tuned`); and what a program asks for (`open`, `save`, `load`).
//!
//! ```no_run
//! use burn::tensor::Device;
//! use maskwright_model::weights::{LoadOptions, load, save};
//!
//! # fn main() -> Result<(), maskwright_model::Error> {
//! let device = Device::flex();
//! let loaded = load("sam_hq_vit_b.pth".as_ref(), &LoadOptions::default(), &device)?;
//! save(&loaded.sam, "copy.safetensors".as_ref())?;
//! # Ok(())
//! # }
//! ```

mod apply;
pub(crate) mod by_name;
mod check;
pub(crate) mod checkpoint;
mod content;
mod conventions;
mod decoder;
mod detect;
pub(crate) mod element;
pub(crate) mod encoder_hash;
mod foreign;
mod hugging_face;
mod keys;
mod limits;
mod load;
mod low_rank;
pub(crate) mod model;
pub(crate) mod names;
mod open;
mod part;
mod patterns;
mod permute;
mod pytorch;
mod resize;
mod safetensors_file;
mod save;
mod shared_file;
mod state;
pub(crate) mod tensor_shapes;
mod tensors;
mod tuned;
mod wrappers;

pub use apply::{Applied, apply};
pub use by_name::{MapByName, VisitByName, map_by_name, visit_by_name};
pub(crate) use check::check_names;
pub use check::{check, check_decoder, check_decoder_alone};
pub use checkpoint::{Checkpoint, Layout};
pub use content::{Content, content, decoder_of, decoder_width};
pub use conventions::conventions;
pub use decoder::{apply_decoder, merge};
pub use detect::detect;
pub use element::Element;
pub use keys::{ADAPTER_KEY, CONFIG_KEY, CONVENTIONS_KEY, TRAINABLE_KEY};
pub(crate) use load::packed_from;
pub use load::{LoadOptions, Loaded, from_tensors, load};
pub use model::{gradients, shapes, state_dict};
pub use names::Path as ParameterPath;
pub use names::{in_hq_head, is_buffer};
pub(crate) use part::apply_part;
pub(crate) use patterns::patterns_of;
pub use save::{Container, Written, save};
pub use state::{StateDict, StateTensor};
pub use tensors::Tensors;
pub use tuned::{apply_tuned, tuned};
