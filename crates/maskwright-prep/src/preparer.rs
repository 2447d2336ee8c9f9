//! The work: shard by shard, records on threads, written in their order.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use maskwright_data::ordered::{Ordered, Task, Waited};
use maskwright_data::source::{LeftOut, OpenContext};
use maskwright_image::check_environment;
use maskwright_image::decode::DecodeBudget;
use serde::Serialize;

use crate::asked::Asked;
use crate::config::{Model, PrepConfig, PrepData, Resources, Shards};
use crate::error::{Error, Result};
use crate::ledger::Row;
use crate::manifest;
use crate::part::{Part, check_place};
use crate::record::{Made, Maker};
use crate::shard_file::ShardFiles;

/// How often progress is told where nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Records for each thread that may be ready before one that takes long is written.
const AHEAD: usize = 4;

/// Data that are opened, and the folder that their shards go into.
pub struct Preparer {
    parts: Vec<Arc<Part>>,
    output: PathBuf,
    shards: usize,
    config: Arc<PrepConfig>,
    model: Option<Model>,
    resources: Resources,
}

/// How far a shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of the shard, from 0.
    pub shard: usize,
    /// Its records that are written or refused.
    pub done: usize,
    /// Its records.
    pub total: usize,
}

/// One role's files of a shard that is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardDone {
    /// `train` or `valid`.
    pub role: &'static str,
    /// The number of the shard, from 0.
    pub shard: usize,
    /// Whether it was made now; otherwise it was finished before.
    pub made: bool,
    /// The tar file.
    #[serde(serialize_with = "maskwright_data::lossy::path")]
    pub tar: PathBuf,
    /// The ledger.
    #[serde(serialize_with = "maskwright_data::lossy::path")]
    pub ledger: PathBuf,
    /// What the ledger says.
    pub rows: Vec<Row>,
}

impl std::fmt::Debug for Preparer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Preparer({}, {} shards)", self.output.display(), self.shards)
    }
}

impl Preparer {
    /// Opens the data, and makes the output folder or compares what it was begun with. Several processes may do so with one folder.
    ///
    /// # Errors
    ///
    /// Data that cannot be opened, settings that are not possible, an output folder inside of the data, and
    /// [`Error::OtherSettings`] for one that was begun with other data or settings.
    pub fn open(
        data: &PrepData,
        output: &Path,
        shards: Shards,
        config: &PrepConfig,
        model: Option<Model>,
        resources: Resources,
        context: &OpenContext<'_>,
    ) -> Result<Preparer> {
        check_environment().map_err(|source| maskwright_data::Error::Environment { source })?;
        config.validate()?;
        if model.is_some() != config.needs_model() {
            let (expected, found) = match config.needs_model() {
                true => ("a checkpoint for embeddings and masks of everything", "none"),
                false => ("none where neither embeddings nor masks are made by it", "one"),
            };
            return Err(Error::setting("model.checkpoint", expected, found));
        }
        check_place(data, output)?;
        let parts = Part::open_all(data, context)?;
        let most = parts.iter().map(Part::len).max().unwrap_or(0);
        if most == 0 {
            return Err(Error::setting("the sets", "at least one record", "none"));
        }
        let shards = shards.count(most)?;
        let begun = manifest::of(data, &parts, shards, config, model.as_ref())?;
        let several = parts.len() > 1;
        for part in &parts {
            let folder = folder_of(output, part, several);
            std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create"))?;
        }
        manifest::agree(output, &begun)?;
        manifest::write_data(output, &parts, |part| match several {
            true => format!("{}/", part.role.name()),
            false => String::new(),
        })?;
        let parts = parts.into_iter().map(Arc::new).collect();
        let (output, config) = (output.to_path_buf(), Arc::new(config.clone()));
        Ok(Preparer { parts, output, shards, config, model, resources })
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// How many records there are in all shards.
    pub fn records(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// What opening the sets left out.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.parts.iter().flat_map(|part| part.left_out()).cloned().collect()
    }

    /// The hidden folders that hold a shard while it is made.
    pub fn work_folders(&self, shard: usize) -> Vec<PathBuf> {
        self.parts.iter().map(|part| self.files(part, shard).work_folder()).collect()
    }

    /// Makes a shard, or reads the ledger of one that is finished: of the training sets, and of the validation sets where there are
    /// both. Returns none, and leaves nothing of what was not finished, where `progress` asks to stop by returning false; it is
    /// called on this thread, after every record and ten times a second while the model does not work.
    ///
    /// # Errors
    ///
    /// A shard that is not there or that another process makes, a disk that is full, a model that fails. What is wrong with
    /// a record is in the ledger.
    pub fn prepare(
        &self,
        shard: usize,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Option<Vec<ShardDone>>> {
        if shard >= self.shards {
            let expected = format!("a shard from 0 to {}", self.shards - 1);
            return Err(Error::setting("shard", &expected, shard));
        }
        let totals = self.parts.iter().map(|part| part.records(shard, self.shards).len());
        let (mut done, total) = (0, totals.sum());
        let mut all = Vec::new();
        for part in &self.parts {
            let files = self.files(part, shard);
            let mut tell =
                |written: usize| progress(Progress { shard, done: done + written, total });
            let (made, rows) = match files.finished()? {
                Some(rows) => (false, rows),
                None => match self.make(part, shard, &files, &mut tell)? {
                    Some(rows) => rows,
                    None => return Ok(None),
                },
            };
            done += rows.len();
            let role = part.role.name();
            let ShardFiles { tar, ledger, .. } = files;
            all.push(ShardDone { role, shard, made, tar, ledger, rows });
        }
        progress(Progress { shard, done, total });
        Ok(Some(all))
    }

    fn files(&self, part: &Part, shard: usize) -> ShardFiles {
        ShardFiles::new(&folder_of(&self.output, part, self.parts.len() > 1), shard)
    }

    /// Whether it was made now, and its rows; none where it was stopped.
    fn make(
        &self,
        part: &Arc<Part>,
        shard: usize,
        files: &ShardFiles,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<(bool, Vec<Row>)>> {
        let mut writer = files.begin()?;
        // Whoever had it meanwhile may have finished it.
        if let Some(rows) = files.finished()? {
            return Ok(Some((false, rows)));
        }
        let records = part.records(shard, self.shards);
        let mut asked = Asked::new(self.model.as_ref(), &self.config)?;
        let mut rows: Vec<Row> = Vec::with_capacity(records.len());
        let mut ready = self.start(part, records.start, records.len())?;
        loop {
            match ready.next_within(TICK) {
                Waited::Result(Made { mut row, content }) => {
                    row.offset = writer.len();
                    if let Some(content) = content {
                        let written = rows.len();
                        let Some(members) =
                            asked.members(content, &mut row, &mut || progress(written))?
                        else {
                            return Ok(None);
                        };
                        for (ending, bytes) in members {
                            writer.append(&format!("{}.{ending}", row.key), &bytes)?;
                        }
                    }
                    row.bytes = writer.len() - row.offset;
                    rows.push(row);
                }
                Waited::NotYet => {}
                Waited::End => break,
            }
            if !progress(rows.len()) {
                return Ok(None);
            }
        }
        drop(ready);
        writer.finish(&rows)?;
        Ok(Some((true, rows)))
    }

    /// Starts threads that make records ready.
    fn start(&self, part: &Arc<Part>, first: usize, count: usize) -> Result<Ordered<Made>> {
        let threads = match self.resources.workers {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            given => given,
        };
        let threads = threads.min(count);
        let budget = DecodeBudget::new(self.resources.decode_memory);
        let makers = (0..threads).map(|_| Maker::new(Arc::clone(&self.config), budget.clone()));
        let keys = part.keys(first..first + count);
        let part = Arc::clone(part);
        let job = move |maker: &mut Maker, task: Task| {
            let number = task.index as usize;
            maker.make(&part, first + number, &keys[number])
        };
        let mut ready = Ordered::new(makers.collect(), AHEAD * threads, "prep", job)
            .map_err(|source| maskwright_data::Error::Threads { source })?;
        ready.restart(0, 0, count as u64);
        Ok(ready)
    }
}

/// The folder of a part's shards.
fn folder_of(output: &Path, part: &Part, several: bool) -> PathBuf {
    if several { output.join(part.role.name()) } else { output.to_path_buf() }
}
