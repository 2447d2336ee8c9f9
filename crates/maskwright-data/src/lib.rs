//! From folders of images and masks to training batches.
//!
//! ```text
//!  names, sizes         (seed, epoch, record)     header only        bytes
//!  source ───▶ record ─────────▶ plan ───────────▶ decode ─────────▶ sample ───▶ prompt ───▶ batch
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`source`] | where records come from: folders, annotated sets, tar files, data files |
//! | [`record`] | the name and the files of one record |
//! | [`random`] | draws that are a function of their key |
//! | [`plan`] | what a sample will show, drawn from the image's size |
//! | [`geometry`] | where every pixel and point goes, and back |
//! | [`postprocess`] | mask logits brought back to the image |
//! | [`prompt`] | boxes, points and noise masks from a sampled label |
//! | [`sample`] | one record made into pixels, label and prompt |
//! | [`batch`], [`loader`] | batches, made ahead on threads, in order |
//!
//! The promise that everything else serves: **a sample is a pure function of the data and `(seed,
//! epoch, record)`**. The same batches come out with any number of threads, any depth of
//! prefetching, and after any interruption, and every sample can be made again alone.
//!
//! Pixels are decoded and sampled by `maskwright-image`. There are no tensors here.

#![forbid(unsafe_code)]

pub mod batch;
mod error;
pub mod geometry;
pub mod loader;
pub mod plan;
pub mod postprocess;
pub mod prompt;
pub mod random;
pub mod record;
pub mod sample;
pub mod source;

pub use error::{Cause, Error, Result};
