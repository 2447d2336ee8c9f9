//! A run's log as TensorBoard reads it: an event file in the run's folder.
//!
//! `metrics.jsonl` stays the source; this is a second writing of it, with pictures of the validation, the settings as text and as
//! hyper-parameters. Tags are `loss/total`, `loss/bce`, `learning_rate`, `images_per_second`, and for each set, prompt and mask
//! `SET/box/hq/iou` and `SET/box/hq/boundary_iou`. Steps are those of the whole run. A run that is resumed begins another file in
//! the same folder, which TensorBoard joins.
//!
//! ```
//! use maskwright_report::event_log::EventLog;
//!
//! let folder = tempfile::tempdir()?;
//! let mut log = EventLog::create(folder.path())?;
//! log.scalar("loss/total", 0.25, 100)?;
//! assert!(log.path().file_name().unwrap().to_string_lossy().starts_with("events.out.tfevents."));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod message;
mod record;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use maskwright_image::encode;
use maskwright_train::TrainConfig;
use maskwright_train::run_log::{BeforeEntry, EpochEntry, StepEntry};
use maskwright_train::runs::settings;
use message::{Message, Setting};

use crate::error::{Error, Result};
use crate::page::Gallery;
use crate::page::tile::scaled;
use crate::scalars;

/// Rows of each gallery that are written.
const ROWS: usize = 2;
/// The largest width of a picture: a run of many epochs writes many.
const WIDTH: usize = 320;

/// An event file that is being written. Every event is in the file when its call returns.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
}

/// The time in seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl EventLog {
    /// Begins a new file in `folder`.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn create(folder: &Path) -> Result<Self> {
        let seconds = now();
        let (whole, process) = (seconds as u64, std::process::id());
        let path = folder.join(format!("events.out.tfevents.{whole}.maskwright.{process}.0"));
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(Error::io(&path, "create"))?;
        let mut log = Self { path, file };
        log.write(message::version(seconds))?;
        Ok(log)
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the other event files that maskwright wrote into the folder.
    ///
    /// # Errors
    /// A folder that cannot be read, and files that cannot be removed.
    pub fn remove_others(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
            let path = entry.map_err(Error::io(folder, "read"))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let ours = name.starts_with("events.out.tfevents.") && name.contains(".maskwright.");
            if ours && path != self.path {
                std::fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, event: Message) -> Result<()> {
        let record = record::record(&event.into_bytes());
        self.file.write_all(&record).map_err(Error::io(&self.path, "write"))
    }

    fn value(&mut self, value: Message, step: usize) -> Result<()> {
        self.write(message::event(now(), step as u64, value))
    }

    /// Writes a number.
    ///
    /// # Errors
    /// A failed write; so do the other calls.
    pub fn scalar(&mut self, tag: &str, value: f64, step: usize) -> Result<()> {
        self.value(message::scalar(tag, value), step)
    }

    /// Writes the settings of a run, as text and as hyper-parameters.
    pub fn settings(&mut self, config: &TrainConfig) -> Result<()> {
        let all = settings(config)?;
        let mut table = String::from("| setting | value |\n|---|---|\n");
        for (key, value) in &all {
            table.push_str(&format!("| {key} | {} |\n", value.replace('|', "\\|")));
        }
        self.value(message::text("settings", &table), 0)?;
        let setting = |value: &str| match (value.parse::<f64>(), value) {
            (Ok(number), _) => Setting::Number(number),
            (_, "true") => Setting::Flag(true),
            (_, "false") => Setting::Flag(false),
            (_, text) => Setting::Text(text.trim_matches('"').to_owned()),
        };
        let parameters: Vec<(String, Setting)> =
            all.iter().map(|(key, value)| (key.clone(), setting(value))).collect();
        self.value(message::settings(now(), &parameters), 0)
    }

    /// Writes the losses and the speed of a step.
    pub fn step(&mut self, entry: &StepEntry) -> Result<()> {
        self.scalars(scalars::of_step(entry), entry.global_step)
    }

    /// Writes the time that an epoch took.
    pub fn epoch(&mut self, entry: &EpochEntry) -> Result<()> {
        self.scalars(scalars::of_epoch(entry), entry.global_step)
    }

    /// Writes the validation of the model as it came, at step 0.
    pub fn before(&mut self, entry: &BeforeEntry) -> Result<()> {
        self.scalars(scalars::of_before(entry), 0)
    }

    /// Writes the validation of an epoch, that of averaged weights, too, and how many clicks it took.
    pub fn validated(&mut self, entry: &EpochEntry) -> Result<()> {
        self.scalars(scalars::of_validation(entry), entry.global_step)
    }

    fn scalars(&mut self, scalars: Vec<(String, f64)>, step: usize) -> Result<()> {
        scalars.iter().try_for_each(|(tag, value)| self.scalar(tag, *value, step))
    }

    /// Writes the pictures of a validation, the first rows of each gallery.
    pub fn galleries(&mut self, galleries: &[Gallery], step: usize) -> Result<()> {
        for gallery in galleries {
            for (row, shown) in gallery.rows.iter().take(ROWS).enumerate() {
                for (place, tile) in shown.tiles.iter().enumerate() {
                    let picture = scaled(&tile.image, tile.image.size.width.min(WIDTH));
                    let Ok(png) = encode::png_rgb(&picture) else { continue };
                    let size = (picture.size.height, picture.size.width);
                    let tag = format!("{}/{row}/{place}", gallery.title.to_lowercase());
                    self.value(message::image(&tag, &png, size), step)?;
                }
            }
        }
        Ok(())
    }
}
