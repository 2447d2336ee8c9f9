//! Files and folders that are either whole or not there.
//!
//! Each is made under a temporary name in the folder that it will lie in, and renamed when it is whole. Until then whoever makes it
//! holds a lock on it, which ends with the process, however that ends. Thus what a killed process left can be told from what
//! another is making, and goes when the next one begins ([`remove_abandoned`]).
//!
//! ```
//! use maskwright_files::{NewFolder, remove_abandoned, write_atomically};
//!
//! # let temporary = tempfile::tempdir()?;
//! # let place = temporary.path();
//! remove_abandoned(place);
//! write_atomically(&place.join("list.txt"), b"one\n")?;
//!
//! let folder = NewFolder::beside(&place.join("result"))?;
//! std::fs::write(folder.path().join("first"), "1")?;
//! assert!(!place.join("result").exists());
//! folder.publish()?;
//! assert_eq!(std::fs::read(place.join("result/first"))?, b"1");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | file | what it is about |
//! |---|---|
//! | `write` | files, written or replaced as a whole |
//! | `new_folder` | a folder that appears as a whole |
//! | `temporary` | temporary names, who holds them, and those that nobody holds |
#![forbid(unsafe_code)]

mod new_folder;
mod temporary;
mod write;

pub use new_folder::NewFolder;
pub use temporary::{is_at, is_temporary, remove_abandoned};
pub use write::{folder_of, write_atomically, write_new, write_with};
