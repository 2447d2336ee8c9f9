//! Pairs from a folder of images and a folder of masks.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{Found, Item, Layout, Pairs, stem_and_ending};
use crate::error::{Error, Result};
use crate::source::bytes::{read_file, walk_error};
use crate::source::endings::{Endings, IMAGE_ENDINGS, IMAGES_BESIDE_MASKS, MASK_ENDINGS, not_read};
use crate::source::select::Selection;
use crate::source::{LeftOut, PairsKeys, SetSpec, Unmatched};

/// A file of one of the folders.
struct Candidate {
    /// What pairs are matched by: folders and stem without the suffix.
    key: Vec<u8>,
    /// Relative to the folder.
    file: PathBuf,
}

impl Candidate {
    fn name(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }

    /// The ending as it is spelt.
    fn ending(&self) -> &[u8] {
        self.file.extension().unwrap_or_default().as_encoded_bytes()
    }
}

/// Lists both folders and pairs their files.
pub(super) fn pairs(spec: &SetSpec, keys: &PairsKeys, selection: &Selection) -> Result<Found> {
    let (image_ext, mask_ext) = extensions(spec, keys)?;
    let suffix = keys.mask_suffix.as_bytes();
    let mut images = list(
        spec,
        keys,
        "images",
        &keys.images,
        |stem, ending| {
            let is_mask = !suffix.is_empty()
                && mask_ext.contains(ending)
                && stem.ends_with(suffix)
                && keys.images == keys.masks;
            (image_ext.contains(ending) && !is_mask).then_some(stem.len())
        },
        &image_ext,
    )?;
    let mut masks = list(
        spec,
        keys,
        "masks",
        &keys.masks,
        |stem, ending| {
            let key = stem.strip_suffix(suffix)?;
            mask_ext.contains(ending).then_some(key.len())
        },
        &mask_ext,
    )?;
    let mut left_out = LeftOut::none("names without an image");
    let named = named(spec, keys, &images, &mut left_out)?;
    if let Some(named) = &named {
        images.retain(|image| named.contains(&image.key));
        masks.retain(|mask| named.contains(&mask.key));
    }
    let total = images.len();

    let chosen =
        |file: &Candidate| selection.lets_through(&file.name(), &file.file.to_string_lossy());
    images.retain(chosen);
    // A mask is let through under its own file name or, where it has one, with its image.
    let image_keys: HashMap<&[u8], usize> =
        images.iter().enumerate().map(|(at, image)| (image.key.as_slice(), at)).collect();
    masks.retain(|mask| image_keys.contains_key(mask.key.as_slice()) || chosen(mask));

    let mut partner: Vec<Option<&Candidate>> = vec![None; images.len()];
    let mut lone_masks = Vec::new();
    for mask in &masks {
        match image_keys.get(mask.key.as_slice()) {
            Some(&at) => partner[at] = Some(mask),
            None => lone_masks.push(mask.file.clone()),
        }
    }
    let mut endings: Vec<Vec<u8>> = Vec::new();
    let mut number = |ending: &[u8]| {
        endings.iter().position(|known| known == ending).unwrap_or_else(|| {
            endings.push(ending.to_vec());
            endings.len() - 1
        }) as u32
    };
    let (mut items, mut text, mut lone_images) = (Vec::new(), Vec::new(), Vec::new());
    for (image, mask) in images.iter().zip(partner) {
        let Some(mask) = mask else {
            lone_images.push(image.file.clone());
            continue;
        };
        items.push(Item {
            at: text.len() as u64,
            name: image.key.len() as u32,
            image: number(image.ending()),
            mask: number(mask.ending()),
        });
        text.extend_from_slice(&image.key);
    }
    refuse_lone(spec, keys, &lone_images, &lone_masks, items.is_empty())?;
    let layout = Layout::Names { suffix: keys.mask_suffix.clone(), endings };
    let pairs =
        Pairs { images: keys.images.clone(), masks: keys.masks.clone(), layout, items, text };
    Ok(Found { pairs, total, lone_images, lone_masks, nameless: left_out })
}

/// The names that the set's file of names has, where it has such a file; names without an image are counted where the set skips
/// what has no counterpart.
fn named(
    spec: &SetSpec,
    keys: &PairsKeys,
    images: &[Candidate],
    without: &mut LeftOut,
) -> Result<Option<HashSet<Vec<u8>>>> {
    if keys.names.as_os_str().is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    read_file(&keys.names, &mut bytes)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let known: HashSet<&[u8]> = images.iter().map(|image| image.key.as_slice()).collect();
    let mut named = HashSet::new();
    for (line, name) in text.split(|&byte| byte == b'\n').enumerate() {
        let name = name.trim_ascii();
        if name.is_empty() {
            continue;
        }
        if !known.contains(name) {
            let name = String::from_utf8_lossy(name);
            if spec.unmatched == Unmatched::Error {
                return Err(Error::AnnotationFile {
                    file: keys.names.clone(),
                    place: format!("line {}", line + 1),
                    message: format!(
                        "expected the name of an image in {}, without its ending, found {name}; \
                         unmatched = \"skip\" leaves such names out",
                        keys.images.display()
                    ),
                });
            }
            without.add(|| name.into_owned());
        }
        named.insert(name.to_vec());
    }
    Ok(Some(named))
}

/// Refuses files without a counterpart, unless the set skips them and some have one.
fn refuse_lone(
    spec: &SetSpec,
    keys: &PairsKeys,
    lone_images: &[PathBuf],
    lone_masks: &[PathBuf],
    no_pair: bool,
) -> Result<()> {
    let lone = lone_images.len() + lone_masks.len();
    if lone == 0 || (spec.unmatched == Unmatched::Skip && !no_pair) {
        return Ok(());
    }
    let show = |files: &[PathBuf]| {
        files.iter().take(3).map(|file| file.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    Err(Error::Unpaired {
        set: spec.name.clone(),
        images: keys.images.clone(),
        masks: keys.masks.clone(),
        images_without_mask: lone_images.len(),
        masks_without_image: lone_masks.len(),
        first: [show(lone_images), show(lone_masks)].concat(),
    })
}

/// The endings to look for. In one folder without a suffix they alone tell images from masks.
fn extensions(spec: &SetSpec, keys: &PairsKeys) -> Result<(Endings, Endings)> {
    let together = keys.images == keys.masks && keys.mask_suffix.is_empty();
    let (images, masks): (&[_], &[_]) =
        if together { (&IMAGES_BESIDE_MASKS, &["png"]) } else { (&IMAGE_ENDINGS, &MASK_ENDINGS) };
    let mut image = Endings::new(keys.image_ext.as_ref(), images);
    let mask = Endings::new(keys.mask_ext.as_ref(), masks);
    if together && keys.image_ext.is_none() {
        // What the masks are said to be is no image, but for JPEG, which has to be told apart.
        image.all = image
            .all
            .iter()
            .filter(|ending| ending.starts_with("jp") || !mask.contains(ending))
            .collect();
    }
    let shared: Vec<&str> = image.all.iter().filter(|ending| mask.contains(ending)).collect();
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

/// The files of a folder that `key` accepts by stem and lower-case ending, sorted by key; it tells how
/// much of the stem is the key.
fn list(
    spec: &SetSpec,
    keys: &PairsKeys,
    role: &'static str,
    folder: &Path,
    key: impl Fn(&[u8], &str) -> Option<usize>,
    expected: &Endings,
) -> Result<Vec<Candidate>> {
    let unreadable = |source| Error::Read { file: folder.into(), source };
    std::fs::read_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::NotFound => {
            Error::FolderMissing { set: spec.name.clone(), role, folder: folder.into() }
        }
        _ => unreadable(source),
    })?;
    let depth = if keys.recursive { usize::MAX } else { 1 };
    // Links to folders are followed where folders are searched. Links to files are followed when they
    // are read.
    let walk = WalkDir::new(folder).min_depth(1).max_depth(depth).follow_links(keys.recursive);
    let mut found = Vec::new();
    let mut others: HashMap<String, usize> = HashMap::new();
    for entry in walk.into_iter().filter_entry(|entry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    }) {
        let path = match entry {
            // Everything else that is no file is passed over: opening a pipe would wait for ever.
            Ok(entry) if !(entry.file_type().is_file() || entry.path_is_symlink()) => continue,
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => entry.into_path(),
            // A link to nothing is a file that cannot be read, which is found when it is read.
            Err(error) => match dangling(&error) {
                Some(path) => path,
                None => return Err(walk_error(folder, error)),
            },
        };
        let file = path.strip_prefix(folder).unwrap_or(&path);
        let (stem, ending) = stem_and_ending(file);
        match key(stem, &ending) {
            Some(length) => {
                let mut key =
                    file.parent().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes().to_vec();
                if !key.is_empty() {
                    key.push(std::path::MAIN_SEPARATOR as u8);
                }
                key.extend_from_slice(&stem[..length]);
                found.push(Candidate { key, file: file.into() });
            }
            None => *others.entry(ending).or_default() += 1,
        }
    }
    if found.is_empty() {
        let suffix = if role == "masks" { keys.mask_suffix.as_str() } else { "" };
        let expected: Vec<String> =
            expected.all.iter().map(|ending| format!("{suffix}.{ending}")).collect();
        return Err(Error::FolderEmpty {
            set: spec.name.clone(),
            role,
            folder: folder.into(),
            expected: expected.join(", "),
            found: describe_others(others),
        });
    }
    found.sort_by(|a, b| (&a.key, &a.file).cmp(&(&b.key, &b.file)));
    pass_over(&mut found, expected);
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

/// Leaves out files of a name that has one of a format that comes first; sorted by key.
fn pass_over(found: &mut Vec<Candidate>, endings: &Endings) {
    let lower = |file: &Candidate| stem_and_ending(&file.file).1;
    let twin = |a: &Candidate, b: &Candidate| a.key == b.key;
    if !found.windows(2).any(|two| twin(&two[0], &two[1])) {
        return;
    }
    let mut kept: Vec<Candidate> = Vec::with_capacity(found.len());
    for file in found.drain(..) {
        match kept.last() {
            Some(last) if twin(last, &file) && endings.yields(&lower(&file), &lower(last)) => {}
            Some(last) if twin(last, &file) && endings.yields(&lower(last), &lower(&file)) => {
                kept.pop();
                kept.push(file);
            }
            _ => kept.push(file),
        }
    }
    *found = kept;
}

/// The link to nothing that an error is about, if it is about one.
fn dangling(error: &walkdir::Error) -> Option<PathBuf> {
    let missing = error.io_error()?.kind() == ErrorKind::NotFound;
    let path = error.path()?;
    (missing && path.is_symlink()).then(|| path.into())
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
    let note = endings.iter().find_map(|(ending, _)| not_read(ending));
    match (shown.is_empty(), note) {
        (true, _) => "nothing".into(),
        (false, None) => shown.join(", "),
        (false, Some(note)) => format!("{} ({note})", shown.join(", ")),
    }
}
