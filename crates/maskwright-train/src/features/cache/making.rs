//! The views that a cache lacks are made: drawn, encoded, and kept shard by shard.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use maskwright_data::loader::{LoaderConfig, OnRefusal};
use maskwright_data::ordered::Ordered;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleConfig, SampleMaker};
use maskwright_data::source::Mix;
use maskwright_model::Sam;
use maskwright_model::image_encoder::EncoderState;

use super::config::FeatureType;
use super::entry::{self, Entry};
use super::folders::{default_folder, free_bytes};
use super::key::Wanted;
use super::shard::Key;
use super::store::FeatureCache;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::features::encode_first;
use crate::observer::Observer;
use crate::owned_folder::OwnedFolder;

/// A shard is written as soon as it has so many bytes, or took so long: little is lost if the making of the next one is
/// interrupted.
const SHARD_BYTES: usize = 64 << 20;
const SHARD_TIME: Duration = Duration::from_secs(20);

/// Views that are drawn before they are encoded, beyond one per thread.
const AHEAD: usize = 2;

/// Views whose making is measured for a forecast, after a first one.
const MEASURED: usize = 3;

/// What a few views of a cache took.
pub(crate) struct Measured {
    /// Seconds for one view.
    pub(crate) seconds: f64,
    entry: Entry,
    pieces: usize,
    dtype: FeatureType,
}

impl Measured {
    /// Bytes that are kept of one view.
    pub(crate) fn bytes(&self) -> usize {
        self.entry.bytes.len()
    }

    /// A batch of so many images as the cache would give it, each of them the same.
    pub(crate) fn state(&self, images: usize, device: &Device) -> EncoderState {
        entry::state(&vec![self.entry.clone(); images], self.pieces, self.dtype, device)
    }
}

/// The pixels of a view, and whether the decoder warned of them.
type Drawn = maskwright_data::Result<(Vec<u8>, bool)>;

/// What the making of a cache needs.
pub(crate) struct Making<'a> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) model: &'a Sam,
    pub(crate) mix: &'a Mix,
    pub(crate) samples: &'a SampleConfig,
}

impl Making<'_> {
    /// Opens the run's cache and makes what it lacks. What was made stays if this is interrupted. Where refused records are
    /// replaced in training, their views are left out.
    ///
    /// # Errors
    /// [`Error::NoRoom`] if the disk cannot hold it; [`Error::OutputInUse`] if another process makes it;
    /// [`Error::Stopped`] if the observer asks to stop; records that cannot be read; damaged files.
    pub(crate) fn make(self, observer: &mut dyn Observer) -> Result<FeatureCache> {
        let wanted = Wanted::of(self.config, self.model, self.mix, self.samples)?;
        let mut cache = FeatureCache::open(&self.caches()?, wanted)?;
        let records = self.mix.len() as u64;
        let all = (0..self.config.train.views)
            .flat_map(|view| (0..records).map(move |record| (view, record)));
        let missing: Vec<Key> = all.filter(|key| !cache.has(*key)).collect();
        let folder = cache.folder().display().to_string();
        if missing.is_empty() {
            observer.note(&format!("the features of {} views are in {folder}", cache.len()));
            return Ok(cache);
        }
        let _owned = OwnedFolder::take(cache.folder())?;
        let mut pending: Vec<(Key, Entry)> = Vec::new();
        let made = self.make_all(&missing, &mut cache, &mut pending, observer);
        // What is encoded is kept, whatever ended it.
        cache.keep(&pending)?;
        made.map(|()| cache)
    }

    /// Makes the first few views and keeps none of them.
    ///
    /// # Errors
    /// Records that cannot be read.
    pub(crate) fn measure(&self) -> Result<Measured> {
        let (records, pieces) =
            (self.mix.len() as u64, self.model.frozen_pieces(&self.config.train.learns));
        let all = (0..self.config.train.views)
            .flat_map(|view| (0..records).map(move |record| (view, record)));
        let few: Vec<Key> = all.take(MEASURED + 1).collect();
        let dtype = self.config.cache.dtype;
        let (mut made, mut start) = (Vec::new(), Instant::now());
        for image in self.views(&few)? {
            let state = encode_first(self.model, &image?.0, 1, pieces)?;
            made.push(entry::entries(&state, dtype).remove(0));
            // For the first one threads start, and memory is new.
            if made.len() == 1 && few.len() > 1 {
                start = Instant::now();
            }
        }
        let counted = (few.len() - 1).max(1);
        let seconds = start.elapsed().as_secs_f64() / counted as f64;
        Ok(Measured { seconds, entry: made.remove(0), pieces, dtype })
    }

    /// The folder of all caches.
    fn caches(&self) -> Result<PathBuf> {
        let named = self.config.cache.folder.clone();
        named.or_else(default_folder).ok_or_else(|| {
            let expected = "a folder, since this user has no folder of caches";
            Error::setting("cache.folder", expected, "none")
        })
    }

    /// Makes these views, the last of them left in `pending`.
    fn make_all(
        &self,
        missing: &[Key],
        cache: &mut FeatureCache,
        pending: &mut Vec<(Key, Entry)>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let replaced = self.config.train.on_refusal != OnRefusal::Fail;
        let pieces = self.model.frozen_pieces(&self.config.train.learns);
        let (mut left_out, mut begun) = (0, Instant::now());
        for (place, image) in self.views(missing)?.enumerate() {
            if observer.should_stop() {
                return Err(Error::Stopped);
            }
            let (image, warned) = match image {
                Err(error) if replaced && error.is_about_a_record() => {
                    left_out += 1;
                    continue;
                }
                image => image?,
            };
            let start = Instant::now();
            let state = encode_first(self.model, &image, 1, pieces)?;
            let mut entry = entry::entries(&state, self.config.cache.dtype).remove(0);
            entry.warned = warned;
            if place == left_out {
                announce(cache, &entry, missing.len(), start.elapsed().as_secs_f64(), observer)?;
            }
            pending.push((missing[place], entry));
            observer.caching(place + 1, missing.len());
            let bytes: usize = pending.iter().map(|(_, entry)| entry.bytes.len()).sum();
            if bytes >= SHARD_BYTES || begun.elapsed() >= SHARD_TIME {
                cache.keep(pending)?;
                pending.clear();
                begun = Instant::now();
            }
        }
        Ok(())
    }

    /// These views, drawn on threads.
    fn views(&self, missing: &[Key]) -> Result<Ordered<Drawn>> {
        let threads = match self.config.compute.workers {
            0 => LoaderConfig::default().workers,
            workers => workers,
        };
        // The image is the same however many objects are drawn.
        let samples = SampleConfig { objects_per_image: 1, ..self.samples.clone() };
        let makers = (0..threads)
            .map(|_| SampleMaker::new(samples.clone()))
            .collect::<maskwright_data::Result<Vec<_>>>()?;
        let (mix, keys, seed) = (self.mix.clone(), missing.to_vec(), self.config.train.seed);
        let draw = move |maker: &mut SampleMaker, task: maskwright_data::ordered::Task| {
            let (view, record) = keys[task.index as usize];
            let view = maker.view(&mix, SampleKey::in_epoch(seed, view, record))?;
            let warned = view.info.warnings.len() > view.info.mask_warnings;
            Ok((view.image, warned))
        };
        let mut views = Ordered::new(makers, threads + AHEAD, "views", draw)
            .map_err(|source| maskwright_data::Error::Threads { source })?;
        views.restart(0, 0, missing.len() as u64);
        Ok(views)
    }
}

/// Says what the cache will take, once the first view tells; refuses a disk that cannot hold it.
fn announce(
    cache: &FeatureCache,
    first: &Entry,
    missing: usize,
    seconds: f64,
    observer: &mut dyn Observer,
) -> Result<()> {
    let needed = first.bytes.len() as u64 * missing as u64;
    let folder = cache.folder();
    check_room(folder, needed, free_bytes(folder))?;
    observer.note(&format!(
        "the features of {missing} views are computed once, in about {:.0} s, and kept in {} ({:.1} MB)",
        seconds * missing as f64,
        folder.display(),
        needed as f64 / 1e6,
    ));
    Ok(())
}

/// Refuses a folder whose disk has less than is needed, where the system says how much is free.
fn check_room(folder: &Path, needed: u64, free: Option<u64>) -> Result<()> {
    match free.filter(|free| *free < needed) {
        Some(free) => Err(Error::NoRoom { folder: folder.to_path_buf(), needed, free }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_refused() {
        let folder = Path::new("cache");
        assert!(check_room(folder, 4096, None).is_ok());
        assert!(check_room(folder, 4096, Some(4096)).is_ok());
        let error = check_room(folder, 4096, Some(4095)).expect_err("too little");
        insta::assert_snapshot!(error, @"cache: expected 4096 bytes of free space, found 4095");
    }
}
