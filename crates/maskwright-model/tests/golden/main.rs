//! The model against numbers from the public PyTorch packages.

#[path = "../common/mod.rs"]
mod common;
mod forward;
mod gradients;
