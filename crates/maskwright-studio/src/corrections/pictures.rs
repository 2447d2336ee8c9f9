//! What was saved, as PNG: a mask for each object, or one for each image in which every object has its number.
//!
//! ```text
//! masks/SET-SUM/list.csv           image, mask and name of each object
//!               NAME-SUM-REV-1.png the mask of the first object of an image: 255 and 0
//! instances/SET-SUM/list.csv       image, mask and name of each image
//!                   NAME-SUM.png   numbers from 1
//! ```
//!
//! A list is replaced when all that it names is there. What it names no more goes after that. An image's masks of objects are several
//! files, which cannot be replaced at once: other objects have other names (REV), so that a list never names those of two saves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use maskwright_data::export::{InstancePicture, Overlaps, list_row};
use maskwright_image::Size;
use maskwright_image::encode::png_grey;
use maskwright_image::mask::{Bitmap, Rle};

use super::form::CorrectionsForm;
use super::made_set::{MadeSet, name_of, remove, write_unless_same};
use super::stored::{Stored, slug};
use crate::error::{Error, Result};
use crate::key::key_of;

const LIST: &str = "list.csv";

/// The pictures that were made since the studio was started, by image: what did not change is not made again.
#[derive(Default)]
pub(super) struct Pictures {
    made: BTreeMap<(String, String), Made>,
}

/// The pictures of an image.
struct Made {
    revision: u32,
    /// Its rows of the list.
    rows: String,
    files: Vec<String>,
    overlaps: Overlaps,
}

impl Pictures {
    /// Writes the pictures of a set, then its list, and returns the set that it is and what the pictures do not hold.
    ///
    /// # Errors
    /// [`Error::Io`], masks that do not fit their images.
    pub(super) fn write(
        &mut self,
        folder: &Path,
        form: CorrectionsForm,
        set: &str,
        images: &[Stored],
    ) -> Result<(MadeSet, Overlaps)> {
        let own = folder_of(form, set);
        let place = folder.join(&own);
        std::fs::create_dir_all(&place).map_err(Error::io(&place, "create"))?;
        let mut list = list_row(["image", "mask", "name"]);
        let mut overlaps = Overlaps::default();
        for stored in images {
            let made = self.image(&place, form, stored)?;
            list += &made.rows;
            overlaps.join(made.overlaps.clone());
        }
        write_unless_same(&place.join(LIST), list.as_bytes())?;
        let kind = match form {
            CorrectionsForm::Instances => "instances",
            _ => "object",
        };
        let list = slashed(&own.join(LIST));
        Ok((MadeSet::new(set, &[("list", &list), ("mask_kind", kind)]), overlaps))
    }

    /// The pictures of an image, which are made if it was saved since.
    fn image(&mut self, place: &Path, form: CorrectionsForm, stored: &Stored) -> Result<&Made> {
        let key = (stored.set.clone(), stored.record.clone());
        if self.made.get(&key).is_none_or(|made| made.revision != stored.revision) {
            let made = match form {
                CorrectionsForm::Instances => instances(place, stored),
                _ => masks(place, stored),
            };
            self.made.insert(key.clone(), made?);
        }
        Ok(&self.made[&key])
    }

    /// Removes what the lists name no more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn tidy(
        &mut self,
        folder: &Path,
        form: CorrectionsForm,
        images: &BTreeMap<String, Vec<Stored>>,
    ) -> Result<()> {
        let kept: BTreeSet<(&str, &str)> =
            images.values().flatten().map(|stored| (&*stored.set, &*stored.record)).collect();
        self.made.retain(|(set, record), _| kept.contains(&(&**set, &**record)));
        for set in images.keys() {
            let own = self.made.iter().filter(|((of, _), _)| of == set);
            let files = own.flat_map(|(_, made)| made.files.iter().map(String::as_str));
            remove_pictures(&folder.join(folder_of(form, set)), &files.collect())?;
        }
        Ok(())
    }
}

/// Removes the pictures of a set in a form in which it is not written any more.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn remove_set(folder: &Path, form: CorrectionsForm, set: &str) -> Result<()> {
    let place = folder.join(folder_of(form, set));
    remove(&place.join(LIST))?;
    remove_pictures(&place, &BTreeSet::new())?;
    // Where something else lies in them they stay.
    let _ = std::fs::remove_dir(&place);
    let _ = place.parent().map(std::fs::remove_dir);
    Ok(())
}

/// The folder of a set's pictures within that of the corrections.
fn folder_of(form: CorrectionsForm, set: &str) -> PathBuf {
    Path::new(form.name()).join(name_of(set))
}

/// Removes all pictures of a folder but some, and what has a temporary name: whoever wrote it was killed.
fn remove_pictures(place: &Path, but: &BTreeSet<&str>) -> Result<()> {
    let listing = match std::fs::read_dir(place) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(place, "read")(error)),
    };
    for entry in listing {
        let entry = entry.map_err(Error::io(place, "read"))?;
        let name = entry.file_name();
        let is_picture = Path::new(&name).extension().is_some_and(|ending| ending == "png")
            && name.to_str().is_none_or(|name| !but.contains(name));
        if is_picture || maskwright_files::is_temporary(&name) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The objects of an image that have a pixel.
fn objects(stored: &Stored) -> impl Iterator<Item = Result<Bitmap>> {
    let size = Size::new(stored.size.height, stored.size.width);
    let objects = stored.objects.iter().filter(|object| !object.mask.is_empty());
    objects.map(move |object| object.mask.to_bitmap(size))
}

/// A mask for each object.
fn masks(place: &Path, stored: &Stored) -> Result<Made> {
    let name = slug(&stored.set, &stored.record);
    let content = serde_json::to_vec(stored)
        .map_err(|error| Error::io(place, "write")(std::io::Error::other(error)))?;
    let content = &key_of(&[&content])[..8];
    let mut made = Made::new(stored);
    for (number, mask) in (1..).zip(objects(stored)) {
        let file = format!("{name}-{content}-{number}.png");
        let png = png_grey(&mask?.to_grey()).map_err(Error::image(&stored.image))?;
        write_unless_same(&place.join(&file), &png)?;
        // Behind the last of these signs is a number, so that no two images have objects of one name.
        made.add(stored, file, &format!("{}#{number}", stored.record));
    }
    Ok(made)
}

/// All objects in one picture.
fn instances(place: &Path, stored: &Stored) -> Result<Made> {
    let masks = objects(stored).map(|mask| mask.map(|mask| Rle::from_bitmap(&mask)));
    let masks: Vec<Rle> = masks.collect::<Result<_>>()?;
    let masks: Vec<&Rle> = masks.iter().collect();
    let picture = InstancePicture::of(&masks).map_err(Error::image(&stored.image))?;
    let file = format!("{}.png", slug(&stored.set, &stored.record));
    write_unless_same(&place.join(&file), &picture.png)?;
    let mut made = Made::new(stored);
    made.overlaps.count(&stored.record, &masks, &picture);
    made.add(stored, file, &stored.record);
    Ok(made)
}

impl Made {
    fn new(stored: &Stored) -> Self {
        Self {
            revision: stored.revision,
            rows: String::new(),
            files: Vec::new(),
            overlaps: Overlaps::default(),
        }
    }

    /// Adds a file that was written. Images are named from the root on, so that a list is whole by itself.
    fn add(&mut self, stored: &Stored, file: String, name: &str) {
        self.rows += &list_row([&slashed(&stored.image), &file, name]);
        self.files.push(file);
    }
}

/// A path as a list and a data file have it on every system.
fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes an image's masks as a program does that is killed before it replaces the list.
    pub(in super::super) fn without_list(folder: &Path, stored: &Stored) {
        let place = folder.join(folder_of(CorrectionsForm::Masks, &stored.set));
        let made = masks(&place, stored).expect("written");
        assert_eq!(made.files.len(), stored.objects.len());
    }
}
