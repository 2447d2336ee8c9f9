//! From folders of images and masks to training batches.
//!
//! ```text
//!  names, sizes       (seed, view, record)     header only     bytes      (seed, draw, object)
//!  source ───▶ record ────────▶ plan ──────────▶ decode ───────▶ view ───────────▶ prompts ───▶ batch
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`source`] | the sources of records: folders, annotated sets, tar files, data files, memory |
//! | [`record`] | the name and the files of one record |
//! | [`export`] | a set in another shape |
//! | [`random`] | random draws, each a function of its key |
//! | [`plan`] | what a view will show, drawn from the image's size |
//! | [`geometry`] | maps pixels and points of an image to the model's input and back |
//! | [`postprocess`] | maps mask logits back to the image |
//! | [`prompt`] | boxes, points and noise masks from a sampled label |
//! | [`sample`] | makes a record into a view: an image with its objects' labels and prompts |
//! | [`batch`], [`loader`] | batches, prepared in advance by threads and delivered in order |
//!
//! The central guarantee: **a sample is a pure function of the data and its [key](random::SampleKey)**,
//! which consists of seed, view, draw and record. The batches are the same with any number of threads,
//! any depth of prefetching, and after any interruption, and every sample can be made again on its own.
//!
//! Pixels are decoded and sampled by `maskwright-image`. There are no tensors here.
//!
//! # Samples in a loop of your own
//!
//! The set below is in memory. [`DataFile::from_folders`](source::DataFile::from_folders) describes a
//! set of a folder of images and a folder of masks.
//!
//! ```
//! use maskwright_data::loader::{Loader, LoaderConfig};
//! use maskwright_data::sample::SampleConfig;
//! use maskwright_data::source::{MemorySource, Mix};
//! use maskwright_image::mask::Bitmap;
//! use maskwright_image::{RgbImage, Size};
//!
//! let mut set = MemorySource::new("stripes");
//! for n in 0..8 {
//!     let size = Size::new(60, 80);
//!     let stripe = Bitmap::from_fn(size, |_, x| x / 10 == n);
//!     set.push(format!("stripe {n}"), RgbImage::filled(size, 90), vec![stripe.into()])?;
//! }
//!
//! let sample = SampleConfig::for_size(64);
//! let config = LoaderConfig { batch_size: 4, seed: 42, sample, ..LoaderConfig::default() };
//! let mut loader = Loader::new(Mix::of(set)?, config)?;
//! for epoch in 0..2 {
//!     loader.start_epoch(epoch);
//!     while let Some(batch) = loader.next() {
//!         let batch = batch?;
//!         for (object, &image) in batch.image_of.iter().enumerate() {
//!             let (pixels, label) = (batch.image(image), batch.label(object));
//!             assert_eq!((pixels.len(), label.len()), (3 * 64 * 64, 64 * 64));
//!             println!("{}: {}", batch.views[image].name, batch.prompts[object].kind);
//!         }
//!         // Its memory serves a later batch.
//!         loader.recycle(batch);
//!     }
//! }
//! assert_eq!(loader.stats().objects, 16);
//! # Ok::<(), maskwright_data::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod batch;
mod error;
pub mod export;
pub mod geometry;
pub mod loader;
pub mod lossy;
pub mod ordered;
pub mod plan;
pub mod postprocess;
pub mod prompt;
pub mod random;
pub mod record;
pub mod sample;
pub mod source;

pub use error::{Cause, Error, Missing, Result};
