//! A cache's folder: which views it has.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use maskwright_data::batch::TrainBatch;
use maskwright_data::sample::ViewInfo;
use maskwright_model::Sam;
use maskwright_model::image_encoder::EncoderState;

use super::entry::{self, Entry, Shape};
use super::key::Wanted;
use super::shard::{self, Key, Place};
use crate::error::{Error, Result};
use crate::features::encode_first;
use crate::files;

/// The file that says what a cache was made from.
pub(super) const ABOUT: &str = "cache.json";
/// What a shard's name ends in.
pub(super) const SHARD: &str = ".safetensors";

/// The kept features of a run's views.
#[derive(Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    wanted: Wanted,
    places: BTreeMap<Key, Place>,
    /// Once there is a view.
    shapes: Option<Vec<Shape>>,
}

impl FeatureCache {
    /// Opens the cache of `wanted` among those of a folder, and creates it where it is missing. Only headers are read.
    pub(crate) fn open(caches: &Path, wanted: Wanted) -> Result<Self> {
        let folder = caches.join(wanted.name()?);
        files::create_folder(&folder)?;
        let about = folder.join(ABOUT);
        match std::fs::read(&about) {
            Ok(text) => {
                let there: Wanted =
                    serde_json::from_slice(&text).map_err(|error| Error::RunFile {
                        file: about.clone(),
                        expected: "what a cache of features was made from".into(),
                        found: format!("another text: {error}"),
                    })?;
                wanted.check(&there, &about)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut text = serde_json::to_vec_pretty(&wanted).expect("plain values");
                text.push(b'\n');
                files::write_atomically(&about, &text)?;
            }
            Err(error) => return Err(Error::io(&about, "read")(error)),
        }
        let mut cache = Self { folder, wanted, places: BTreeMap::new(), shapes: None };
        for path in shards(&cache.folder)? {
            let (places, shapes) = shard::open(&path)?;
            cache.take(places, shapes, &path)?;
        }
        Ok(cache)
    }

    fn take(
        &mut self,
        places: BTreeMap<Key, Place>,
        shapes: Vec<Shape>,
        path: &Path,
    ) -> Result<()> {
        let known = self.shapes.get_or_insert_with(|| shapes.clone());
        if *known != shapes {
            return Err(Error::RunFile {
                file: path.to_path_buf(),
                expected: format!("features of the shapes {known:?}"),
                found: format!("{shapes:?}"),
            });
        }
        self.places.extend(places);
        Ok(())
    }

    /// The folder of this cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The number of views whose features are there.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no view is there.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.places.contains_key(&key)
    }

    /// The views, as `(view, record)`, whose images need not be decoded: those that are there, save where the decoder had
    /// something to say.
    pub(crate) fn without_pixels(&self) -> HashSet<Key> {
        self.places.iter().filter(|(_, place)| !place.warned).map(|(key, _)| *key).collect()
    }

    /// What the frozen pieces of the model's encoder make of a batch: read, or computed where a view could not be kept.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::RunFile`] for a damaged file.
    pub fn read(&self, model: &Sam, batch: &TrainBatch) -> Result<EncoderState> {
        let (pieces, dtype) = (self.wanted.pieces, self.wanted.dtype);
        let entry = |(number, view): (usize, &ViewInfo)| -> Result<Entry> {
            let place = self.places.get(&(view.key.view, view.key.record));
            match (place, &self.shapes) {
                (Some(place), Some(shapes)) => {
                    let values: usize =
                        shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
                    place.read(shapes, values * dtype.bytes())
                }
                _ => {
                    let state = encode_first(model, batch.image(number), 1, pieces)?;
                    Ok(entry::entries(&state, dtype).remove(0))
                }
            }
        };
        let entries: Vec<Entry> =
            batch.views.iter().enumerate().map(entry).collect::<Result<_>>()?;
        Ok(entry::state(&entries, pieces, dtype, &model.device()))
    }

    /// Keeps the features of some views in a file of their own, which is named by the first.
    pub(super) fn keep(&mut self, views: &[(Key, Entry)]) -> Result<()> {
        let Some(((view, record), _)) = views.first() else { return Ok(()) };
        let path = self.folder.join(format!("{view:05}-{record:08}{SHARD}"));
        shard::write(&path, views)?;
        let (places, shapes) = shard::open(&path)?;
        self.take(places, shapes, &path)
    }
}

/// The shards of a cache, in the order of their names.
pub(super) fn shards(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.ends_with(SHARD) && !name.starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
