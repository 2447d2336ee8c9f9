//! Training and evaluation of promptable segmentation models.
//!
//! This crate joins the data ([`maskwright_data`]) and the model ([`maskwright_model`]). In the order in
//! which a run uses them: [`step`] computes the loss of a batch from the terms in [`loss`];
//! [`optimizer`] and [`schedule`] change the model by the gradients; [`trainer`] repeats this over
//! epochs; [`evaluator`] measures the masks; [`run_log`] records the results; and [`run_files`] reads
//! the files in a run's folder.
//!
//! The crate is independent of the command line: settings come as a [`TrainConfig`], progress goes to an
//! [`Observer`](observer::Observer), and failures are returned as [`enum@Error`].
//!
//! # Train on folders of images and masks
//!
//! ```
//! use maskwright_data::source::DataFile;
//! use maskwright_model::SamConfig;
//! use maskwright_train::observer::Silent;
//! use maskwright_train::trainer::{Start, train};
//! use maskwright_train::TrainConfig;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let pictures = maskwright_demo::DemoConfig { train: 4, valid: 1, ..Default::default() };
//! # let set = maskwright_demo::write(&pictures, folder.path())?;
//! # let (images, masks) = (set.train.images, set.train.masks);
//! # let output = folder.path().join("run");
//! // Every image has a mask of the same file stem; bright pixels (above 128) are the object.
//! let data = DataFile::from_folders(images, masks);
//! let mut config = TrainConfig::new(data, output);
//! // A small model from nothing; `config.model.checkpoint` starts from a SAM's weights instead.
//! config.model.config = Some(SamConfig::small(64, 16, 32, 2));
//! config.model.input_size = Some(64);
//! config.train.batch_size = 2;
//! config.train.epochs = 1;
//!
//! let outcome = train(&config, Start::Fresh, &mut Silent)?;
//! let last = outcome.last.ok_or("an epoch is over")?;
//! println!("loss {:.3}, of it cross entropy {:.3}", last.loss.total, last.loss.terms["bce"]);
//! println!("the model is {:?}", outcome.checkpoint);
//! # assert!(outcome.checkpoint.is_some_and(|path| path.is_file()));
//! # Ok(())
//! # }
//! ```
//!
//! [`trainer`] has an example that stops and resumes a run, [`evaluator`] one that evaluates a
//! checkpoint, and [`step`] one of a training loop of your own.

#![forbid(unsafe_code)]

pub mod asked;
pub mod bench;
mod checkpoint;
pub mod checksums;
pub mod config;
mod conventions;
pub mod convert;
mod error;
pub mod evaluator;
pub mod features;
mod files;
pub mod loss;
mod not_finite;
pub mod observer;
pub mod optimizer;
pub mod owned_folder;
mod prompts;
pub mod provenance;
pub mod run_files;
pub mod run_log;
pub mod runs;
pub mod schedule;
pub mod step;
pub mod times;
pub mod trainer;
pub mod verdict;

pub use config::TrainConfig;
pub use error::{Error, Result};
