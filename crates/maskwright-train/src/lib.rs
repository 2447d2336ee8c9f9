//! Training, evaluation and prediction of promptable segmentation models.
//!
//! This crate joins the data ([`maskwright_data`]) and the model ([`maskwright_model`]).
//! In the data's order: [`step`] makes a loss of a batch and changes the model, [`loss`]
//! says on which points, [`optimizer`] and [`schedule`] how far; [`trainer`] repeats
//! that over epochs, [`evaluator`] measures, [`checkpoint`] and [`run_log`] keep the
//! results, [`report`] shows them, [`doctor_page`] what a data set has wrong with it; [`predictor`] is
//! the trained model in use, and [`mask_generator`] finds everything in an image with it.
//!
//! It knows no command line: settings come as [`TrainConfig`], progress goes to an
//! [`observer::Observer`].

#![forbid(unsafe_code)]

pub mod bench;
pub mod checkpoint;
pub mod config;
pub mod convert;
pub mod demo;
pub mod device;
pub mod doctor_page;
mod error;
pub mod eval_job;
pub mod evaluator;
mod files;
pub mod loss;
pub mod mask_generator;
pub mod observer;
pub mod optimizer;
pub mod pictures;
pub mod postprocess;
pub mod predictor;
pub mod preview;
pub mod prompts;
pub mod report;
pub mod run_log;
mod run_report;
pub mod schedule;
pub mod step;
pub mod tensor_file;
pub mod trainer;

pub use config::{ModelSource, TrainConfig};
pub use device::Compute;
pub use error::{Error, Result};
pub use maskwright_model::{Error as ModelError, SamConfig, TrainScope};
