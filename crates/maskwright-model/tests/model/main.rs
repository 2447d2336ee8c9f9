//! The properties of models, on small ones of our own.

#[path = "../common/mod.rs"]
mod common;
mod learning;
mod prompts;
mod saving;
