//! Opening an instances file of COCO or LVIS.

use std::path::Path;

use super::annotation::{CocoFile, CocoImage, read_coco};
use super::bytes::path_from_bytes;
use super::index::{Image, IndexWriter, Names, OpenContext, Span, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::select::Selection;
use super::{CocoKeys, LeftOut, SetSpec, Unmatched};
use crate::error::{Error, Missing, Result};

/// Numbers of the files in the index.
const IMAGES: u32 = 0;
const ANNOTATIONS: u32 = 1;

/// Opens the set's index, or reads its annotation file into one.
pub(super) fn open(
    spec: &SetSpec,
    keys: &CocoKeys,
    context: &OpenContext<'_>,
) -> Result<IndexedSource> {
    if !keys.images.is_dir() {
        return Err(Error::FolderMissing {
            set: spec.name.clone(),
            role: "images",
            folder: keys.images.clone(),
        });
    }
    let mut print = spec.fingerprint();
    print.source(&keys.annotations)?;
    print.source(&keys.images)?;
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, context, writer)?;
        Ok((vec![keys.images.clone(), keys.annotations.clone()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Shared)
}

fn build(
    spec: &SetSpec,
    keys: &CocoKeys,
    context: &OpenContext<'_>,
    writer: &mut IndexWriter,
) -> Result<Vec<LeftOut>> {
    let selection = Selection::new(&spec.name, &spec.include, &spec.exclude, spec.part)?;
    let filter = spec.kind.object_filter();
    let mut file = read_coco(&keys.annotations, ANNOTATIONS, &filter, &spec.name, context)?;
    let unlisted = std::mem::take(&mut file.unlisted);
    let mut absent = LeftOut::none("images that are listed but not there");
    let mut bare = LeftOut::none("images without an object to take");

    let mut chosen: Vec<(usize, String)> = Vec::new();
    let stage = context.stage(&spec.name, "images", Some(file.images.len() as u64));
    for (number, image) in file.images.iter().enumerate() {
        stage.add(1);
        let name = String::from_utf8_lossy(file.name(image));
        let base = name.rsplit_once('.').map_or(&*name, |(base, _)| base);
        if !selection.lets_through(base, &name) {
            continue;
        }
        if !filter.takes_image(file.objects(number).len() as u32) {
            bare.add(|| name.clone().into_owned());
            continue;
        }
        match find(&keys.images, &file, image) {
            Some(found) => chosen.push((number, found)),
            None => absent.add(|| name.clone().into_owned()),
        }
    }
    drop(stage);
    let flaws = [(unlisted, &keys.annotations), (absent, &keys.images)];
    refuse_unmatched(spec, &flaws, [Missing::Image; 2])?;

    let names: Vec<&str> = chosen.iter().map(|(_, name)| name.as_str()).collect();
    for at in selection.in_part(&names) {
        let (number, name) = &chosen[at];
        let image = &file.images[*number];
        let objects = file.objects(*number);
        writer.image(&Image {
            names: Names::of_file(name.as_bytes(), b""),
            image: Span { file: IMAGES, len: 0, at: 0 },
            notes: Span { file: ANNOTATIONS, len: 0, at: 0 },
            size: (image.width, image.height),
            objects: objects.len() as u32,
            records: keys.taken.objects.records(objects.len() as u32),
        })?;
        for (_, object) in objects {
            writer.object(object)?;
        }
    }
    let mut left_out = std::mem::take(&mut file.left_out);
    left_out.push(bare);
    left_out.extend(flaws.into_iter().map(|(flaw, _)| flaw));
    left_out.retain(|left| left.count > 0);
    Ok(left_out)
}

/// Refuses what does not belong together, unless the set skips it; each flaw lacks what `missing` says in its place.
pub(super) fn refuse_unmatched(
    spec: &SetSpec,
    flaws: &[(LeftOut, impl AsRef<Path>); 2],
    missing: [Missing; 2],
) -> Result<()> {
    let found = flaws.iter().zip(missing).find(|((flaw, _), _)| flaw.count > 0);
    match found {
        Some(((left, file), missing)) if spec.unmatched == Unmatched::Error => {
            let (file, left) = (file.as_ref().into(), left.clone());
            Err(Error::Unlisted { set: spec.name.clone(), file, left, missing })
        }
        _ => Ok(()),
    }
}

/// The name of an image's file in the folder: as listed, or without the folders of LVIS's addresses.
fn find(folder: &Path, file: &CocoFile, image: &CocoImage) -> Option<String> {
    let listed = file.name(image);
    let there = |name: &[u8]| {
        let path = path_from_bytes(name);
        // A name that leads out of the folder is as good as not there.
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let is = inside && folder.join(&path).is_file();
        is.then(|| String::from_utf8_lossy(name).into_owned())
    };
    let last = listed.rsplit(|byte| *byte == b'/').next().unwrap_or(listed);
    there(listed).or_else(|| there(last))
}
