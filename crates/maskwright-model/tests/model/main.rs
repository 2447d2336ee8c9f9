//! The properties of models, on small ones of our own.

mod adapter;
#[path = "../common/mod.rs"]
mod common;
mod learning;
mod prompts;
mod saving;
