//! Opening an instances file of COCO or LVIS.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use maskwright_image::Size;

use super::annotation::{CocoFile, read_coco};
use super::drafts::in_parallel;
use super::image_size::size_of;
use super::index::{Image, IndexWriter, Names, OpenContext, Span, open_or_build};
use super::indexed::{IndexedSource, Notes};
use super::listed::{Found, Listed};
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
    // Images without a stated size have that of the upright picture, or of the stored one.
    print.setting("exif", spec.exif);
    let index = open_or_build(&spec.name, &print, context, |writer| {
        let left_out = build(spec, keys, context, writer)?;
        Ok((vec![keys.images.clone(), keys.annotations.clone()], left_out))
    })?;
    IndexedSource::new(spec, index, Notes::Shared)
}

/// An image that becomes records.
struct Chosen {
    number: usize,
    /// Its file in the folder of images.
    file: String,
    /// Width and height; 0 where they are still to be found out.
    size: (u32, u32),
}

/// What does not belong together.
struct Flaws {
    unlisted: LeftOut,
    absent: LeftOut,
    shared: LeftOut,
    unsized_: LeftOut,
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
    let mut flaws = Flaws {
        unlisted: std::mem::take(&mut file.unlisted),
        absent: LeftOut::none(match file.results {
            true => "images of results whose id is neither a file's name nor the number in one",
            false => "images that are listed but not there",
        }),
        shared: LeftOut::none(
            "images that are not where they are listed and share their file's name",
        ),
        unsized_: LeftOut::none("images whose size is neither listed nor in their file"),
    };
    let mut bare = LeftOut::none("images without an object to take");
    let mut chosen: Vec<Chosen> = Vec::new();
    let stage = context.stage(&spec.name, "images", Some(file.images.len() as u64));
    let listed = Listed::new(&keys.images, &file);
    for (number, image) in file.images.iter().enumerate() {
        stage.add(1);
        let name = String::from_utf8_lossy(file.name(image));
        let base = name.rsplit_once('.').map_or(&*name, |(base, _)| base);
        // Patterns are compared with the listed name and with that of the record, which is the found file's.
        let found = selection.has_patterns().then(|| listed.find(number));
        let passes = match &found {
            Some(Found::File(file)) if *file != name => {
                let stem = file.rsplit_once('.').map_or(&**file, |(stem, _)| stem);
                selection.lets_any_through(&[base, &name, stem, file])
            }
            _ => selection.lets_through(base, &name),
        };
        if !passes {
            continue;
        }
        if !filter.takes_image(file.objects(number).len() as u32) {
            bare.add(|| name.clone().into_owned());
            continue;
        }
        match found.unwrap_or_else(|| listed.find(number)) {
            Found::File(file) => {
                chosen.push(Chosen { number, file, size: (image.width, image.height) });
            }
            Found::Absent => flaws.absent.add(|| name.clone().into_owned()),
            Found::Shared { file: one, with } => flaws.shared.add(|| {
                let other = String::from_utf8_lossy(file.name(&file.images[with]));
                format!("{name}: {one} may be {other}, too")
            }),
        }
    }
    drop(stage);
    one_file_each(&chosen, &file, &keys.annotations)?;
    find_sizes(spec, keys, &mut chosen, &mut flaws.unsized_)?;
    let flaws = [
        (flaws.unlisted, &keys.annotations),
        (flaws.absent, &keys.images),
        (flaws.shared, &keys.images),
        (flaws.unsized_, &keys.images),
    ];
    refuse_unmatched(spec, &flaws, [Missing::Image; 4])?;

    let twice = stems_of_two(&chosen);
    let names: Vec<&str> = chosen.iter().map(|chosen| chosen.file.as_str()).collect();
    for at in selection.in_part(&names) {
        let Chosen { number, file: name, size } = &chosen[at];
        let objects = file.objects(*number);
        let mut names = Names::of_file(name.as_bytes(), b"");
        if twice.contains(names.stem) {
            // Records have names of their own: `a.jpg` beside `a.png`.
            names = Names { stem: name.as_bytes(), image: b"", notes: b"" };
        }
        writer.image(&Image {
            names,
            image: Span { file: IMAGES, len: 0, at: 0 },
            notes: Span { file: ANNOTATIONS, len: 0, at: 0 },
            size: *size,
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

/// Refuses two images of one file.
fn one_file_each(chosen: &[Chosen], file: &CocoFile, annotations: &Path) -> Result<()> {
    let mut images: HashMap<&str, usize> = HashMap::with_capacity(chosen.len());
    for Chosen { number, file: name, .. } in chosen {
        if let Some(before) = images.insert(name, *number) {
            let message = format!(
                "file_name: expected a file of its own, found {name}, which is that of {}, too",
                file.image(before)
            );
            let (file, place) = (annotations.into(), file.image(*number));
            return Err(Error::AnnotationFile { file, place, message });
        }
    }
    Ok(())
}

/// The stems that several files have.
fn stems_of_two(chosen: &[Chosen]) -> HashSet<Vec<u8>> {
    let mut seen: HashMap<&[u8], bool> = HashMap::with_capacity(chosen.len());
    for chosen in chosen {
        let stem = Names::of_file(chosen.file.as_bytes(), b"").stem;
        seen.entry(stem).and_modify(|twice| *twice = true).or_insert(false);
    }
    seen.into_iter().filter(|(_, twice)| *twice).map(|(stem, _)| stem.to_vec()).collect()
}

/// Reads the sizes that the annotation file does not tell from the images' headers: of the upright picture, as which tools show
/// an image, or of the stored one where its orientation is ignored. Images without any are taken out.
fn find_sizes(
    spec: &SetSpec,
    keys: &CocoKeys,
    chosen: &mut Vec<Chosen>,
    unsized_: &mut LeftOut,
) -> Result<()> {
    let unknown: Vec<usize> = (0..chosen.len()).filter(|&at| chosen[at].size.0 == 0).collect();
    let sizes = in_parallel(unknown.len(), |nth| {
        let file = &chosen[unknown[nth]].file;
        let size = size_of(&keys.images.join(file), spec.exif, || file.clone()).ok();
        Ok(size.map(|Size { width, height }| (width as u32, height as u32)))
    })?;
    for (at, size) in unknown.into_iter().zip(sizes) {
        match size {
            Some(size) => chosen[at].size = size,
            None => unsized_.add(|| chosen[at].file.clone()),
        }
    }
    chosen.retain(|chosen| chosen.size.0 > 0);
    Ok(())
}

/// Refuses what does not belong together, unless the set skips it; each flaw lacks what `missing` says in its place.
pub(super) fn refuse_unmatched<const N: usize>(
    spec: &SetSpec,
    flaws: &[(LeftOut, impl AsRef<Path>); N],
    missing: [Missing; N],
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
