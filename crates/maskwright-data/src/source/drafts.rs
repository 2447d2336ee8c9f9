//! Images that were found, before it is known which of them make records.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::index::{Image, IndexWriter, Names, Span};
use super::select::Selection;
use super::{LeftOut, SetSpec};
use crate::error::{Error, Result};

/// Images in order, in about 60 bytes each and their names.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    items: Vec<Item>,
    names: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    image: Span,
    notes: Span,
    size: (u32, u32),
    /// 0 for a mask file.
    objects: u32,
    names_len: u32,
    names_at: u64,
}

impl Drafts {
    /// Adds an image; `objects` is 0 where a mask file tells its only object.
    pub(super) fn push(
        &mut self,
        names: Names<'_>,
        image: Span,
        notes: Span,
        size: (u32, u32),
        objects: u32,
    ) {
        let names_at = self.names.len() as u64;
        names.text().iter().for_each(|piece| self.names.extend_from_slice(piece));
        let names_len = (self.names.len() as u64 - names_at) as u32;
        self.items.push(Item { image, notes, size, objects, names_len, names_at });
    }

    fn names(&self, item: &Item) -> Names<'_> {
        let at = item.names_at as usize;
        let text = &self.names[at..at + item.names_len as usize];
        Names::of_text(text).expect("it was written as such a text")
    }
}

/// Writes the images that patterns and the set's part choose into an index.
pub(super) fn write(
    spec: &SetSpec,
    selection: &Selection,
    drafts: &[Drafts],
    writer: &mut IndexWriter,
) -> Result<()> {
    let all =
        || drafts.iter().flat_map(|drafts| drafts.items.iter().map(move |item| (drafts, item)));
    let mut put = |drafts: &Drafts, item: &Item| {
        writer.image(&Image {
            names: drafts.names(item),
            image: item.image,
            notes: item.notes,
            size: item.size,
            objects: item.objects,
            records: spec.kind.objects().records(item.objects.max(1)),
        })
    };
    if !selection.has_part() {
        return all().try_for_each(|(drafts, item)| put(drafts, item));
    }
    // By name alone, so that the same images are chosen in a folder and in tar files.
    let stem = |names: Names<'_>| String::from_utf8_lossy(names.stem).into_owned();
    let names: Vec<String> = all().map(|(drafts, item)| stem(drafts.names(item))).collect();
    let mut chosen = selection.in_part(&names).into_iter().peekable();
    for (at, (drafts, item)) in all().enumerate() {
        if chosen.next_if_eq(&at).is_some() {
            put(drafts, item)?;
        }
    }
    Ok(())
}

/// Whether an image passes the set's patterns, which are compared with its name with and without ending.
pub(super) fn passes(selection: &Selection, names: Names<'_>) -> bool {
    let (stem, file) = (String::from_utf8_lossy(names.stem), names.image_file());
    selection.lets_through(&stem, &String::from_utf8_lossy(&file))
}

/// Does `job` for every number below `count` on all cores; results come in order, and of several errors
/// the first in order.
pub(super) fn in_parallel<T: Send>(
    count: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let failed = AtomicUsize::new(usize::MAX);
    let done: Vec<Option<Result<T>>> = (0..count)
        .into_par_iter()
        .map(|number| {
            // Numbers before a failed one are still done: one of them may fail as well.
            if number > failed.load(Ordering::Relaxed) {
                return None;
            }
            let result = job(number);
            if result.is_err() {
                failed.fetch_min(number, Ordering::Relaxed);
            }
            Some(result)
        })
        .collect();
    done.into_iter().flatten().collect()
}

/// Adds up what several threads left out, in their order.
pub(super) fn sum(parts: impl IntoIterator<Item = LeftOut>) -> Vec<LeftOut> {
    let mut sums: Vec<LeftOut> = Vec::new();
    for part in parts.into_iter().filter(|part| part.count > 0) {
        match sums.iter_mut().find(|sum| sum.what == part.what) {
            Some(sum) => sum.count += part.count,
            None => sums.push(part),
        }
    }
    sums
}

/// The length of a member as an index holds it.
pub(super) fn length(
    len: u64,
    file: &std::path::Path,
    name: impl FnOnce() -> Vec<u8>,
) -> Result<u32> {
    match u32::try_from(len) {
        Ok(len) if len > 0 => Ok(len),
        _ => Err(Error::Tar {
            file: file.into(),
            expected: "members of 1 byte to 4 GiB".into(),
            found: format!("{} of {len} bytes", String::from_utf8_lossy(&name())),
        }),
    }
}
