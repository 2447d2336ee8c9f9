//! WebDataset: tar files with an image and a JSON file of SA-1B's layout for each record.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use super::layout::{Held, Place, Writer};
use super::names::{Classes, without_classes};
use super::reader::Item;
use super::sa1b::{Numbers, notes, refuse_png};
use crate::error::{Error, Result};
use crate::source::{LeftOut, Patterns, SetKind, SetSpec, WebDatasetKeys};

/// Bytes above which the next record goes into another tar file.
const SHARD: usize = 1 << 30;

pub(super) struct WebDataset {
    place: Place,
    numbers: Numbers,
    shards: usize,
    /// The tar file at hand, and the bytes in it.
    open: Option<(PathBuf, tar::Builder<BufWriter<File>>, usize)>,
}

impl WebDataset {
    pub(super) fn new(place: &Place) -> Result<WebDataset> {
        place.folder("")?;
        Ok(WebDataset { place: place.clone(), numbers: Numbers::default(), shards: 0, open: None })
    }

    fn shard(&mut self) -> Result<&mut (PathBuf, tar::Builder<BufWriter<File>>, usize)> {
        if self.open.as_ref().is_some_and(|open| open.2 > SHARD) {
            self.close()?;
        }
        if self.open.is_none() {
            let path = self.place.file(format!("shard-{:06}.tar", self.shards));
            let file = File::create(&path)
                .map_err(|source| Error::Write { file: path.clone(), source })?;
            self.shards += 1;
            self.open = Some((path, tar::Builder::new(BufWriter::new(file)), 0));
        }
        Ok(self.open.as_mut().expect("it was opened above"))
    }

    fn close(&mut self) -> Result<()> {
        let Some((path, tar, _)) = self.open.take() else { return Ok(()) };
        let done = tar.into_inner().and_then(|file| file.into_inner().map_err(Into::into));
        done.map(drop).map_err(|source| Error::Write { file: path, source })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, tar, written) = self.shard()?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // The same data give the same bytes.
        header.set_mode(0o644);
        header.set_mtime(0);
        *written += bytes.len();
        tar.append_data(&mut header, name, bytes)
            .map_err(|source| Error::Write { file: path.clone(), source })
    }
}

impl Writer for WebDataset {
    fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        refuse_png(item)?;
        // A key ends at the first point.
        let key = item.name.replace('.', "_");
        let image = format!("{key}.{}", item.ending());
        let notes = notes(item, &image, &mut self.numbers).to_string();
        // Both in one tar file.
        self.shard()?;
        let before = self.open.as_ref().map_or(0, |open| open.2);
        self.append(&image, &item.file)?;
        if let Some(open) = &mut self.open {
            open.2 = before;
        }
        self.append(&format!("{key}.json"), notes.as_bytes())?;
        if let Some(open) = &mut self.open {
            open.2 += item.file.len();
        }
        let masks = item.objects.iter().map(|object| object.mask.clone()).collect();
        Ok(vec![Held { record: key, masks }])
    }

    fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        self.close()?;
        Ok(without_classes(classes))
    }

    fn spec(&self, name: &str) -> SetSpec {
        let inner = &self.place.inner;
        let last = self.shards.saturating_sub(1);
        let pattern = match last {
            0 => "shard-000000.tar".to_owned(),
            last => format!("shard-{{000000..{last:06}}}.tar"),
        };
        let shards = Patterns(vec![inner.join(pattern).display().to_string()]);
        SetSpec::new(
            name,
            SetKind::WebDataset(WebDatasetKeys { shards, ..WebDatasetKeys::default() }),
        )
    }
}
