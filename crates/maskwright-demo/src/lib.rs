//! The data set of the demo: pictures of thin-structured objects, generated from a seed, so that
//! everything can be tried without a download.
//!
//! Each picture shows one object of a [`Family`] (wheels, antlers, chairs, leaves, insects, nets, tools,
//! wire...) with a solid core and thin parts of 1.5% to 3% of its size, in front of a textured
//! background. Size, colours, light, rotation and position vary. A picture is a pure function of
//! ([`DemoConfig::seed`], split, index); it does not depend on the number of pictures or of threads.
//!
//! [`write()`] writes a set into a folder as files like those of a user: JPEG images, 8-bit grey PNG
//! masks with the same stems, and a [data file](maskwright_data::source::DataFile) that names the
//! folders.
//!
//! ```text
//! DIR/train/images/00000-wheel.jpg    DIR/train/masks/00000-wheel.png
//! DIR/valid/images/00000-wheel.jpg    DIR/valid/masks/00000-wheel.png
//! DIR/data.toml
//! ```
//!
//! ```
//! use maskwright_demo::{DemoConfig, write};
//!
//! let folder = tempfile::tempdir()?;
//! let config = DemoConfig { train: 3, valid: 1, ..DemoConfig::default() };
//! let set = write(&config, folder.path())?;
//! assert_eq!(set.train.count, 3);
//! assert!(set.valid.images.join("00000-wheel.jpg").is_file());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod background;
mod config;
mod draw;
mod error;
mod files;
mod palette;
mod picture;
mod raster;
mod shapes;
#[cfg(test)]
mod tests;

pub use config::{DemoConfig, Split};
pub use error::{Error, Result};
pub use files::{DemoSet, DemoSplit, write};
pub use picture::Picture;
pub use shapes::Family;
