//! The data that the studio shows.
//!
//! | file | what it is about |
//! |---|---|
//! | `set` | the opened sets: records by number, what is known of each |
//! | `peek` | sizes from the beginnings of files |
//! | `photos` | a folder of photographs without masks |
//! | `filter` | which records a request asks for |
//! | `masks` | masks as the page has them |
//! | `picture` | one picture, and who may make one now |
//! | `pictures` | thumbnails, whole images |
//! | `tiles` | tiles of images that are too large to be sent whole |
//! | `cache` | files that can be made again, kept within a size |

pub(crate) mod cache;
pub(crate) mod filter;
pub(crate) mod masks;
mod peek;
mod photos;
pub(crate) mod picture;
pub(crate) mod pictures;
pub(crate) mod set;
mod tiles;

pub(crate) use set::DataSet;

use std::path::PathBuf;

use maskwright_data::source::DataFile;

/// What the studio shows.
#[derive(Debug, Clone)]
pub enum StudioData {
    /// Sets with masks.
    Sets {
        /// The sets.
        data: Box<DataFile>,
        /// The data file that they stand in, where they stand in one: the doctor's fixes go there.
        file: Option<PathBuf>,
    },
    /// A folder of photographs without masks, with the folders in it.
    Photos {
        /// The folder.
        folder: PathBuf,
    },
}

impl StudioData {
    /// What it is called.
    pub(crate) fn name(&self) -> String {
        let of_path = |path: &std::path::Path| {
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            whole
                .file_stem()
                .map_or_else(|| "photographs".into(), |stem| stem.to_string_lossy().into_owned())
        };
        match self {
            Self::Photos { folder } => of_path(folder),
            Self::Sets { file: Some(file), .. } => of_path(file),
            Self::Sets { data, .. } => {
                let mut sets = data.train.iter().chain(&data.valid).chain(&data.other);
                let first = sets.next().map_or_else(String::new, |set| set.name.clone());
                match sets.count() {
                    0 => first,
                    more => format!("{first} and {more} more"),
                }
            }
        }
    }
}
