//! Layouts of tools whose files are not read here: they are named, with what the tool can write instead.

use super::listing::Listing;
use super::masks::MASKS;
use super::{Recognised, first_named};
use crate::error::Result;

/// The layout of a folder, where it is one of these.
pub(super) fn look(listing: &Listing) -> Result<Option<Recognised>> {
    let has = |name: &str| listing.others.iter().any(|file| file.ends_with(name));
    let both = |one: &str, other: &str| {
        listing
            .folders
            .iter()
            .any(|folder| folder.join(one).is_dir() && folder.join(other).is_dir())
    };
    let of_task = |picture: &std::path::PathBuf| {
        let name = picture.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("task-") && name.contains("-annotation-")
    };
    let mut of_tasks = listing.pictures.iter().any(of_task);
    if let Some(masks) = first_named(listing, &MASKS) {
        of_tasks |= Listing::of(masks)?.pictures.iter().any(of_task);
    }
    let (what, instead) = if has("meta.json") && both("img", "ann") {
        (
            "a project of Supervisely",
            "export it with \"Convert Supervisely to COCO mask\", or as pairs of images and masks",
        )
    } else if has("annotations.xml") {
        ("CVAT's own XML", "export the task as \"COCO 1.0\", and name the folder of its images")
    } else if of_tasks {
        (
            "Label Studio's brush masks, whose names are numbers of tasks",
            "write a list (CSV) with the columns image and mask, and give it in a data file: list = \"list.csv\"; \
             or export \"COCO\", which is read as it is",
        )
    } else {
        return Ok(None);
    };
    Ok(Some(Recognised::NotRead { what, instead }))
}
