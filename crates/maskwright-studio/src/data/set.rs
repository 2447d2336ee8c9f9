//! The opened sets: records by number over all sets, and what is known of each.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use maskwright_data::record::Record;
use maskwright_data::sample::{SampleConfig, WholeReader};
use maskwright_data::source::{
    ClassNames, DataFile, ExifRule, ImageBuffer, MaskBuffer, Objects, OpenContext, Pick, SetSpec,
    Source,
};
use maskwright_image::decode::Limits;
use maskwright_image::mask::Rle;
use maskwright_image::{RgbImage, Size};

use super::StudioData;
use super::peek::plain_size;
use super::photos::Photos;
use crate::error::{Error, Result};
use crate::key::key_of;
use crate::locks::lock;

/// Objects of a record whose categories are looked at.
const LOOKED_AT: usize = 2000;

/// A set of the data.
pub(crate) struct OpenSet {
    pub(crate) source: Arc<dyn Source>,
    /// What a data file says of it; none of photographs.
    pub(crate) spec: Option<SetSpec>,
    names: ClassNames,
}

/// What is known of a record once its files were looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Of the image as it is turned.
    pub(crate) size: Option<Size>,
    /// Whether it is turned by its EXIF orientation.
    pub(crate) upright: bool,
    pub(crate) objects: Option<usize>,
    pub(crate) categories: Vec<String>,
    pub(crate) refused: Option<String>,
}

/// All records.
pub(crate) struct DataSet {
    pub(crate) sets: Vec<OpenSet>,
    /// The first number of each set, and the number of all records.
    starts: Vec<usize>,
    facts: Vec<OnceLock<Facts>>,
    readers: Mutex<Vec<WholeReader>>,
    settings: SampleConfig,
    /// Numbers by set and name, once they were asked for.
    numbers: OnceLock<HashMap<(String, String), usize>>,
    /// The sets as a run has them; none of photographs.
    pub(crate) data: Option<DataFile>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) name: String,
}

impl DataSet {
    /// Opens the sets; an image is one record with all of its objects.
    ///
    /// # Errors
    /// Those of opening sets, and [`Error::Missing`] where there is no record.
    pub(crate) fn open(from: &StudioData, context: &OpenContext<'_>) -> Result<Self> {
        let name = from.name();
        let (sets, data, file) = match from {
            StudioData::Photos { folder } => {
                let source: Arc<dyn Source> = Arc::new(Photos::open(folder, &name)?);
                (vec![OpenSet { source, spec: None, names: ClassNames::None }], None, None)
            }
            StudioData::Sets { data, file } => {
                let specs = data.train.iter().chain(&data.valid).chain(&data.other);
                let sets = specs.map(|spec| OpenSet::open(spec, context));
                (sets.collect::<Result<_>>()?, Some((**data).clone()), file.clone())
            }
        };
        let mut starts = vec![0];
        for set in &sets {
            starts.push(starts[starts.len() - 1] + set.source.len());
        }
        let total = starts[sets.len()];
        if total == 0 {
            return Err(Error::missing(&name, "at least one image"));
        }
        Ok(Self {
            sets,
            starts,
            facts: (0..total).map(|_| OnceLock::new()).collect(),
            readers: Mutex::default(),
            settings: SampleConfig::default(),
            numbers: OnceLock::new(),
            data,
            file,
            name,
        })
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The names of the sets.
    pub(crate) fn set_names(&self) -> Vec<String> {
        self.sets.iter().map(|set| set.source.name().to_owned()).collect()
    }

    /// The names of all categories that are known so far.
    pub(crate) fn categories(&self) -> Vec<String> {
        let mut names: BTreeSet<String> =
            self.sets.iter().flat_map(|set| set.names.known()).collect();
        let seen = self.facts.iter().filter_map(OnceLock::get);
        names.extend(seen.flat_map(|facts| facts.categories.iter().cloned()));
        names.into_iter().collect()
    }

    /// The set of a record, and its number there.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn find(&self, index: usize) -> Result<(&OpenSet, usize)> {
        if index >= self.len() {
            let expected = format!("a number below {}", self.len());
            return Err(Error::missing(format!("record {index}"), expected));
        }
        let set = self.starts.partition_point(|&start| start <= index) - 1;
        Ok((&self.sets[set], index - self.starts[set]))
    }

    /// The record of a number.
    ///
    /// # Errors
    /// [`Error::Missing`], and those of the set.
    pub(crate) fn record(&self, index: usize) -> Result<Record> {
        let (set, at) = self.find(index)?;
        Ok(set.source.record(at)?)
    }

    /// The set and the name of a record.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub(crate) fn identity(&self, index: usize) -> Result<(Arc<str>, String)> {
        let (set, at) = self.find(index)?;
        Ok(set.source.identity(&set.source.locate(at)?)?)
    }

    /// The number of a record.
    pub(crate) fn number(&self, set: &str, name: &str) -> Option<usize> {
        let numbers = self.numbers.get_or_init(|| {
            let named = |index| {
                let (set, name) = self.identity(index).ok()?;
                Some(((set.to_string(), name), index))
            };
            (0..self.len()).filter_map(named).collect()
        });
        numbers.get(&(set.to_owned(), name.to_owned())).copied()
    }

    /// How many masks the set has of a record, which needs no look into the image; none where that cannot be told.
    pub(crate) fn objects(&self, index: usize) -> Option<usize> {
        if let Some(facts) = self.facts.get(index)?.get() {
            return facts.objects;
        }
        let (set, at) = self.find(index).ok()?;
        set.source.locate(at).and_then(|at| set.source.objects(&at)).ok()
    }

    /// What is known of a record, if it was looked at.
    pub(crate) fn known(&self, index: usize) -> Option<&Facts> {
        self.facts.get(index)?.get()
    }

    /// What is known of a record, which is looked at if it was not.
    ///
    /// # Errors
    /// [`Error::Missing`]; what is wrong with the record is among the facts.
    pub(crate) fn facts(&self, index: usize) -> Result<&Facts> {
        let (set, at) = self.find(index)?;
        Ok(self.facts[index].get_or_init(|| {
            let found = self.with_reader(|reader| set.look(at, reader));
            found.unwrap_or_else(|error| Facts {
                refused: Some(error.to_string()),
                objects: set.source.locate(at).and_then(|at| set.source.objects(&at)).ok(),
                ..Facts::default()
            })
        }))
    }

    /// The size of a record's image.
    ///
    /// # Errors
    /// [`Error::Missing`], and [`Error::Content`] for a record that cannot be read.
    pub(crate) fn size(&self, index: usize) -> Result<Size> {
        let facts = self.facts(index)?;
        match (facts.size, &facts.refused) {
            (Some(size), _) => Ok(size),
            (None, refused) => Err(Error::Content {
                file: self.record(index)?.image,
                expected: "an image".into(),
                found: refused.clone().unwrap_or_else(|| "none".into()),
            }),
        }
    }

    /// One object's mask after the other, with its category.
    ///
    /// # Errors
    /// Those of the set.
    pub(crate) fn masks(&self, index: usize) -> Result<Vec<(Option<String>, Rle)>> {
        let (set, at) = self.find(index)?;
        let located = set.source.locate(at)?;
        let count = set.source.objects(&located)?;
        let mut buffer = MaskBuffer::new();
        self.with_reader(|reader| {
            let mut record = reader.open(&*set.source, at)?;
            let mut masks = Vec::new();
            for nth in 0..count {
                let category = match set.names {
                    ClassNames::None => None,
                    _ => {
                        set.source.mask(&located, Pick::Nth(nth), &mut buffer)?;
                        set.names.name(&buffer)
                    }
                };
                masks.push((category, reader.object(&mut record, nth)?.mask));
            }
            reader.end();
            Ok(masks)
        })
    }

    /// The whole image, as the model is to see it.
    ///
    /// # Errors
    /// An image that cannot be decoded.
    pub(crate) fn pixels(&self, index: usize) -> Result<RgbImage> {
        let (set, at) = self.find(index)?;
        let turned = self.facts(index)?.clone();
        self.with_reader(|reader| {
            let mut record = reader.open(&*set.source, at)?;
            if record.size() != turned.size.unwrap_or(record.size()) {
                reader.object(&mut record, 0)?;
            }
            let (pixels, _) = reader.pixels(&mut record)?;
            reader.end();
            Ok(pixels)
        })
    }

    /// The image at a size that `scaled` gives for its own; its own size, too.
    ///
    /// # Errors
    /// An image that cannot be decoded.
    pub(crate) fn scaled(
        &self,
        index: usize,
        scaled: impl FnOnce(Size) -> Size,
    ) -> Result<(Size, RgbImage)> {
        let upright = self.facts(index)?.upright;
        let (buffer, record) = self.file(index)?;
        let (size, decoded) = buffer
            .decode_scaled(upright, &Limits::default(), scaled)
            .map_err(Error::image(&record.image))?;
        Ok((size, decoded.pixels))
    }

    /// The image at half of its size, so many times halved, rounded up.
    ///
    /// # Errors
    /// An image that cannot be decoded.
    pub(crate) fn halved(&self, index: usize, times: usize) -> Result<RgbImage> {
        let upright = self.facts(index)?.upright;
        let (buffer, record) = self.file(index)?;
        let decoded = buffer.decode_halved(upright, &Limits::default(), times as u32);
        Ok(decoded.map_err(Error::image(&record.image))?.pixels)
    }

    /// The image as its set has it.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub(crate) fn file(&self, index: usize) -> Result<(ImageBuffer, Record)> {
        let (set, at) = self.find(index)?;
        let mut buffer = ImageBuffer::new();
        set.source.image(&set.source.locate(at)?, &mut buffer)?;
        Ok((buffer, set.source.record(at)?))
    }

    /// What an image is called by in caches: other content has another name.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub(crate) fn key(&self, index: usize) -> Result<String> {
        let record = self.record(index)?;
        if let Ok(data) = std::fs::metadata(&record.image)
            && data.is_file()
            && let Ok(changed) = data.modified()
        {
            let path = std::path::absolute(&record.image).unwrap_or(record.image);
            let since = changed.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let turned: &[u8] = if self.facts(index)?.upright { b"upright" } else { b"stored" };
            let path = path.as_os_str().as_encoded_bytes();
            let time = since.as_nanos().to_le_bytes();
            return Ok(key_of(&[path, &time, &data.len().to_le_bytes(), turned]));
        }
        let (buffer, _) = self.file(index)?;
        Ok(key_of(&[&buffer.file, &buffer.pixels.data]))
    }

    fn with_reader<T>(&self, work: impl FnOnce(&mut WholeReader) -> Result<T>) -> Result<T> {
        let readers = || lock(&self.readers);
        let free = readers().pop();
        let mut reader = free.unwrap_or_else(|| WholeReader::new(self.settings.clone()));
        let done = work(&mut reader);
        let mut all = readers();
        if all.len() < 4 {
            all.push(reader);
        }
        done
    }
}

impl OpenSet {
    fn open(spec: &SetSpec, context: &OpenContext<'_>) -> Result<Self> {
        let mut whole = spec.clone();
        if let Some(taken) = whole.kind.taken_mut() {
            taken.objects = Objects::One;
        }
        let source = whole.open(context)?;
        Ok(Self { source, names: ClassNames::of(&whole, context)?, spec: Some(spec.clone()) })
    }

    /// Looks at a record: its header, and where its image is turned or has categories at its masks.
    fn look(&self, at: usize, reader: &mut WholeReader) -> Result<Facts> {
        let located = self.source.locate(at)?;
        let objects = self.source.objects(&located)?;
        let (size, upright, refused) = match plain_size(&self.source.record(at)?.image) {
            Some(size) => (size, false, None),
            None => self.look_whole(at, objects, reader)?,
        };
        let mut categories = BTreeSet::new();
        match &self.names {
            ClassNames::None => {}
            ClassNames::One(name) => {
                categories.insert(name.clone());
            }
            names => {
                let mut mask = MaskBuffer::new();
                for nth in 0..objects.min(LOOKED_AT) {
                    self.source.mask(&located, Pick::Nth(nth), &mut mask)?;
                    categories.extend(names.name(&mask));
                }
            }
        }
        Ok(Facts {
            size: Some(size),
            upright,
            objects: Some(objects),
            categories: categories.into_iter().collect(),
            refused,
        })
    }

    /// The size of a record's image, whether it is turned, and what is wrong with the mask that says so.
    fn look_whole(
        &self,
        at: usize,
        objects: usize,
        reader: &mut WholeReader,
    ) -> Result<(Size, bool, Option<String>)> {
        let mut record = reader.open(&*self.source, at)?;
        let turned = record.header().map(|header| header.upright_size());
        let may_turn = record.header().is_some_and(|header| !header.orientation.is_identity());
        let mut refused = None;
        // The first mask says how the image is turned.
        if may_turn && objects > 0 {
            refused = reader.object(&mut record, 0).err().map(|error| error.to_string());
        }
        let size = record.size();
        let by_exif = self.source.exif() == ExifRule::Auto && turned == Some(size);
        Ok((size, may_turn && by_exif, refused))
    }
}
