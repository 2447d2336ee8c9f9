//! Image files with mask files: two folders, or a list.

mod folder;
pub(super) mod list;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::decode::MaskRule;

use super::bytes::{append_bytes, push_bytes, read_file};
use super::select::Selection;
use super::{
    ExifRule, ImageBuffer, LeftOut, Located, MaskBuffer, MaskContents, Pick, SetKind, SetSpec,
    Source,
};
use crate::error::{Error, Result};
use crate::record::Record;

/// Images and masks that belong together by their names, or by a list.
///
/// An image `photo.jpg` has the mask `photo.png`, or with `mask_suffix = "_mask"` the mask
/// `photo_mask.png`; with `recursive = true` the mask of `a/photo.jpg` is `a/photo.png`. Both may lie in
/// one folder. Endings are compared without regard to case, names exactly; files that begin with a dot
/// are passed over. Records are sorted by name, byte by byte. Names need not be Unicode text; they are
/// shown with a replacement sign then.
///
/// A list is a CSV file whose first row names the columns `image` and `mask`, and perhaps `name`; with two columns, the
/// first row may be a pair, too. Columns are separated by commas, semicolons or tabs. Its records have the order of its rows.
#[derive(Debug)]
pub struct PairsSource {
    name: Arc<str>,
    pairs: Pairs,
    unmatched: Vec<PathBuf>,
    left_out: Vec<LeftOut>,
    rule: MaskRule,
    exif: ExifRule,
}

/// The pairs in little memory: 24 bytes each and the bytes of a name, or of a row of a list.
#[derive(Debug)]
pub(super) struct Pairs {
    images: PathBuf,
    masks: PathBuf,
    layout: Layout,
    items: Vec<Item>,
    text: Vec<u8>,
}

#[derive(Debug)]
enum Layout {
    /// The text of a pair is its name; its files are the name with endings.
    Names { suffix: String, endings: Vec<Vec<u8>> },
    /// The text of a pair is its name, its image and its mask.
    Rows,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    at: u64,
    name: u32,
    /// Number of the ending, or length in the text.
    image: u32,
    /// As `image`, of the mask.
    mask: u32,
}

impl Pairs {
    fn part(&self, at: u64, len: u32) -> &[u8] {
        let at = at as usize;
        self.text.get(at..at + len as usize).unwrap_or_default()
    }

    fn name(&self, item: &Item) -> String {
        String::from_utf8_lossy(self.part(item.at, item.name)).into_owned()
    }

    fn image(&self, item: &Item) -> PathBuf {
        let mut path = PathBuf::new();
        self.write_image(item, &mut path);
        path
    }

    fn mask(&self, item: &Item) -> PathBuf {
        let mut path = PathBuf::new();
        self.write_mask(item, &mut path);
        path
    }

    /// Makes `path` that of a pair's image.
    fn write_image(&self, item: &Item, path: &mut PathBuf) {
        start(path, &self.images);
        match &self.layout {
            Layout::Names { endings, .. } => {
                self.named(item, "", &endings[item.image as usize], path)
            }
            Layout::Rows => push_bytes(path, self.part(item.at + u64::from(item.name), item.image)),
        }
    }

    /// Makes `path` that of a pair's mask.
    fn write_mask(&self, item: &Item, path: &mut PathBuf) {
        start(path, &self.masks);
        match &self.layout {
            Layout::Names { suffix, endings } => {
                self.named(item, suffix, &endings[item.mask as usize], path);
            }
            Layout::Rows => {
                let at = item.at + u64::from(item.name) + u64::from(item.image);
                push_bytes(path, self.part(at, item.mask));
            }
        }
    }

    fn named(&self, item: &Item, suffix: &str, ending: &[u8], path: &mut PathBuf) {
        push_bytes(path, self.part(item.at, item.name));
        for piece in [suffix.as_bytes(), b".", ending] {
            append_bytes(path, piece);
        }
    }
}

/// Makes `path` another one, in the memory that it has.
fn start(path: &mut PathBuf, folder: &Path) {
    path.clear();
    path.push(folder);
}

impl PairsSource {
    /// Lists both folders of a set and pairs their files, or reads the set's list.
    ///
    /// # Errors
    ///
    /// A folder that is missing or holds no image or mask, two files of one name, files without a
    /// counterpart (unless the set skips them), a list that cannot be read or has rows that name no
    /// pair, a selection that leaves nothing, or a setting that makes no sense, another kind of set among them.
    pub fn open(spec: &SetSpec) -> Result<PairsSource> {
        let set = PairsSource::list(spec)?;
        match spec.kind.mask_files() {
            Some(keys) if keys.mask_kind != MaskContents::Object => Err(Error::Setting {
                key: format!("mask_kind of set {}", spec.name),
                expected: "\"object\", or a set that is opened with an index of its objects".into(),
                found: format!("\"{}\"", keys.mask_kind.name()),
            }),
            _ => Ok(set),
        }
    }

    /// Lists a set, whatever its mask files show.
    pub(super) fn list(spec: &SetSpec) -> Result<PairsSource> {
        let SetKind::Pairs(keys) = &spec.kind else {
            return Err(Error::Setting {
                key: format!("set {}", spec.name),
                expected: "a set of kind \"pairs\"".into(),
                found: format!("kind \"{}\"", spec.kind.name()),
            });
        };
        let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
        let rule = spec.mask_rule()?;
        let folders = keys.list.as_os_str().is_empty();
        let mut found = if folders {
            folder::pairs(spec, keys, &selection)?
        } else {
            list::pairs(keys, &selection)?
        };

        if selection.has_part() {
            let items = &found.pairs.items;
            let names: Vec<String> = items.iter().map(|item| found.pairs.name(item)).collect();
            let kept = selection.in_part(&names);
            found.pairs.items = kept.into_iter().map(|at| items[at]).collect();
        }
        if found.pairs.items.is_empty() {
            return Err(Error::NothingSelected {
                set: spec.name.clone(),
                total: found.total,
                selection: selection.describe(),
            });
        }
        found.pairs.items.shrink_to_fit();
        found.pairs.text.shrink_to_fit();

        let mut left_out = [
            LeftOut::none("images without a mask"),
            LeftOut::none("masks without an image"),
            found.nameless,
        ];
        let lone_images = found.lone_images.iter().map(|file| keys.images.join(file));
        let lone_masks = found.lone_masks.iter().map(|file| keys.masks.join(file));
        let sides = lone_images.map(|file| (0, file)).chain(lone_masks.map(|file| (1, file)));
        let mut unmatched = Vec::new();
        for (side, file) in sides {
            left_out[side].add(|| file.display().to_string());
            unmatched.push(file);
        }
        Ok(PairsSource {
            name: spec.name.as_str().into(),
            pairs: found.pairs,
            unmatched,
            left_out: left_out.into_iter().filter(|left| left.count > 0).collect(),
            rule,
            exif: spec.exif,
        })
    }

    /// Images without a mask and masks without an image that were left out; always empty
    /// with [`Unmatched::Error`](super::Unmatched::Error).
    pub fn unmatched(&self) -> &[PathBuf] {
        &self.unmatched
    }

    /// Makes `path` that of a pair's mask file.
    pub(super) fn write_mask_path(&self, index: usize, path: &mut PathBuf) -> Result<()> {
        self.pairs.write_mask(self.pair(index)?, path);
        Ok(())
    }

    fn pair(&self, index: usize) -> Result<&Item> {
        self.pairs.items.get(index).ok_or_else(|| Error::NoSuchRecord {
            set: self.name.to_string(),
            index,
            len: self.pairs.items.len(),
        })
    }
}

/// What folders or a list hold.
struct Found {
    pairs: Pairs,
    /// Images before the selection.
    total: usize,
    lone_images: Vec<PathBuf>,
    lone_masks: Vec<PathBuf>,
    /// Names that a file of names has and no image.
    nameless: LeftOut,
}

impl Source for PairsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.pairs.items.len()
    }

    fn record(&self, index: usize) -> Result<Record> {
        let item = self.pair(index)?;
        Ok(Record {
            set: self.name.clone(),
            name: self.pairs.name(item),
            image: self.pairs.image(item),
            mask: self.pairs.mask(item),
        })
    }

    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        Ok((self.name.clone(), self.pairs.name(self.pair(at.index)?)))
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        let item = self.pair(at.index)?;
        self.pairs.write_image(item, &mut image.path);
        image.start_file();
        read_file(&image.path, &mut image.file)
    }

    fn mask(&self, at: &Located, _: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let item = self.pair(at.index)?;
        self.pairs.write_mask(item, &mut mask.path);
        mask.start_file();
        read_file(&mask.path, &mut mask.file)
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        self.exif
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// The last part of a path without its ending, and the ending in lower case.
fn stem_and_ending(path: &Path) -> (&[u8], String) {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    (path.file_stem().unwrap_or_default().as_encoded_bytes(), ending.unwrap_or_default())
}
