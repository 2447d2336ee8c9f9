//! Layouts of tools whose files are not read here: they are named, with what the tool can write instead.

use super::Recognised;
use super::listing::Listing;

/// The layout of a folder, where it is one of these.
pub(super) fn look(listing: &Listing) -> Option<Recognised> {
    let has = |name: &str| listing.others.iter().any(|file| file.ends_with(name));
    let both = |one: &str, other: &str| {
        listing
            .folders
            .iter()
            .any(|folder| folder.join(one).is_dir() && folder.join(other).is_dir())
    };
    let of_tasks = listing.pictures.iter().filter(|picture| {
        let name = picture.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("task-") && name.contains("-annotation-")
    });
    let (what, instead) = if has("meta.json") && both("img", "ann") {
        (
            "a project of Supervisely",
            "export it with \"Convert Supervisely to COCO mask\", or as pairs of images and masks",
        )
    } else if has("annotations.xml") {
        ("CVAT's own XML", "export the task as \"COCO 1.0\", and name the folder of its images")
    } else if of_tasks.count() > 0 {
        (
            "Label Studio's brush masks, whose names are numbers of tasks",
            "write a list (CSV) with the columns image and mask, and give it as `list` in a data file; \
             or export \"COCO\"",
        )
    } else {
        return None;
    };
    Some(Recognised::NotRead { what, instead })
}
