//! The corrections: objects that were drawn here, in a folder of their own.
//!
//! ```text
//! CORRECTIONS/
//!   objects/NAME-SUM.json    an image's objects, a file for each image, replaced whole
//!   SET-SUM.json             all of a set, as COCO has it: made from the files above
//!   masks/, instances/       or as pictures: see `pictures`
//!   data.toml                a data file with these sets
//!   images/                  images that lie in tar files, as files
//! ```
//!
//! The files in `objects` are what was saved: each is written under another name and renamed, with the revision that it replaces checked
//! before. What is made of them follows within a moment; if the program ends before, it is made when it starts again. Nothing else of the
//! data is ever written.
//!
//! | file | what it is about |
//! |---|---|
//! | `stored` | the file of an image's objects |
//! | `form` | the forms in which training reads them |
//! | `made` | what is made of them, and when what goes |
//! | `made_set` | a set in the data file |
//! | `coco`, `pictures` | the forms |

mod coco;
mod form;
mod made;
mod made_set;
mod pictures;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use maskwright_files::write_atomically;
use maskwright_image::mask::Bitmap;
use maskwright_train::owned_folder::OwnedFolder;

use crate::api::{Corrections as Saved, CorrectionsInfo, SaveRequest, SavedObject};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::locks::lock;
pub use form::CorrectionsForm;
use made::Maker;
use stored::Stored;

/// Objects of an image.
const OBJECTS: usize = 10_000;
/// How long what is made of them waits for further saves.
const GATHER: Duration = Duration::from_millis(300);

/// A record, by its set and its name.
type Key = (String, String);

/// What is known of an image without its file.
#[derive(Debug, Clone)]
struct Entry {
    file: PathBuf,
    revision: u32,
    objects: usize,
}

/// The corrections of a folder, which this process owns.
pub(crate) struct Corrections {
    folder: PathBuf,
    form: CorrectionsForm,
    /// Given back when the studio ends.
    _owned: OwnedFolder,
    entries: Mutex<BTreeMap<Key, Entry>>,
    pending: Mutex<Pending>,
    changed: Condvar,
}

/// What the sets lack that are made of what was saved.
#[derive(Debug, Default)]
struct Pending {
    /// Sets that were saved since.
    sets: BTreeSet<String>,
    /// Whether they are being written.
    writing: bool,
    ends: bool,
    /// Why they could not be written last.
    error: Option<String>,
    /// What they do not hold as it was drawn.
    left_out: Vec<String>,
}

impl Corrections {
    /// Takes the folder and reads what was saved in it, of which the sets are made in this form.
    ///
    /// # Errors
    /// A folder that another process owns or that cannot be read, [`Error::Content`] for a file that is damaged.
    pub(crate) fn open(folder: &Path, form: CorrectionsForm) -> Result<Arc<Self>> {
        let folder = std::path::absolute(folder).map_err(Error::io(folder, "find"))?;
        let owned = OwnedFolder::take(&folder)?;
        let mut entries = BTreeMap::new();
        for file in stored::files(&folder)? {
            let stored = Stored::read(&file)?;
            let (revision, objects) = (stored.revision, stored.objects.len());
            entries.insert((stored.set, stored.record), Entry { file, revision, objects });
        }
        let sets = entries.keys().map(|(set, _)| set.clone()).collect();
        let corrections = Arc::new(Self {
            folder,
            form,
            _owned: owned,
            entries: Mutex::new(entries),
            pending: Mutex::new(Pending { sets, ..Pending::default() }),
            changed: Condvar::new(),
        });
        let maker = Maker::new(&corrections.folder, form);
        let writer = corrections.clone();
        std::thread::Builder::new()
            .name("corrections".into())
            .spawn(move || writer.make_sets(maker))
            .map_err(|source| Error::Threads { source })?;
        Ok(corrections)
    }

    /// Where they lie and how many there are.
    pub(crate) fn info(&self) -> CorrectionsInfo {
        let left_out = lock(&self.pending).left_out.clone();
        let entries = lock(&self.entries);
        let drawn = entries.values().filter(|entry| entry.objects > 0);
        CorrectionsInfo {
            folder: self.folder.display().to_string(),
            format: self.form.name().into(),
            left_out,
            images: drawn.clone().count(),
            objects: drawn.map(|entry| entry.objects).sum(),
        }
    }

    /// How many objects were saved of an image; none if it never was.
    pub(crate) fn count(&self, set: &str, name: &str) -> Option<usize> {
        let key = (set.to_owned(), name.to_owned());
        lock(&self.entries).get(&key).map(|entry| entry.objects)
    }

    /// The names of a set's images that have corrections.
    pub(crate) fn names(&self, set: &str) -> Vec<String> {
        let entries = lock(&self.entries);
        let own = entries.iter().filter(|((of, _), entry)| of == set && entry.objects > 0);
        own.map(|((_, name), _)| name.clone()).collect()
    }

    /// What was saved of an image.
    ///
    /// # Errors
    /// A record that is not there, a file that cannot be read.
    pub(crate) fn get(&self, data: &DataSet, index: usize) -> Result<Saved> {
        let (set, name) = data.identity(index)?;
        self.read(&(set.to_string(), name))
    }

    fn read(&self, key: &Key) -> Result<Saved> {
        let file = lock(&self.entries).get(key).map(|entry| entry.file.clone());
        let Some(file) = file else { return Ok(Saved { revision: 0, objects: Vec::new() }) };
        let stored = Stored::read(&file)?;
        Ok(Saved { revision: stored.revision, objects: stored.objects })
    }

    /// Saves an image's objects: all of them or, on any failure, none, and what was saved before stays.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the revision is not the one that this edit began with, [`Error::Setting`] for objects that
    /// make no sense, [`Error::Io`] for a disk that is full.
    pub(crate) fn save(
        &self,
        data: &DataSet,
        index: usize,
        request: &SaveRequest,
    ) -> Result<SavedFile> {
        let size = data.size(index)?;
        if request.objects.len() > OBJECTS {
            let found = request.objects.len().to_string();
            return Err(Error::setting("objects", format!("at most {OBJECTS}"), found));
        }
        let mut shared = Shared::default();
        for (number, object) in request.objects.iter().enumerate() {
            check(number, object)?;
            let mask = object.mask.to_bitmap(size)?;
            if self.form == CorrectionsForm::Instances {
                shared.add(mask);
            }
        }
        let (set, name) = data.identity(index)?;
        let key = (set.to_string(), name);
        let image = self.image(data, index)?;
        let file = self.folder.join(stored::file_name(&key.0, &key.1));
        // One save after the other: between the check and the write nothing comes.
        let mut entries = lock(&self.entries);
        let revision = entries.get(&key).map_or(0, |entry| entry.revision);
        if revision != request.revision {
            drop(entries);
            let current = Box::new(self.read(&key)?);
            return Err(Error::Conflict { record: format!("{}/{}", key.0, key.1), current });
        }
        let stored = Stored {
            schema: stored::SCHEMA,
            revision: revision + 1,
            set: key.0.clone(),
            record: key.1.clone(),
            image,
            size: crate::api::Size { height: size.height, width: size.width },
            objects: request.objects.clone(),
        };
        stored.write(&file)?;
        let entry =
            Entry { file: file.clone(), revision: revision + 1, objects: request.objects.len() };
        entries.insert(key.clone(), entry);
        drop(entries);
        lock(&self.pending).sets.insert(key.0);
        self.changed.notify_all();
        Ok(SavedFile { revision: revision + 1, file, not_held: shared.words() })
    }

    /// The path of a record's image; one that is no file is written into the folder.
    fn image(&self, data: &DataSet, index: usize) -> Result<PathBuf> {
        let record = data.record(index)?;
        if record.image.is_file() {
            return std::path::absolute(&record.image).map_err(Error::io(&record.image, "find"));
        }
        let (buffer, record) = data.file(index)?;
        let (bytes, ending) = match buffer.open() {
            Ok(file) if !buffer.file.is_empty() => {
                let ending = file.header().format.endings()[0];
                (buffer.file, ending)
            }
            _ => {
                let png = maskwright_image::encode::png_rgb(&buffer.pixels);
                (png.map_err(Error::image(&record.image))?, "png")
            }
        };
        let folder = self.folder.join("images");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create"))?;
        let path = folder.join(format!("{}.{ending}", stored::slug(&record.set, &record.name)));
        if !path.is_file() {
            write_atomically(&path, &bytes).map_err(Error::io(&path, "write"))?;
        }
        Ok(path)
    }

    /// Waits until the sets hold all that was saved, and returns the data file; none where nothing was drawn.
    ///
    /// # Errors
    /// [`Error::Child`] with the reason why they could not be written.
    pub(crate) fn data_file(&self) -> Result<Option<PathBuf>> {
        let mut pending = lock(&self.pending);
        let until = Instant::now() + Duration::from_secs(60);
        self.changed.notify_all();
        while (pending.writing || !pending.sets.is_empty()) && pending.error.is_none() {
            if Instant::now() > until {
                break;
            }
            let waited = self.changed.wait_timeout(pending, GATHER);
            pending =
                waited.map_or_else(|poisoned| poisoned.into_inner().0, |(pending, _)| pending);
        }
        if let Some(reason) = &pending.error {
            return Err(Error::Child { what: "the corrections".into(), reason: reason.clone() });
        }
        let file = self.folder.join(made_set::DATA_FILE);
        Ok(file.is_file().then_some(file))
    }

    /// The thread that makes the sets.
    fn make_sets(&self, mut maker: Maker) {
        loop {
            let mut pending = lock(&self.pending);
            while pending.sets.is_empty() && !pending.ends {
                pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
            }
            if pending.sets.is_empty() {
                return;
            }
            let sets = std::mem::take(&mut pending.sets);
            (pending.writing, pending.error) = (true, None);
            let hurry = pending.ends;
            drop(pending);
            if !hurry {
                std::thread::sleep(GATHER);
            }
            let files: Vec<PathBuf> =
                lock(&self.entries).values().map(|entry| entry.file.clone()).collect();
            let made = maker.make(&files);
            let mut pending = lock(&self.pending);
            pending.writing = false;
            match made {
                Ok(left_out) => pending.left_out = left_out,
                Err(error) => {
                    pending.error = Some(error.to_string());
                    // Tried again with the next save, or at the end.
                    if !pending.ends {
                        pending.sets.extend(sets);
                        self.changed.notify_all();
                        let waited = self.changed.wait_timeout(pending, Duration::from_secs(2));
                        drop(waited);
                        continue;
                    }
                }
            }
            drop(pending);
            self.changed.notify_all();
        }
    }

    /// Writes what is pending and ends.
    pub(crate) fn end(&self) {
        let mut pending = lock(&self.pending);
        pending.ends = true;
        self.changed.notify_all();
        let until = Instant::now() + Duration::from_millis(800);
        while (pending.writing || !pending.sets.is_empty()) && Instant::now() < until {
            let waited = self.changed.wait_timeout(pending, Duration::from_millis(50));
            pending =
                waited.map_or_else(|poisoned| poisoned.into_inner().0, |(pending, _)| pending);
        }
    }
}

/// What was saved of an image.
pub(crate) struct SavedFile {
    pub(crate) revision: u32,
    pub(crate) file: PathBuf,
    /// What the form of the set will not hold of it.
    pub(crate) not_held: Option<String>,
}

/// Pixels that several objects of an image have.
#[derive(Default)]
struct Shared {
    all: Option<Bitmap>,
    /// The sum of their areas.
    areas: usize,
}

impl Shared {
    fn add(&mut self, mask: Bitmap) {
        self.areas += mask.count();
        self.all = Some(match self.all.take() {
            Some(all) => all.with(&mask),
            None => mask,
        });
    }

    fn words(&self) -> Option<String> {
        let twice = self.areas - self.all.as_ref()?.count();
        (twice > 0).then(|| {
            let what = "in the set of numbered masks each of these pixels is the smallest one's";
            format!("objects overlap by {twice} pixels: {what}")
        })
    }
}

/// Whether an object can be saved.
fn check(number: usize, object: &SavedObject) -> Result<()> {
    let name = object.name.trim();
    if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        let key = format!("the name of object {number}");
        return Err(Error::setting(key, "1 to 200 letters", format!("{:?}", object.name)));
    }
    let digits = object.colour.strip_prefix('#').unwrap_or_default();
    if digits.len() != 6 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        let key = format!("the colour of object {number}");
        return Err(Error::setting(key, "#rrggbb", format!("{:?}", object.colour)));
    }
    Ok(())
}
