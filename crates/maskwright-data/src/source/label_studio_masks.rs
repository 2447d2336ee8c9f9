//! Opening Label Studio's brush masks as PNG: `task-7-annotation-3-by-1-tag-leaf-0.png`, a file for each stroke of the brush.
//!
//! Nothing in them says which image a task is about. An image is that of the task whose number is its stem, or ends it behind
//! an underscore, as in a list of results of COCO; the export "JSON" names the images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use maskwright_image::decode::{ImageFile, LabelDecoder, Limits, MaskRule};
use maskwright_image::{GreyImage, Size};

use super::bytes::{os_bytes, read_file, walk_error};
use super::coco::refuse_unmatched;
use super::drafts::{in_parallel, sum};
use super::folder_kinds::LabelStudioKeys;
use super::index::{Image, IndexWriter, Names, ObjectEntry, OpenContext, Span, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::listed::{Found, IdList, Listed};
use super::objects::{Facts, ObjectFilter};
use super::outlines::{check_categories, files_below, is_picture};
use super::select::Selection;
use super::{LeftOut, SetSpec};
use crate::error::{Error, Missing, Result};

/// Numbers of the folders in the index; mask files follow.
const IMAGES: u32 = 0;
const MASKS: u32 = 1;
const FIRST_MASK: u32 = 2;

/// A mask file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BrushMask {
    path: PathBuf,
    task: String,
    annotation: u64,
    label: String,
}

impl BrushMask {
    /// The number of its task.
    pub(super) fn task(&self) -> &str {
        &self.task
    }

    /// What a file's name says: `task-TASK-annotation-ANNOTATION-by-USER-CONTROL-LABEL-NUMBER`.
    pub(super) fn of(path: &Path) -> Option<BrushMask> {
        let name = path.file_stem()?.to_str()?.strip_prefix("task-")?;
        let (task, rest) = name.split_once("-annotation-")?;
        let (annotation, rest) = rest.split_once("-by-")?;
        // The user and the name of the control come first; a label may have hyphens.
        let (_, rest) = rest.split_once('-')?;
        let (_, rest) = rest.split_once('-')?;
        let (label, number) = rest.rsplit_once('-')?;
        number.parse::<u64>().ok()?;
        let (path, task, label) = (path.to_owned(), task.to_owned(), label.to_owned());
        Some(BrushMask { path, task, annotation: annotation.parse().ok()?, label })
    }
}

/// The names of the labels, by the keys that objects have.
pub(super) fn labels(folder: &Path) -> Result<Vec<String>> {
    let found = list(folder)?;
    let labels: BTreeSet<String> = found.into_iter().map(|(mask, _)| mask.label).collect();
    Ok(labels.into_iter().collect())
}

/// The mask files of a folder, sorted.
fn list(folder: &Path) -> Result<Vec<(BrushMask, std::fs::Metadata)>> {
    let mut found = Vec::new();
    for entry in files_below(folder, is_picture)? {
        if let Some(mask) = BrushMask::of(entry.path()) {
            let about = entry.metadata().map_err(|error| walk_error(folder, error))?;
            found.push((mask, about));
        }
    }
    found.sort_by(|a, b| os_bytes(a.0.path.as_os_str()).cmp(os_bytes(b.0.path.as_os_str())));
    Ok(found)
}

/// Opens the set's index, or makes one by decoding all masks once.
pub(super) fn open(
    spec: &SetSpec,
    keys: &LabelStudioKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    for (role, folder) in [("images", &keys.images), ("masks", &keys.masks)] {
        if !folder.is_dir() {
            let (set, folder) = (spec.name.clone(), folder.clone());
            return Err(Error::FolderMissing { set, role, folder });
        }
    }
    let masks = list(&keys.masks)?;
    let mut print = spec.fingerprint();
    print.source(&keys.images)?;
    print.source(&keys.masks)?;
    print.files(masks.iter().map(|(mask, about)| (os_bytes(mask.path.as_os_str()), about)));
    let masks: Vec<BrushMask> = masks.into_iter().map(|(mask, _)| mask).collect();
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, &masks, context, writer)?;
        let folders = [keys.images.clone(), keys.masks.clone()].into_iter();
        Ok((folders.chain(masks.iter().map(|mask| mask.path.clone())).collect(), left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Masks)
}

fn build(
    spec: &SetSpec,
    keys: &LabelStudioKeys,
    masks: &[BrushMask],
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let filter = spec.kind.object_filter();
    let labels: BTreeSet<&str> = masks.iter().map(|mask| mask.label.as_str()).collect();
    check_categories(spec, &keys.categories, labels.iter().copied())?;
    // The first annotation of each task.
    let mut tasks: BTreeMap<&str, (u64, Vec<usize>)> = BTreeMap::new();
    for (number, mask) in masks.iter().enumerate() {
        let task = tasks.entry(&mask.task).or_insert((mask.annotation, Vec::new()));
        if mask.annotation < task.0 {
            *task = (mask.annotation, Vec::new());
        }
        if mask.annotation == task.0 {
            task.1.push(number);
        }
    }
    let ids = IdList(tasks.keys().map(|task| (*task).to_owned()).collect());
    let listed = Listed::new(&keys.images, &ids);
    let mut absent = LeftOut::none(
        "tasks whose number ends the stem of no image or of several (the export \"JSON\" names the images)",
    );
    let mut chosen: Vec<(String, &[usize])> = Vec::new();
    for (number, (task, (_, masks))) in tasks.iter().enumerate() {
        match listed.find(number) {
            Found::File(file) => {
                let stem = Path::new(&file).with_extension("");
                if selection.lets_through(&stem.to_string_lossy(), &file) {
                    chosen.push((file, masks));
                }
            }
            Found::Absent | Found::Shared { .. } => absent.add(|| format!("task {task}")),
        }
    }
    let flaws = [(absent, &keys.masks), (LeftOut::default(), &keys.masks)];
    refuse_unmatched(spec, &flaws, [Missing::Image; 2])?;

    let stage = context.stage(&spec.name, "masks", Some(chosen.len() as u64));
    let wanted =
        |mask: &BrushMask| keys.categories.is_empty() || keys.categories.contains(&mask.label);
    let category = |mask: &BrushMask| labels.iter().position(|label| *label == mask.label);
    let read = in_parallel(chosen.len(), |number| {
        let mut taken = Taken::new(spec, &filter);
        for &at in chosen[number].1 {
            let mask = &masks[at];
            if wanted(mask) {
                taken.read(at as u32, mask, category(mask).unwrap_or(0) as u32)?;
            } else {
                taken.other_label.add(|| mask.path.display().to_string());
            }
        }
        stage.add(1);
        Ok(taken)
    })?;
    drop(stage);
    let mut bare = LeftOut::none("images without an object to take");
    let names: Vec<&str> = chosen.iter().map(|(file, _)| file.as_str()).collect();
    for at in selection.in_part(&names) {
        let taken = &read[at];
        let objects = taken.objects.len() as u32;
        if !filter.takes_image(objects) {
            bare.add(|| names[at].to_owned());
            continue;
        }
        writer.image(&Image {
            names: Names::of_file(names[at].as_bytes(), b""),
            image: Span { file: IMAGES, len: 0, at: 0 },
            notes: Span { file: MASKS, len: 0, at: 0 },
            size: (taken.size.width as u32, taken.size.height as u32),
            objects,
            records: spec.kind.objects().records(objects),
        })?;
        taken.objects.iter().try_for_each(|object| writer.object(object))?;
    }
    let mut left_out = sum(read.into_iter().flat_map(Taken::left_out));
    left_out.extend([bare].into_iter().chain(flaws.into_iter().map(|(left, _)| left)));
    left_out.retain(|left| left.count > 0);
    Ok(left_out)
}

/// The objects that are taken of an image.
struct Taken<'a> {
    spec: &'a SetSpec,
    filter: &'a ObjectFilter,
    size: Size,
    objects: Vec<ObjectEntry>,
    unseen: LeftOut,
    filtered: LeftOut,
    other_label: LeftOut,
}

impl<'a> Taken<'a> {
    fn new(spec: &'a SetSpec, filter: &'a ObjectFilter) -> Taken<'a> {
        Taken {
            spec,
            filter,
            size: Size::default(),
            objects: Vec::new(),
            unseen: LeftOut::none("objects that cover no pixel of their image"),
            filtered: LeftOut::none("objects outside the bounds of the set's settings"),
            other_label: LeftOut::none("objects of other categories"),
        }
    }

    /// Decodes the mask file of a number.
    fn read(&mut self, number: u32, mask: &BrushMask, category: u32) -> Result<()> {
        let mut bytes = Vec::new();
        read_file(&mask.path, &mut bytes)?;
        let (mut labels, mut label) = (LabelDecoder::default(), GreyImage::default());
        let rule = MaskRule::default();
        ImageFile::read(&bytes)
            .and_then(|file| labels.decode_file(&file, &rule, &Limits::default(), &mut label))
            .map_err(|source| Error::Image {
                record: format!("{}/task {}", self.spec.name, mask.task),
                file: mask.path.clone(),
                source,
            })?;
        self.size = label.size;
        let area = label.data.iter().filter(|level| **level > 128).count();
        let facts = Facts { area: Some(area as f64), ..Facts::default() };
        let shown = || mask.path.display().to_string();
        if area == 0 {
            self.unseen.add(shown);
        } else if !self.filter.lets_through(&facts) {
            self.filtered.add(shown);
        } else {
            let segmentation = Span { file: FIRST_MASK + number, len: 0, at: 0 };
            let id = self.objects.len() as u64 + 1;
            self.objects.push(ObjectEntry { segmentation, id, category });
        }
        Ok(())
    }

    fn left_out(self) -> [LeftOut; 3] {
        [self.unseen, self.filtered, self.other_label]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_task_annotation_and_label() {
        let read = |name: &str| {
            BrushMask::of(Path::new(name)).map(|mask| (mask.task, mask.annotation, mask.label))
        };
        let told =
            |task: &str, annotation, label: &str| Some((task.into(), annotation, label.into()));
        assert_eq!(read("m/task-7-annotation-31-by-1-tag-leaf-0.png"), told("7", 31, "leaf"));
        assert_eq!(
            read("task-7-annotation-31-by-a@b.c-tag-old-leaf-12.png"),
            told("7", 31, "old-leaf")
        );
        for other in ["task-7.png", "task-7-annotation-x-by-1-tag-leaf-0.png", "leaf.png"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
