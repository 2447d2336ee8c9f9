//! Opening tar files: SA-1B as it is published, and WebDataset's layout.
//!
//! The members of a tar file that have a name in common up to its first dot are one image with its
//! annotation file (`sa_1.jpg`, `sa_1.json`) or mask file (`leaf.jpg`, `leaf.png`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::bytes::{path_from_bytes, read_part};
use super::coco::refuse_unmatched;
use super::drafts::{self, Drafts, in_parallel, passes};
use super::endings::{Endings, IMAGES_BESIDE_MASKS, MASKS_IN_TAR};
use super::index::{Names, OpenContext, Span, Stage, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::sa1b::Counter;
use super::select::Selection;
use super::{LeftOut, Patterns, Sa1bKeys, SetSpec, WebDatasetKeys, pattern, tar};
use crate::error::{Error, Missing, Result};

/// Opens a set of SA-1B in its tar files.
pub(super) fn open_sa1b(
    spec: &SetSpec,
    keys: &Sa1bKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let endings = |all| Endings::new(None, all);
    let layout = Layout { image: endings(&IMAGES_BESIDE_MASKS), mask: endings(&[]) };
    open(spec, &keys.shards, &layout, Notes::Own, context)
}

/// Opens a set of WebDataset's layout.
pub(super) fn open_webdataset(
    spec: &SetSpec,
    keys: &WebDatasetKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let layout = Layout {
        image: Endings::new(keys.image_ext.as_ref(), &IMAGES_BESIDE_MASKS),
        mask: Endings::new(keys.mask_ext.as_ref(), &MASKS_IN_TAR),
    };
    open(spec, &keys.shards, &layout, Notes::OwnOrMask, context)
}

/// Opens the set's index, or makes one by walking through the tar files once.
fn open(
    spec: &SetSpec,
    shards: &Patterns,
    layout: &Layout,
    notes: Notes,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    let files = pattern::files(&format!("shards of set {}", spec.name), &shards.0)?;
    let mut print = spec.fingerprint();
    for file in &files {
        print.source(file)?;
    }
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
        // Each is gone through twice: for its members, and for what their annotations say.
        let stage = context.stage(&spec.name, "tar files", Some(2 * lengths(&files)?));
        let shards = in_parallel(files.len(), |number| {
            read_shard(spec, &selection, layout, &files[number], number, &stage)
        })?;
        drop(stage);
        let (drafts, left): (Vec<Drafts>, Vec<Vec<LeftOut>>) = shards.into_iter().unzip();
        drafts::write(spec, &selection, &drafts, writer)?;
        Ok((files.clone(), drafts::sum(left.into_iter().flatten())))
    })?;
    IndexedSource::new(spec, index, notes)
}

/// Bytes of all files.
fn lengths(files: &[PathBuf]) -> Result<u64> {
    let length = |file: &PathBuf| match std::fs::metadata(file) {
        Ok(data) => Ok(data.len()),
        Err(source) => Err(Error::Read { file: file.clone(), source }),
    };
    files.iter().map(length).sum()
}

/// How far a tar file is gone through.
struct Way<'a> {
    stage: &'a Stage<'a>,
    at: u64,
}

impl Way<'_> {
    /// Everything before byte `at` is done; nothing new where members are out of order.
    fn reach(&mut self, at: u64) {
        self.stage.add(at.saturating_sub(self.at));
        self.at = self.at.max(at);
    }
}

/// Which members are images, masks and annotation files.
struct Layout {
    image: Endings,
    /// Endings of mask files; none are looked for in SA-1B.
    mask: Endings,
}

/// The members of one key.
#[derive(Default)]
struct Group {
    image: Option<Part>,
    mask: Option<Part>,
    json: Option<Part>,
}

/// One of them.
struct Part {
    at: u64,
    len: u64,
    /// What its name has after the key, as it is spelt.
    ending: Box<[u8]>,
}

fn read_shard(
    spec: &SetSpec,
    selection: &Selection,
    layout: &Layout,
    file: &Path,
    number: usize,
    stage: &Stage<'_>,
) -> Result<(Drafts, Vec<LeftOut>)> {
    let mut groups: Vec<(Vec<u8>, Group)> = Vec::new();
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut way = Way { stage, at: 0 };
    tar::members(file, |member| {
        way.reach(member.at);
        let Some((key, ending)) = tar::key_and_ending(member.name) else { return Ok(()) };
        let (is_image, is_mask) = (layout.image.contains(&ending), layout.mask.contains(&ending));
        if !(is_image || is_mask || ending == "json") {
            return Ok(());
        }
        // Members of a key follow each other, as a rule.
        let at = match groups.last() {
            Some((last, _)) if last == key => groups.len() - 1,
            _ => *numbers.entry(key.to_vec()).or_insert_with(|| {
                groups.push((key.to_vec(), Group::default()));
                groups.len() - 1
            }),
        };
        let group = &mut groups[at].1;
        let (slot, of_role) = match ending.as_str() {
            "json" => (&mut group.json, None),
            _ if is_image => (&mut group.image, Some(&layout.image)),
            _ => (&mut group.mask, Some(&layout.mask)),
        };
        if let (Some(old), Some(endings)) = (&*slot, of_role) {
            let old_ending = String::from_utf8_lossy(&old.ending).to_lowercase();
            let old_ending = old_ending.trim_start_matches('.');
            if endings.yields(&ending, old_ending) {
                return Ok(());
            }
            if endings.yields(old_ending, &ending) {
                *slot = None;
            }
        }
        let ending = member.name[key.len()..].into();
        if slot.replace(Part { at: member.at, len: member.len, ending }).is_some() {
            let name = String::from_utf8_lossy(member.name);
            return Err(Error::Tar {
                file: file.into(),
                expected: "one image, mask and annotation file of a name".into(),
                found: format!("a second one: {name}"),
            });
        }
        Ok(())
    })?;
    drop(numbers);
    let length = lengths(&[file.into()])?;
    way.reach(length);
    let mut way = Way { stage, at: 0 };
    let drafted = draft(spec, selection, file, number as u32, groups, &mut way);
    way.reach(length);
    drafted
}

/// The images of a tar file with a mask file or with objects to take.
fn draft(
    spec: &SetSpec,
    selection: &Selection,
    file: &Path,
    number: u32,
    groups: Vec<(Vec<u8>, Group)>,
    way: &mut Way<'_>,
) -> Result<(Drafts, Vec<LeftOut>)> {
    let mut drafts = Drafts::default();
    let mut counter = Counter::new(spec);
    let mut lone = [
        LeftOut::none("images without a mask or annotation file"),
        LeftOut::none("mask or annotation files without an image"),
    ];
    for (stem, Group { image, mask, json }) in groups {
        let has_mask = mask.is_some();
        let notes = mask.or(json);
        let Some(first) = image.as_ref().or(notes.as_ref()) else { continue };
        way.reach(first.at);
        let name = |part: &Part| [&*stem, &*part.ending].concat();
        let mut names = Names { stem: &stem, image: &first.ending, notes: b"" };
        if !passes(selection, names) {
            continue;
        }
        let shown = || file.join(path_from_bytes(&name(first))).display().to_string();
        let (Some(image), Some(notes)) = (&image, &notes) else {
            lone[usize::from(image.is_none())].add(shown);
            continue;
        };
        names.notes = &notes.ending;
        let span = |part: &Part| {
            let len = drafts::length(part.len, file, || name(part))?;
            Ok(Span { file: number, len, at: part.at })
        };
        let read = |bytes: &mut Vec<u8>| read_part(file, notes.at, notes.len, bytes);
        let member = || file.join(path_from_bytes(&name(notes)));
        let counted =
            if has_mask { Some(((0, 0), 0)) } else { counter.count(read, member, shown)? };
        if let Some((size, objects)) = counted {
            drafts.push(names, span(image)?, span(notes)?, size, objects);
        }
    }
    let [images, notes] = lone;
    let flaws = [(images, file), (notes, file)];
    refuse_unmatched(spec, &flaws, [Missing::Mask, Missing::Image])?;
    let mut left = counter.left_out();
    left.extend(flaws.into_iter().map(|(flaw, _)| flaw));
    Ok((drafts, left))
}
