//! The training sets, or the validation sets, as one row of records.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use maskwright_data::export::Names;
use maskwright_data::source::{DataFile, LeftOut, Objects, OpenContext, SetSpec};
use maskwright_doctor::{Role, Subject};

use crate::config::PrepData;
use crate::error::{Error, Result};

/// The sets of one role, opened.
pub(crate) struct Part {
    pub(crate) role: Role,
    pub(crate) subjects: Vec<Subject>,
    /// The number of each set's first record, and of all records.
    starts: Vec<usize>,
    /// As the data file says it; none of images alone.
    pub(crate) specs: Vec<SetSpec>,
}

impl Part {
    /// Opens all sets: the parts that there are, the training sets first.
    pub(crate) fn open_all(data: &PrepData, context: &OpenContext<'_>) -> Result<Vec<Part>> {
        match data {
            PrepData::Images { name, folder } => {
                let subject = Subject::images_alone(name.clone(), folder)?;
                if subject.is_empty() {
                    let found = format!("none in {}", folder.display());
                    return Err(Error::setting("the images", "at least one", found));
                }
                Ok(vec![Part::new(Role::Train, vec![subject], Vec::new())])
            }
            PrepData::Sets(data) => {
                let roles = [(Role::Train, &data.train), (Role::Valid, &data.valid)];
                let there = roles.into_iter().filter(|(_, specs)| !specs.is_empty());
                there.map(|(role, specs)| Part::open(role, specs, context)).collect()
            }
        }
    }

    fn open(role: Role, specs: &[SetSpec], context: &OpenContext<'_>) -> Result<Part> {
        let read_as = |spec: &SetSpec| format!("exif and value_range of set {}", spec.name);
        if let Some(other) = specs
            .iter()
            .find(|spec| (spec.exif, spec.value_range) != (specs[0].exif, specs[0].value_range))
        {
            let expected = format!("those of set {}, since both become one set", specs[0].name);
            return Err(Error::setting(&read_as(other), &expected, "others"));
        }
        let open = |spec: &SetSpec| {
            let mut every_image = spec.clone();
            if let Some(keys) = every_image.kind.taken_mut() {
                keys.objects = Objects::One;
            }
            Ok(Subject::of_set(&every_image, every_image.open(context)?, role))
        };
        let subjects = specs.iter().map(open).collect::<Result<Vec<_>>>()?;
        Ok(Part::new(role, subjects, specs.to_vec()))
    }

    fn new(role: Role, subjects: Vec<Subject>, specs: Vec<SetSpec>) -> Part {
        let mut starts = vec![0];
        for subject in &subjects {
            starts.push(starts[starts.len() - 1] + subject.len());
        }
        Part { role, subjects, starts, specs }
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.starts[self.subjects.len()]
    }

    /// The records of a shard: all shards have as many, or one more.
    pub(crate) fn records(&self, shard: usize, shards: usize) -> Range<usize> {
        let at = |shard: usize| (self.len() as u128 * shard as u128 / shards as u128) as usize;
        at(shard)..at(shard + 1)
    }

    /// The set of a record, and its number in it.
    pub(crate) fn locate(&self, record: usize) -> (&Subject, usize) {
        // Sets without records share their start with the next.
        let set = self.starts.partition_point(|&start| start <= record) - 1;
        (&self.subjects[set], record - self.starts[set])
    }

    /// Keys of records, which no two of them share; of several sets each begins with its set's name. A key has no dot, where
    /// WebDataset's keys end.
    pub(crate) fn keys(&self, records: Range<usize>) -> Arc<[String]> {
        let mut names = Names::default();
        let key = |record: usize| {
            let (subject, index) = self.locate(record);
            let name = subject.source().and_then(|source| {
                let at = source.locate(index).ok()?;
                source.identity(&at).ok().map(|(_, name)| name)
            });
            let name = name.unwrap_or_else(|| format!("record-{record}"));
            let name = match self.subjects.len() {
                1 => name,
                _ => format!("{}-{name}", subject.name()),
            };
            names.give(&name.replace('.', "_"))
        };
        records.map(key).collect()
    }

    /// What opening the sets left out.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        let sources = self.subjects.iter().filter_map(Subject::source);
        sources.flat_map(|source| source.left_out())
    }
}

/// Refuses an output folder inside of what is read.
pub(crate) fn check_place(data: &PrepData, output: &Path) -> Result<()> {
    let inside = match data {
        PrepData::Sets(data) => data.place_around(output),
        PrepData::Images { folder, .. } => DataFile::from_folders(folder, "").place_around(output),
    };
    match inside {
        None => Ok(()),
        Some(place) => {
            let found = format!("{} in {}, which is read", output.display(), place.display());
            Err(Error::setting("the output", "a path outside of the data", found))
        }
    }
}
