//! Annotation files: COCO's, LVIS's, CVAT's and Label Studio's single file for all images; SA-1B's, Labelme's, YOLO's and
//! Supervisely's file for each image.

mod brush;
mod causes;
mod coco;
mod coco_file;
mod cvat;
mod detections;
mod label_studio;
mod labelme;
mod no_json;
mod outline;
mod sa1b;
mod said;
mod segmentation;
mod stated;
mod stream;
mod supervisely;
mod yolo;

pub(crate) use coco::{read_coco, read_coco_from};
pub(crate) use coco_file::{CROWDS, CocoFile};
pub(crate) use cvat::{list_cvat, read_cvat};
pub use detections::{BoxDetection, TrueObject};
pub(crate) use detections::{Known, is_results, read_objects};
pub(crate) use label_studio::Task;
pub(crate) use labelme::{Flawed, LabelmeFile};
pub(crate) use outline::{OutlineFile, Outlined};
pub(crate) use sa1b::read_sa1b;
pub(crate) use segmentation::{Flaw, NO_RUNS, flaw_of_runs, is_taken, read_box, read_segmentation};
pub use stated::{Stated, read_stated};
pub(crate) use supervisely::SuperviselyFile;
pub(crate) use yolo::read_yolo;
