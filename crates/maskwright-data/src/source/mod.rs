//! Where records come from.
//!
//! A [`Source`] is a list of records, each an image with a mask or with several objects, which it hands
//! out when a sample is made. [`PairsSource`] is a folder of images with a folder of masks, or a list of
//! both; [`IndexedSource`] is COCO, LVIS, SA-1B or a WebDataset; [`MemorySource`] has pixels and masks in
//! memory. A [`Mix`] joins the sets of a run,
//! each as often as it is wanted. A [`DataFile`] describes the sets of a run in TOML.
//!
//! | file | what it is about |
//! |---|---|
//! | `interface` | what a set of any kind is: [`Source`] |
//! | `datafile`, `set_spec`, `kinds`, `file_kinds`, `folder_kinds`, `key_groups`, `mask_contents`, `texts` | what a data file may say |
//! | `classes`, `class_names` | classes by name: in mask files, and of any set's objects |
//! | `keys`, `check` | which keys there are, and what was meant where one is wrong |
//! | `open` | a set opened by its kind |
//! | `pairs/` | folders and lists |
//! | `instances` | folders and lists whose mask files show several objects |
//! | `coco`, `sa1b`, `shards` | opening annotated sets: from files to an index |
//! | `labelme`, `yolo`, `supervisely` | opening folders of annotation tools |
//! | `tool_files`, `label_studio_masks` | opening the files for all images of CVAT and Label Studio, and the latter's masks |
//! | `detections` | COCO's benchmark: all objects of an annotation file, and boxes that were found |
//! | `outlines`, `outlined` | files of outlines: brought into an index, and read for a sample |
//! | `hqseg44k`, `hqsam_datasets` | HQSeg-44K, and the dictionaries of HQ-SAM's script |
//! | `annotation/` | the JSON of annotation files |
//! | `listed` | where the files are that an annotation file lists |
//! | `memory`, `file_pairs` | arrays, and files named one by one, as a set |
//! | `image`, `mask`, `mask_file` | the forms in which images and masks are handed out |
//! | `tar`, `pattern` | tar files read in place; names of many files |
//! | `index/` | the cached index |
//! | `recognise/`, `partners` | what a folder holds; masks of other names than their images |
//! | `mix`, `weights` | the sets of a run together |
//! | `boxes` | objects that are known by their boxes alone |
//! | `indexed`, `located`, `objects` | from an index to images and masks; which object a sample shows |
//! | `own_notes` | an image's annotation file, while its objects are asked for |
//!
//! ```no_run
//! use maskwright_data::source::{DataFile, OpenContext};
//!
//! let data = DataFile::read("data.toml".as_ref())?;
//! let train = data.train_mix(&OpenContext::default())?;
//! println!("{} samples an epoch from {} sets", train.len(), train.sets().len());
//! # Ok::<(), maskwright_data::Error>(())
//! ```

mod annotation;
mod at;
mod boxes;
mod bytes;
mod cells;
mod check;
mod class_names;
mod classes;
mod coco;
mod datafile;
mod detections;
mod drafts;
mod endings;
mod exif_rule;
mod file_kinds;
mod file_pairs;
mod folder_kinds;
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod hqsam_datasets;
mod hqseg44k;
mod image;
mod image_size;
mod index;
mod indexed;
mod instances;
mod interface;
mod key_groups;
mod keys;
mod kinds;
mod label_studio_masks;
mod labelme;
mod left_out;
mod listed;
mod located;
mod mask;
mod mask_contents;
mod mask_file;
mod memory;
mod mix;
mod objects;
mod open;
mod outlined;
mod outlines;
mod own_notes;
mod pairs;
mod part;
pub mod partners;
mod pattern;
mod plain_words;
mod recognise;
mod sa1b;
mod select;
mod set_spec;
mod shards;
mod supervisely;
mod synthetic;
mod tar;
mod texts;
mod tool_files;
mod value_range;
mod weights;
mod yolo;
mod yolo_yaml;

pub use annotation::{BoxDetection, Stated, TrueObject, read_stated};
pub use at::data_at;
pub use boxes::{BoxSet, ObjectBox};
pub use bytes::{
    LARGEST_FILE, open_file, open_file_or_given_pipe, read_file, read_settings, read_whole,
};
pub use cells::{line_of, sign_between_cells, with_plain_ends};
pub use class_names::ClassNames;
pub use classes::{ClassMark, Classes};
pub use datafile::DataFile;
pub use detections::{DetectionImage, DetectionSet, FoundBoxes};
pub use endings::{IMAGE_ENDINGS, MASK_ENDINGS};
pub use exif_rule::ExifRule;
pub use file_kinds::{CocoKeys, PairsKeys, Sa1bKeys, WebDatasetKeys};
pub use file_pairs::FilePairs;
pub use folder_kinds::{
    CvatKeys, LabelStudioKeys, LabelmeKeys, SuperviselyKeys, YoloKeys, YoloSplit,
};
pub use hqsam_datasets::hqsam_datasets;
pub use hqseg44k::{hqseg44k, hqseg44k_available, hqseg44k_left_out, hqseg44k_names};
pub use image::{ImageBuffer, ImageForm};
pub use index::{IndexNote, IndexObserver, IndexProgress, OpenContext};
pub use indexed::IndexedSource;
pub use instances::InstancesSource;
pub use interface::Source;
pub use key_groups::{ChannelChoice, MaskKeys, ObjectKeys, ScoreKeys};
pub use keys::nearest;
pub use kinds::{KindName, SetKind};
pub use left_out::LeftOut;
pub use located::Located;
pub use mask::{MaskBuffer, MaskForm, Pick};
pub use mask_contents::MaskContents;
pub use memory::{MemoryMask, MemorySource};
pub use mix::Mix;
pub use objects::Objects;
pub use pairs::PairsSource;
pub use part::Part;
pub use plain_words::in_words;
pub use recognise::{Reading, Recognised, images_of, recognise, yolo_sets};
pub use set_spec::{SetSpec, Unmatched};
pub use synthetic::synthetic_index;
pub use texts::{Extensions, Patterns};
pub use value_range::{Auto, ValueRangeKey};
pub use weights::MixConfig;
