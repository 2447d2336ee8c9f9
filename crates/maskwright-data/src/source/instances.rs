//! Image files with mask files of several objects each.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::decode::{
    ImageFile, LabelDecoder, Limits, MaskObject, MaskObjects, MaskRule, ObjectMap,
};

use super::bytes::read_file;
use super::drafts::in_parallel;
use super::index::{
    Entry, Image, Index, IndexWriter, Names, ObjectEntry, OpenContext, Span, Stage, no_record,
    open_or_build,
};
use super::objects::{Facts, ObjectFilter};
use super::{
    ExifRule, ImageBuffer, LeftOut, Located, MaskBuffer, MaskForm, Objects, PairsSource, Pick,
    SetSpec, Source,
};
use crate::error::Result;
use crate::record::Record;

/// Mask files that a thread reads at a time.
const BLOCK: usize = 16;
/// Images whose objects are in memory before they are written into the index.
const WINDOW: usize = 4096;

/// Images and masks that belong together as in a [`PairsSource`], where a mask file shows several objects: one for each of
/// its numbers, or one for each connected piece.
///
/// What objects a file has is found out when the set is opened: every mask is decoded once, on all cores, and number, area
/// and box of each object are kept in the cached index, which holds until a mask file changes. Records, draws and filters
/// are then those of an annotated set ([`IndexedSource`](super::IndexedSource)). A mask that cannot be decoded is a record
/// all the same, so that it is refused by name when a sample asks for it.
#[derive(Debug)]
pub struct InstancesSource {
    name: Arc<str>,
    pairs: PairsSource,
    index: Index,
    objects: Objects,
    left_out: Vec<LeftOut>,
}

impl InstancesSource {
    /// Opens the set: lists its files, and opens the index of their objects, which is made where none is kept.
    ///
    /// # Errors
    ///
    /// As [`PairsSource::open`]; a set without any object to take.
    pub fn open(spec: &SetSpec, context: &OpenContext<'_>) -> Result<InstancesSource> {
        let pairs = PairsSource::list(spec)?;
        let rule = pairs.mask_rule();
        let mut print = spec.fingerprint();
        print.setting("masks", rule);
        print.paths(pairs.len(), |number, path| pairs.write_mask_path(number, path))?;
        let index = open_or_build(&spec.name, &print, context, |writer| {
            let filter = spec.kind.object_filter();
            let mut bare = LeftOut::none(match rule.objects {
                MaskObjects::Components | MaskObjects::NumberComponents => {
                    "images without a piece to take"
                }
                _ => "images without a number to take",
            });
            let stage = context.stage(&spec.name, "masks", Some(pairs.len() as u64));
            let made = Build { pairs: &pairs, rule, filter, objects: spec.kind.objects(), stage };
            made.write(writer, &mut bare)?;
            Ok((Vec::new(), vec![bare]))
        })?;
        let bare = index.left_out().iter().filter(|left| left.count > 0).cloned();
        let left_out: Vec<LeftOut> = pairs.left_out().iter().cloned().chain(bare).collect();
        if index.records() == 0 {
            return Err(no_record(&spec.name, &left_out));
        }
        Ok(InstancesSource {
            name: spec.name.as_str().into(),
            pairs,
            index,
            objects: spec.kind.objects(),
            left_out,
        })
    }

    /// Images without a mask and masks without an image that were left out; see [`PairsSource::unmatched`].
    pub fn unmatched(&self) -> &[PathBuf] {
        self.pairs.unmatched()
    }

    /// How many images the set's records show.
    pub fn images(&self) -> u64 {
        self.index.images()
    }

    /// The entry of a record's image, and which of the image's records it is.
    fn entry(&self, at: &Located) -> Result<(Entry, u64)> {
        at.entry.map_or_else(|| self.index.find(&self.name, at.index), Ok)
    }
}

/// The number of an entry's pair.
fn pair_of(entry: &Entry) -> usize {
    entry.image.at as usize
}

/// An index at work.
struct Build<'a> {
    pairs: &'a PairsSource,
    rule: &'a MaskRule,
    filter: ObjectFilter,
    objects: Objects,
    stage: Stage<'a>,
}

/// Size and objects of a mask file; none where it cannot be read.
type Read = Option<((u32, u32), Vec<MaskObject>)>;

impl Build<'_> {
    /// Writes the images that have an object to take, or a mask that cannot be read, in the order of the pairs.
    fn write(&self, writer: &mut IndexWriter, bare: &mut LeftOut) -> Result<()> {
        let all: Vec<usize> = (0..self.pairs.len()).collect();
        for window in all.chunks(WINDOW) {
            let blocks: Vec<&[usize]> = window.chunks(BLOCK).collect();
            let read = in_parallel(blocks.len(), |number| self.read(blocks[number]))?;
            for (&pair, found) in window.iter().zip(read.into_iter().flatten()) {
                let (size, objects) = found.unwrap_or_default();
                let taken = objects.len() as u32;
                let unreadable = size == (0, 0);
                if !unreadable && !self.filter.takes_image(taken) {
                    bare.add(|| self.name(pair));
                    continue;
                }
                writer.image(&Image {
                    names: Names { stem: b"", image: b"", notes: b"" },
                    image: Span { file: 0, len: 0, at: pair as u64 },
                    notes: Span::default(),
                    size,
                    objects: taken,
                    records: self.objects.records(taken.max(1)),
                })?;
                for object in &objects {
                    writer.object(&ObjectEntry::of_mask_file(object))?;
                }
            }
        }
        Ok(())
    }

    fn name(&self, pair: usize) -> String {
        self.pairs.record(pair).map_or_else(|_| pair.to_string(), |record| record.name)
    }

    /// Reads some mask files, one after the other.
    fn read(&self, pairs: &[usize]) -> Result<Vec<Read>> {
        let (mut map, mut labels) = (ObjectMap::default(), LabelDecoder::default());
        let (mut path, mut bytes) = (PathBuf::new(), Vec::new());
        let mut one = |&pair: &usize| {
            self.pairs.write_mask_path(pair, &mut path)?;
            self.stage.add(1);
            if read_file(&path, &mut bytes).is_err() {
                return Ok(None);
            }
            let read = ImageFile::read(&bytes)
                .and_then(|file| map.read(&file, self.rule, &Limits::default(), &mut labels));
            Ok(read.is_ok().then(|| {
                let size = map.size();
                let mut objects = map.objects();
                objects.retain(|object| {
                    let area = Some(f64::from(object.area));
                    self.filter.lets_through(&Facts { area, ..Facts::default() })
                });
                ((size.width as u32, size.height as u32), objects)
            }))
        };
        pairs.iter().map(&mut one).collect()
    }
}

impl Source for InstancesSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.index.records() as usize
    }

    fn record(&self, index: usize) -> Result<Record> {
        let (entry, nth) = self.entry(&index.into())?;
        let record = self.pairs.record(pair_of(&entry))?;
        Ok(Record { name: self.objects.record_name(&record.name, nth), ..record })
    }

    fn locate(&self, index: usize) -> Result<Located> {
        Ok(Located { index, entry: Some(self.entry(&index.into())?) })
    }

    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        let (entry, nth) = self.entry(at)?;
        let (set, name) = self.pairs.identity(&pair_of(&entry).into())?;
        Ok((set, self.objects.record_name(&name, nth)))
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        let (entry, _) = self.entry(at)?;
        self.pairs.image(&pair_of(&entry).into(), image)
    }

    fn objects(&self, at: &Located) -> Result<usize> {
        let (entry, _) = self.entry(at)?;
        Ok(self.objects.choices(entry.objects.max(1)) as usize)
    }

    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let (entry, nth) = self.entry(at)?;
        let wanted = match entry.objects {
            0 => None,
            objects => {
                let record = (&*self.name, at.index);
                let chosen = self.objects.choose_of(record, nth, objects, pick)?;
                Some(self.index.object(&entry, chosen.into())?.in_mask_file())
            }
        };
        mask.form = MaskForm::Objects;
        mask.object = wanted.map(|object| object.number.into());
        mask.noted = 0;
        if mask.several.ask(&self.name, at.index, wanted) {
            self.pairs.write_mask_path(pair_of(&entry), &mut mask.path)?;
            if let Err(error) = read_file(&mask.path, &mut mask.file) {
                mask.several.forget();
                return Err(error);
            }
            mask.noted = mask.file.len();
        }
        Ok(())
    }

    fn mask_rule(&self) -> &MaskRule {
        self.pairs.mask_rule()
    }

    fn exif(&self) -> ExifRule {
        self.pairs.exif()
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}
