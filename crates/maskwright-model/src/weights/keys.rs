//! The keys of what a checkpoint's metadata say of its model.

/// The metadata key of a safetensors file under which [`save`](super::save) writes the configuration as JSON.
pub const CONFIG_KEY: &str = "maskwright.config";

/// The metadata key of a model's [`Conventions`](crate::Conventions), as JSON.
pub const CONVENTIONS_KEY: &str = "maskwright.conventions";

/// The metadata key of a low-rank adapter's file ([`Adapter`](crate::adapter::Adapter)), as JSON.
pub const ADAPTER_KEY: &str = "maskwright.adapter";

/// The metadata key under which [`tuned`](super::tuned) says by which patterns its tensors were chosen.
pub const TRAINABLE_KEY: &str = "maskwright.trainable";
