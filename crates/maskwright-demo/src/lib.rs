//! The embedded data set: seeded pictures of thin-structured objects, generated
//! on the spot, so that everything can be tried without a download.
//!
//! Each picture shows one object of a [`Family`] (wheels, antlers, chairs, leaves,
//! insects, nets, tools, wire...) with a solid core and thin parts of 1.5% to 3% of
//! its size, before a textured background. Size, colours, light, turn and place
//! vary. A picture is a pure function of ([`DemoConfig::seed`], split, index); it
//! does not depend on how many there are or on the number of threads.
//!
//! [`write()`] puts a set into a folder as real files, the way a user's own data
//! would lie there: JPEG images and 8-bit grey PNG masks, of one stem each, and a
//! [data file](maskwright_data::source::DataFile) that names the folders.
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
