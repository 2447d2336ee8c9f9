//! Training and evaluation of promptable segmentation models.
//!
//! This crate joins the data ([`maskwright_data`]) and the model ([`maskwright_model`]).
//! In the data's order: [`step`] makes a loss of a batch and changes the model, [`loss`]
//! says on which points, [`optimizer`] and [`schedule`] how far; [`trainer`] repeats
//! that over epochs, [`evaluator`] measures, [`checkpoint`] and [`run_log`] keep the
//! results, and [`run_files`] reads what a run left in its folder.
//!
//! It knows no command line: settings come as [`TrainConfig`], progress goes to an
//! [`observer::Observer`].

#![forbid(unsafe_code)]

pub mod bench;
pub mod checkpoint;
pub mod config;
mod conventions;
pub mod convert;
mod error;
pub mod eval_job;
pub mod evaluator;
mod files;
pub mod loss;
pub mod observer;
pub mod optimizer;
pub mod prompts;
pub mod run_files;
pub mod run_log;
pub mod schedule;
pub mod step;
pub mod trainer;

pub use config::TrainConfig;
pub use error::{Error, Result};
