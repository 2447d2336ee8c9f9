//! What can go wrong between a folder and a batch.
//!
//! [`Error`] says it; `message` words what takes more than a line of `written` parts, `about` tells what an error is
//! about, `make` makes some.

mod about;
mod cause;
mod make;
mod message;
mod written;

use std::path::PathBuf;

pub use cause::{Cause, Missing};
use maskwright_image::{Size, shown};
pub(crate) use written::{did_you_mean, path};
use written::{in_place, lines};

use crate::source::LeftOut;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a set, a record or a setting was refused.
///
/// Every message names what to look at (the file or folder), what was expected of it and what was found. Names are
/// shown with control characters escaped ([`maskwright_image::shown`]); the fields hold them as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path(file))]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file could not be written.
    #[error("cannot write {}: {source}", path(file))]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file's content is not an image or mask that can be used.
    #[error("record {}: {}: {source}", shown(record), path(file))]
    Image {
        /// `set/name` of the record.
        record: String,
        /// The image or the mask.
        file: PathBuf,
        /// What is wrong with it.
        source: maskwright_image::Error,
    },

    /// An object of an annotation file has no mask that can be drawn.
    #[error("record {}: {}: {source}", shown(record), path(file))]
    Annotation {
        /// `set/name` of the record, and the annotation's id where it has one.
        record: String,
        /// The annotation file.
        file: PathBuf,
        /// What is wrong with it.
        source: maskwright_image::Error,
    },

    /// An annotation file is not the JSON that it should be.
    #[error("{}, byte {at}: {}", path(file), shown(message))]
    Json {
        /// The annotation file, or the member of a tar file.
        file: PathBuf,
        /// Where in it.
        at: u64,
        /// What was expected and what was found.
        message: String,
    },

    /// An annotation file of one image is not what its tool writes.
    #[error("{}{}: {}", path(file), in_place(place), shown(message))]
    AnnotationFile {
        /// The annotation file.
        file: PathBuf,
        /// "shape 3", "line 3" or a key; empty where it is about the whole file.
        place: String,
        /// What was expected and what was found.
        message: String,
    },

    /// A tar file cannot be read in place.
    #[error("{}: expected {}, found {}", path(file), shown(expected), shown(found))]
    Tar {
        /// The tar file.
        file: PathBuf,
        /// What a tar file has there.
        expected: String,
        /// What it has.
        found: String,
    },

    /// A list of pairs has a row that names no pair.
    #[error("{}, line {line}: {}", path(file), shown(message))]
    List {
        /// The list.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What was expected and what was found.
        message: String,
    },

    /// Annotations and images of a set do not belong together.
    #[error("{}", message::unlisted(set, file, left))]
    Unlisted {
        /// The set.
        set: String,
        /// The annotation file or the folder.
        file: PathBuf,
        /// "annotations of images that are not listed" and the like.
        left: LeftOut,
        /// What they have no counterpart of.
        missing: Missing,
    },

    /// The mask does not cover the image, upright or as stored.
    #[error("{}", message::sizes(record, (mask, *mask_size), (image, *image_size)))]
    SizeMismatch {
        /// `set/name` of the record.
        record: String,
        /// The image.
        image: PathBuf,
        /// Its stored size.
        image_size: Size,
        /// The mask.
        mask: PathBuf,
        /// Its stored size.
        mask_size: Size,
    },

    /// A file is damaged but decodable, and the settings ask for sound files alone.
    #[error("{}", message::damaged(record, file, warning))]
    DamagedFile {
        /// `set/name` of the record.
        record: String,
        /// The image or the mask.
        file: PathBuf,
        /// What was found.
        warning: Box<maskwright_image::decode::Warning>,
    },

    /// A training mask has no foreground at all.
    #[error("{}", message::empty_mask(record, file))]
    EmptyMask {
        /// `set/name` of the record.
        record: String,
        /// The mask.
        file: PathBuf,
    },

    /// An environment variable asks for what this build or machine has not.
    #[error(transparent)]
    Environment {
        /// Which, and what it may be.
        source: maskwright_image::Error,
    },

    /// A set's folder is not there.
    #[error("set {}: the folder of its {role} does not exist: {}", shown(set), path(folder))]
    FolderMissing {
        /// The set.
        set: String,
        /// "images" or "masks".
        role: &'static str,
        /// The folder.
        folder: PathBuf,
    },

    /// A set's folder holds no file of the kind looked for.
    #[error("{}", message::no_files(set, role, folder, expected, found))]
    FolderEmpty {
        /// The set.
        set: String,
        /// "images" or "masks".
        role: &'static str,
        /// The folder.
        folder: PathBuf,
        /// The endings looked for.
        expected: String,
        /// What is there instead.
        found: String,
    },

    /// Images and masks of a set do not pair up.
    #[error("{}", message::unpaired(set, (images, *images_without_mask), (masks, *masks_without_image), first))]
    Unpaired {
        /// The set.
        set: String,
        /// The folder of the images.
        images: PathBuf,
        /// The folder of the masks.
        masks: PathBuf,
        /// How many images have no mask.
        images_without_mask: usize,
        /// How many masks have no image.
        masks_without_image: usize,
        /// File names of the first few of both.
        first: Vec<String>,
    },

    /// Two files of a folder have the same stem, so that a pair is ambiguous.
    #[error("{}", message::one_name(set, role, folder, files, *count))]
    DuplicateStem {
        /// The set.
        set: String,
        /// "images" or "masks".
        role: &'static str,
        /// The folder.
        folder: PathBuf,
        /// The first two such files.
        files: Vec<String>,
        /// How many stems are ambiguous.
        count: usize,
    },

    /// No image of a set has an object to take, and annotations of crowds are left out.
    #[error("{}", message::crowds(set, found))]
    CrowdsLeftOut {
        /// The set.
        set: String,
        /// What was left out, by cause.
        found: String,
    },

    /// A set is empty after its include, exclude and part settings.
    #[error("set {}: none of its {total} records is left by {}", shown(set), shown(selection))]
    NothingSelected {
        /// The set.
        set: String,
        /// Records before the selection.
        total: usize,
        /// The settings that left nothing.
        selection: String,
    },

    /// A data file is not valid TOML or a value has the wrong type.
    #[error("{}: {}", path(file), lines(message))]
    DataFile {
        /// The data file.
        file: PathBuf,
        /// Line, column and reason.
        message: String,
    },

    /// A data file has a key that is not known.
    #[error("{}", message::unknown_key((file, *line), key, section, *nearest, known))]
    UnknownKey {
        /// The data file.
        file: PathBuf,
        /// Line of the key, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The table it stands in.
        section: String,
        /// The known key that is spelt most like it, if one is close.
        nearest: Option<&'static str>,
        /// All keys of that table.
        known: Box<[&'static str]>,
    },

    /// A key of a data file has a value that it cannot have, or stands in a set of a kind that it does
    /// not belong to; or a set lacks a key.
    #[error("{}, line {line}: {}", path(file), shown(message))]
    KeyValue {
        /// The data file.
        file: PathBuf,
        /// Line of the key, or of the set that lacks it, from 1.
        line: usize,
        /// The key with its set, what was expected and what was found.
        message: String,
    },

    /// A setting has a value that it cannot have.
    #[error("{}: expected {}, found {}", shown(key), shown(expected), shown(found))]
    Setting {
        /// The setting, with the set or section it belongs to.
        key: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// A setting of a data file, or of another file that settings are read from, has a value that it cannot have.
    #[error("{}, {key}: expected {expected}, found {found}", path(file))]
    SettingInFile {
        /// The file.
        file: PathBuf,
        /// The setting, with the set or section it belongs to.
        key: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// The state of a loader was saved with another seed or other records, so that other samples would follow.
    #[error(
        "the loader's state: expected the {what} {expected}, found {found}: \
         the data or the seed changed since the state was saved"
    )]
    OtherState {
        /// "seed" or "number of records".
        what: &'static str,
        /// What it is here.
        expected: u64,
        /// What it is in the state.
        found: u64,
    },

    /// The state of a loader stands behind the end of an epoch.
    #[error("the loader's state: expected a position of at most {most}, found {found}")]
    StatePosition {
        /// The number of places in an epoch.
        most: u64,
        /// The position in the state.
        found: u64,
    },

    /// The system gives no more threads.
    #[error("cannot start the threads that make samples: {source}")]
    Threads {
        /// What the system said.
        source: std::io::Error,
    },

    /// A folder that should hold a data set is not there.
    #[error("{}: expected the folder of a data set, found no such folder", path(folder))]
    NoSuchFolder {
        /// The folder.
        folder: PathBuf,
    },

    /// Nothing of HQSeg-44K is in a folder.
    #[error(
        "{}: expected HQSeg-44K (DIS5K, thin_object_detection and cascade_psp), found none of its sub-sets{}",
        path(root),
        written::did_you_mean(holder.as_deref().map(path).as_deref())
    )]
    NoSubsets {
        /// The folder.
        root: PathBuf,
        /// A folder above it that has some.
        holder: Option<PathBuf>,
    },

    /// Folders of the HQSeg-44K layout are missing.
    #[error("{} is not a complete HQSeg-44K: missing {}", path(root), written::paths(missing))]
    MissingSubsets {
        /// The root folder.
        root: PathBuf,
        /// The missing folders, relative to the root.
        missing: Vec<PathBuf>,
    },

    /// There is no record of this number.
    #[error("record {index} of {}: there are only {len}", shown(set))]
    NoSuchRecord {
        /// The set.
        set: String,
        /// The number asked for.
        index: usize,
        /// How many records there are.
        len: usize,
    },

    /// The records do not fill one batch.
    #[error(
        "{records} records do not fill one batch of {batch_size} on each of {world_size} ranks; \
         use a smaller batch or keep the last, partial batch"
    )]
    TooFewRecords {
        /// Records in all sets.
        records: usize,
        /// Records per batch.
        batch_size: usize,
        /// Number of ranks.
        world_size: usize,
    },

    /// A ledger that shall be continued holds something else.
    #[error("{}", message::no_ledger((file, *line), message))]
    Ledger {
        /// The file.
        file: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },

    /// More records were refused than the budget allows.
    #[error("{}", message::budget(*refused, *records, *budget, causes, last))]
    BudgetExceeded {
        /// Different records refused so far.
        refused: usize,
        /// How many may be.
        budget: usize,
        /// Records in all sets.
        records: usize,
        /// How many were refused for which reason, the commonest first.
        causes: Vec<Cause>,
        /// Why the last one was refused.
        last: Box<Error>,
    },
}
