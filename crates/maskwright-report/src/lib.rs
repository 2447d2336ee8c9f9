//! Reports: HTML pages, charts and pictures of runs, data sets and predictions.
//!
//! | module | what it makes |
//! |---|---|
//! | [`run_report`] | the report of a training run or an evaluation |
//! | [`event_log`] | the log of a run as TensorBoard reads it |
//! | [`mlflow`] | the log of a run on an MLflow server |
//! | [`doctor_page`] | the page of a data set's examination |
//! | [`preview`] | a sheet of training samples as the model will see them |
//! | [`prompt_kinds`] | a sample in each way in which training can ask about it |
//! | [`pictures`] | masks and prompts drawn over an image |
//! | [`page`] | the page itself: tables, charts and galleries, as data and as HTML |

#![forbid(unsafe_code)]

pub mod doctor_page;
mod error;
pub mod event_log;
mod files;
pub mod mlflow;
pub mod page;
pub mod pictures;
pub mod preview;
pub mod prompt_kinds;
pub mod run_report;
mod scalars;

pub use error::{Error, Result};
