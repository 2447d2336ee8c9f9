//! A folder of images with a folder of masks.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_image::decode::MaskRule;
use serde::{Deserialize, Serialize};

use super::select::Selection;
use super::{ExifRule, Extensions, SetSpec, Source};
use crate::error::{Error, Result};
use crate::record::Record;

/// What to do with images without a mask and masks without an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// They are an error that names them.
    #[default]
    Error,
    /// They are left out; [`PairsSource::unmatched`] names them.
    Skip,
}

/// Images and masks that belong together by their names.
///
/// An image `photo.jpg` has the mask `photo.png`, or with `mask_suffix = "_mask"` the mask
/// `photo_mask.png`. Both may lie in one folder. Endings are compared without regard to case, names
/// exactly; files that begin with a dot and folders are passed over. Records are sorted by name,
/// byte by byte. Names need not be Unicode text; they are shown with a replacement sign then.
#[derive(Debug)]
pub struct PairsSource {
    name: Arc<str>,
    pairs: Vec<Pair>,
    unmatched: Vec<PathBuf>,
    rule: MaskRule,
    exif: ExifRule,
}

#[derive(Debug)]
struct Pair {
    name: String,
    image: PathBuf,
    mask: PathBuf,
}

/// A file of one of the folders.
struct Candidate {
    /// What pairs are matched by: the stem's bytes without the suffix.
    key: Vec<u8>,
    file: OsString,
}

impl Candidate {
    fn name(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }
}

impl PairsSource {
    /// Lists both folders of a set and pairs their files.
    ///
    /// # Errors
    ///
    /// A folder that is missing or holds no image or mask, two files of one name, files without a
    /// counterpart (unless the set skips them), a selection that leaves nothing, or a setting that
    /// makes no sense.
    pub fn open(spec: &SetSpec) -> Result<PairsSource> {
        let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
        let rule = spec.mask_rule()?;
        let (image_ext, mask_ext) = extensions(spec)?;

        let mut images = list(
            spec,
            "images",
            &spec.images,
            |stem, ending| {
                let is_mask = !spec.mask_suffix.is_empty()
                    && mask_ext.contains(ending)
                    && stem.ends_with(spec.mask_suffix.as_bytes())
                    && spec.images == spec.masks;
                (image_ext.contains(ending) && !is_mask).then(|| stem.to_vec())
            },
            &image_ext,
        )?;
        let mut masks = list(
            spec,
            "masks",
            &spec.masks,
            |stem, ending| {
                let key = stem.strip_suffix(spec.mask_suffix.as_bytes())?;
                mask_ext.contains(ending).then(|| key.to_vec())
            },
            &mask_ext,
        )?;
        let total = images.len();

        let chosen =
            |file: &Candidate| selection.lets_through(&file.name(), &file.file.to_string_lossy());
        images.retain(chosen);
        // A mask is let through under its own file name or, where it has one, with its image.
        let image_keys: HashMap<Vec<u8>, usize> =
            images.iter().enumerate().map(|(at, image)| (image.key.clone(), at)).collect();
        masks.retain(|mask| image_keys.contains_key(&mask.key) || chosen(mask));

        let mut partner: Vec<Option<OsString>> = vec![None; images.len()];
        let mut lone_masks = Vec::new();
        for mask in masks {
            match image_keys.get(&mask.key) {
                Some(&at) => partner[at] = Some(mask.file),
                None => lone_masks.push(mask.file),
            }
        }
        let mut pairs = Vec::new();
        let mut lone_images = Vec::new();
        for (image, mask) in images.into_iter().zip(partner) {
            match mask {
                Some(mask) => pairs.push(Pair {
                    name: image.name(),
                    image: spec.images.join(image.file),
                    mask: spec.masks.join(mask),
                }),
                None => lone_images.push(image.file),
            }
        }
        let lone = lone_images.len() + lone_masks.len();
        if lone > 0 && (spec.unmatched == Unmatched::Error || pairs.is_empty()) {
            let show = |files: &[OsString]| {
                files.iter().take(3).map(|f| f.to_string_lossy().into_owned()).collect::<Vec<_>>()
            };
            let mut first = show(&lone_images);
            first.extend(show(&lone_masks));
            return Err(Error::Unpaired {
                set: spec.name.clone(),
                images: spec.images.clone(),
                masks: spec.masks.clone(),
                images_without_mask: lone_images.len(),
                masks_without_image: lone_masks.len(),
                first,
            });
        }

        let names: Vec<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
        let kept = selection.in_part(&names);
        if kept.is_empty() {
            return Err(Error::NothingSelected {
                set: spec.name.clone(),
                total,
                selection: selection.describe(),
            });
        }
        let mut keep = vec![false; pairs.len()];
        kept.into_iter().for_each(|at| keep[at] = true);
        let mut keep = keep.into_iter();
        pairs.retain(|_| keep.next().unwrap_or(false));

        let unmatched = lone_images.iter().map(|file| spec.images.join(file));
        let unmatched =
            unmatched.chain(lone_masks.iter().map(|file| spec.masks.join(file))).collect();
        Ok(PairsSource { name: spec.name.as_str().into(), pairs, unmatched, rule, exif: spec.exif })
    }

    /// Images without a mask and masks without an image that were left out; always empty
    /// with [`Unmatched::Error`].
    pub fn unmatched(&self) -> &[PathBuf] {
        &self.unmatched
    }

    fn pair(&self, index: usize) -> Result<&Pair> {
        self.pairs.get(index).ok_or_else(|| Error::NoSuchRecord {
            set: self.name.to_string(),
            index,
            len: self.pairs.len(),
        })
    }
}

impl Source for PairsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn record(&self, index: usize) -> Result<Record> {
        let pair = self.pair(index)?;
        Ok(Record {
            set: self.name.clone(),
            name: pair.name.clone(),
            image: pair.image.clone(),
            mask: pair.mask.clone(),
        })
    }

    fn identity(&self, index: usize) -> Result<(Arc<str>, String)> {
        Ok((self.name.clone(), self.pair(index)?.name.clone()))
    }

    fn image_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()> {
        read_into(&self.pair(index)?.image, bytes)
    }

    fn mask_bytes(&self, index: usize, bytes: &mut Vec<u8>) -> Result<()> {
        read_into(&self.pair(index)?.mask, bytes)
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        self.exif
    }
}

/// The endings to look for. In one folder without a suffix they alone tell images from masks.
fn extensions(spec: &SetSpec) -> Result<(Extensions, Extensions)> {
    let together = spec.images == spec.masks && spec.mask_suffix.is_empty();
    let image = spec.image_ext.clone().unwrap_or_else(|| {
        let all: &[&str] = if together { &["jpg", "jpeg"] } else { &["jpg", "jpeg", "png"] };
        all.iter().copied().collect()
    });
    let mask = spec.mask_ext.clone().unwrap_or_else(|| {
        let all: &[&str] = if together { &["png"] } else { &["png", "jpg"] };
        all.iter().copied().collect()
    });
    let shared: Vec<&str> = image.iter().filter(|ending| mask.contains(ending)).collect();
    if together && !shared.is_empty() {
        return Err(Error::Setting {
            key: format!("image_ext and mask_ext of set {}", spec.name),
            expected:
                "different endings, or a mask_suffix, because images and masks share a folder"
                    .into(),
            found: format!("both have {}", shared.join(", ")),
        });
    }
    Ok((image, mask))
}

/// The files of a folder that `key` accepts by stem and lower-case ending, sorted by key.
fn list(
    spec: &SetSpec,
    role: &'static str,
    folder: &Path,
    key: impl Fn(&[u8], &str) -> Option<Vec<u8>>,
    expected: &Extensions,
) -> Result<Vec<Candidate>> {
    let unreadable = |source| Error::Read { file: folder.into(), source };
    let entries = std::fs::read_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::NotFound => {
            Error::FolderMissing { set: spec.name.clone(), role, folder: folder.into() }
        }
        _ => unreadable(source),
    })?;
    let mut found = Vec::new();
    let mut others: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name();
        let hidden = file.as_encoded_bytes().starts_with(b".");
        // A link is followed when it is read. Everything else that is no file is passed over: opening a
        // pipe would wait for ever.
        let kind = entry.file_type().map_err(unreadable)?;
        if hidden || !(kind.is_file() || kind.is_symlink()) {
            continue;
        }
        let path = Path::new(&file);
        let ending =
            path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let stem = path.file_stem().unwrap_or_default();
        match key(stem.as_encoded_bytes(), &ending) {
            Some(key) => found.push(Candidate { key, file }),
            None => *others.entry(ending).or_default() += 1,
        }
    }
    if found.is_empty() {
        let suffix = if role == "masks" { spec.mask_suffix.as_str() } else { "" };
        let expected: Vec<String> =
            expected.iter().map(|ending| format!("{suffix}.{ending}")).collect();
        return Err(Error::FolderEmpty {
            set: spec.name.clone(),
            role,
            folder: folder.into(),
            expected: expected.join(", "),
            found: describe_others(others),
        });
    }
    found.sort_by(|a, b| (&a.key, &a.file).cmp(&(&b.key, &b.file)));
    let twins: Vec<_> = found.windows(2).filter(|two| two[0].key == two[1].key).collect();
    if let Some(two) = twins.first() {
        return Err(Error::DuplicateStem {
            set: spec.name.clone(),
            role,
            folder: folder.into(),
            files: two.iter().map(|twin| twin.file.to_string_lossy().into_owned()).collect(),
            count: twins.len(),
        });
    }
    Ok(found)
}

/// "nothing", or how many files of which endings.
fn describe_others(others: HashMap<String, usize>) -> String {
    let mut endings: Vec<_> = others.into_iter().collect();
    endings.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown: Vec<String> = endings
        .iter()
        .take(3)
        .map(|(ending, count)| match ending.as_str() {
            "" => format!("{count} without ending"),
            _ => format!("{count} .{ending}"),
        })
        .collect();
    if shown.is_empty() { "nothing".into() } else { shown.join(", ") }
}

/// Files above this are not read: no image or mask is as large.
const LARGEST_FILE: u64 = 1 << 31;

fn read_into(path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    let read = |bytes: &mut Vec<u8>| {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        if len > LARGEST_FILE {
            let message = format!("{len} bytes are more than the limit of {LARGEST_FILE} bytes");
            return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
        }
        // The file may grow while it is read.
        file.take(LARGEST_FILE).read_to_end(bytes)
    };
    match read(bytes) {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Read { file: path.into(), source }),
    }
}
