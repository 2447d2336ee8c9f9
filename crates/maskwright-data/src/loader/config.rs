//! The settings and the state of a loader.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::SampleKey;
use crate::sample::SampleConfig;

/// How batches are made.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// The number of images per batch and rank, each with up to
    /// [`objects_per_image`](SampleConfig::objects_per_image) objects.
    pub batch_size: usize,
    /// The seed of the order and of every sample.
    pub seed: u64,
    /// The number of different views of each record: epoch e shows view e modulo this, with prompts and objects drawn anew.
    /// 0 makes a new view in every epoch, as in HQ-SAM's training.
    pub views: u64,
    /// The number of threads that make batches. The batches do not depend on it.
    pub workers: usize,
    /// The number of batches that are made in advance, including those in progress. The batches do not
    /// depend on it, but memory grows with it: a batch of 4 images of 1024 x 1024 pixels with one object
    /// each takes 28 MiB.
    pub prefetch: usize,
    /// The largest number of bytes that these batches may take, counted by their [images and
    /// labels](LoaderConfig::batch_bytes). At least one batch is made in advance, however large it is.
    /// No more workers are started than can work at the same time within this bound.
    pub prefetch_bytes: u64,
    /// What happens at the end of an epoch to records that do not fill a batch.
    pub last_batch: LastBatch,
    /// The number of this process, from 0, if several share an epoch.
    pub rank: usize,
    /// The number of processes that share an epoch. Rank r of w takes the positions r, r + w, r + 2w...
    /// of the order.
    pub world_size: usize,
    /// What to do with a record that cannot be used.
    pub on_refusal: OnRefusal,
    /// The file that refused records are written to, one JSON object per line, in addition to
    /// [`Loader::ledger`](super::Loader::ledger). Lines are appended to an existing file, and the lines
    /// that it has count towards the budget.
    pub ledger: Option<PathBuf>,
    /// Views whose pixels are known already, as the numbers of view and record: their images are not decoded, and what
    /// [`TrainBatch::images`](crate::batch::TrainBatch::images) holds in their places is undefined. Their labels and prompts
    /// are those that they would have otherwise. Warnings about their images are not told.
    pub without_pixels: Arc<HashSet<(u64, u64)>>,
    /// How samples are made.
    pub sample: SampleConfig,
}

impl Default for LoaderConfig {
    /// Batches of 4 as in HQ-SAM's training, [one worker per core](LoaderConfig::with_workers), and no more than 2 GiB of batches
    /// made in advance.
    fn default() -> LoaderConfig {
        let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        LoaderConfig {
            batch_size: 4,
            seed: 0,
            views: 0,
            workers: 1,
            prefetch: 1,
            prefetch_bytes: 2 << 30,
            last_batch: LastBatch::Drop,
            rank: 0,
            world_size: 1,
            on_refusal: OnRefusal::Fail,
            ledger: None,
            without_pixels: Arc::default(),
            sample: SampleConfig::default(),
        }
        .with_workers(workers)
    }
}

/// What to do at the end of an epoch with records that do not fill a batch on every rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are left out, other ones in every epoch. As in HQ-SAM's training. Records too few for a single batch are
    /// kept.
    #[default]
    Drop,
    /// They make a smaller batch. With several ranks, records from the beginning of the order are
    /// repeated as needed to give all ranks the same number of samples.
    Keep,
}

/// What to do with a record that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRefusal {
    /// The loader returns an error that names the record in place of its batch.
    #[default]
    Fail,
    /// Another record of the same set takes its place; seed, epoch and the refused record determine
    /// which. Once a larger share of all records than the budget has been refused, the loader returns an
    /// error. One refusal is always allowed.
    Replace {
        /// The share of all records that may be refused, 0 to 1; 0.01 is one in a hundred.
        budget: f64,
    },
}

impl OnRefusal {
    /// Returns how many of so many records may be refused: none with [`OnRefusal::Fail`], otherwise at least one.
    pub fn allowed(self, records: usize) -> usize {
        match self {
            OnRefusal::Fail => 0,
            OnRefusal::Replace { budget } => ((records as f64 * budget) as usize).max(1),
        }
    }

    /// Returns [`OnRefusal::Replace`] with a budget of 1%.
    pub fn replace() -> OnRefusal {
        OnRefusal::Replace { budget: 0.01 }
    }
}

/// The position of a loader, from which it can continue with the very next sample.
///
/// It does not depend on how an epoch is divided into batches, ranks and threads, so a run may continue
/// with other numbers of these. `seed` and `records` do not change during a run. A loader with another
/// seed or number of records refuses the state, because it would deliver other samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderState {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The number of places in the epoch's order that are done, over all ranks. After the last batch of
    /// an epoch these are all places, including those that did not fill a batch.
    pub position: u64,
    /// The seed of the run.
    pub seed: u64,
    /// The number of places in an epoch's order: the records of all sets, each counted as often as it
    /// comes in an epoch.
    pub records: u64,
}

impl LoaderConfig {
    /// Checks that batches can be made with these settings. The error names the first setting that is
    /// wrong.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str, found: String| {
            Err(Error::Setting { key: format!("loader.{key}"), expected: expected.into(), found })
        };
        if !(1..=65_536).contains(&self.batch_size) {
            return refuse("batch_size", "1 to 65536", self.batch_size.to_string());
        }
        if !(1..=1024).contains(&self.workers) {
            return refuse("workers", "1 to 1024 threads", self.workers.to_string());
        }
        if self.prefetch == 0 {
            return refuse("prefetch", "at least 1 batch", "0".into());
        }
        if self.world_size == 0 || self.rank >= self.world_size {
            return refuse(
                "rank",
                "a rank below the world size",
                format!("{} of {}", self.rank, self.world_size),
            );
        }
        if let OnRefusal::Replace { budget } = self.on_refusal
            && !(0.0..=1.0).contains(&budget)
        {
            return refuse("on_refusal.budget", "a share from 0 to 1", budget.to_string());
        }
        self.sample.validate()
    }

    /// Takes so many workers, and makes one batch more in advance: each worker has one in progress while another waits to be
    /// taken. With fewer, workers wait for the one before them; with more, only memory grows.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> LoaderConfig {
        LoaderConfig { workers, prefetch: workers.saturating_add(1), ..self }
    }

    /// Returns the number of bytes of the images and labels of a full batch in which every image shows
    /// all objects that are drawn. Mask prompts are not counted; they take at most 6% of the labels'
    /// bytes.
    pub fn batch_bytes(&self) -> u64 {
        let pixels = (self.sample.plan.size * self.sample.plan.size) as u64;
        let objects = self.sample.objects_per_image as u64;
        self.batch_size as u64 * pixels * (3 + objects * size_of::<f32>() as u64)
    }

    /// How many batches are made ahead: as many as both bounds allow.
    pub(super) fn ahead(&self) -> usize {
        let fitting = self.prefetch_bytes / self.batch_bytes().max(1);
        self.prefetch.min(usize::try_from(fitting).unwrap_or(usize::MAX)).max(1)
    }

    /// The key of a record in an epoch.
    pub(super) fn key(&self, epoch: u64, record: u64) -> SampleKey {
        let key = SampleKey::in_epoch(self.seed, epoch, record);
        SampleKey { view: epoch.checked_rem(self.views).unwrap_or(epoch), ..key }
    }

    /// Places that one round takes: a batch on every rank.
    pub(super) fn round(&self) -> u64 {
        self.batch_size as u64 * self.world_size as u64
    }

    /// How many batches each rank has in the last `left` places of an epoch.
    pub(super) fn batches(&self, left: u64) -> u64 {
        match self.last_batch {
            LastBatch::Drop => left / self.round(),
            LastBatch::Keep => left.div_ceil(self.round()),
        }
    }

    /// As [`batches`](LoaderConfig::batches), of a whole epoch of `records` places; at least one.
    pub(super) fn batches_per_epoch(&self, records: u64) -> Result<u64> {
        match self.batches(records) {
            0 => Err(Error::TooFewRecords {
                records: records as usize,
                batch_size: self.batch_size,
                world_size: self.world_size,
            }),
            several => Ok(several),
        }
    }

    /// The places in the order of an epoch of `records` places of this rank's batch `index`, counted from
    /// place `start`.
    pub(super) fn places(&self, records: u64, start: u64, index: u64) -> impl Iterator<Item = u64> {
        let (rank, ranks) = (self.rank as u64, self.world_size as u64);
        let of_rank = match self.last_batch {
            LastBatch::Drop => (records - start) / ranks,
            LastBatch::Keep => (records - start).div_ceil(ranks),
        };
        let first = index * self.batch_size as u64;
        let end = (first + self.batch_size as u64).min(of_rank);
        (first..end).map(move |at| (start + at * ranks + rank) % records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(
        batch_size: usize,
        rank: usize,
        world_size: usize,
        last_batch: LastBatch,
    ) -> LoaderConfig {
        LoaderConfig { batch_size, rank, world_size, last_batch, ..LoaderConfig::default() }
    }

    fn all(
        records: u64,
        start: u64,
        batch_size: usize,
        world_size: usize,
        last_batch: LastBatch,
    ) -> Vec<Vec<u64>> {
        (0..world_size)
            .flat_map(|rank| {
                let config = config(batch_size, rank, world_size, last_batch);
                let batches = config.batches(records - start);
                (0..batches).map(move |index| config.places(records, start, index).collect())
            })
            .collect()
    }

    #[test]
    fn ranks_share_places_without_overlap() {
        let dropped = all(11, 0, 2, 2, LastBatch::Drop);
        assert_eq!(dropped, [[0, 2], [4, 6], [1, 3], [5, 7]]);
        let kept = all(11, 0, 2, 2, LastBatch::Keep);
        assert_eq!(kept, [[0, 2], [4, 6], [8, 10], [1, 3], [5, 7], [9, 0]]);
        assert_eq!(all(5, 0, 2, 1, LastBatch::Keep), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(all(3, 0, 4, 1, LastBatch::Keep), [[0, 1, 2]]);
        // From the middle of an epoch: what is left is shared out as an epoch is.
        assert_eq!(all(11, 6, 1, 2, LastBatch::Drop), [[6], [8], [7], [9]]);
        assert_eq!(all(11, 7, 2, 2, LastBatch::Keep), [[7, 9], [8, 10]]);
        assert_eq!(all(11, 11, 2, 2, LastBatch::Keep), [[0; 0]; 0]);
    }

    #[test]
    fn too_few_records_are_refused() {
        let error = config(4, 0, 2, LastBatch::Drop).batches_per_epoch(7).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"7 records do not fill one batch of 4 on each of 2 ranks; use a smaller batch or keep the last, partial batch");
        assert_eq!(config(4, 0, 2, LastBatch::Keep).batches_per_epoch(7).unwrap(), 1);
    }

    #[test]
    fn views_come_again_and_draws_do_not() {
        let keys = |views| {
            let config = LoaderConfig { views, seed: 7, ..LoaderConfig::default() };
            [0, 1, 2, 3, 4].map(|epoch| config.key(epoch, 9)).map(|key| (key.view, key.draw))
        };
        assert_eq!(keys(0), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
        assert_eq!(keys(2), [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]);
    }

    #[test]
    fn both_bounds_limit_what_is_made_ahead() {
        let mut config = config(2, 0, 1, LastBatch::Drop);
        config.sample.plan.size = 100;
        config.prefetch = 5;
        assert_eq!(config.batch_bytes(), 140_000);
        let mut ahead = |bytes| {
            config.prefetch_bytes = bytes;
            config.ahead()
        };
        assert_eq!([0, 139_999, 280_000, 699_999, u64::MAX].map(&mut ahead), [1, 1, 2, 4, 5]);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let check = |config: LoaderConfig| config.validate().unwrap_err().to_string();
        let base = LoaderConfig::default;
        assert!(base().validate().is_ok());
        let negative = OnRefusal::Replace { budget: -1.0 };
        let words = [
            check(LoaderConfig { batch_size: 0, ..base() }),
            check(LoaderConfig { workers: 0, ..base() }),
            check(LoaderConfig { prefetch: 0, ..base() }),
            check(LoaderConfig { rank: 2, world_size: 2, ..base() }),
            check(LoaderConfig { on_refusal: negative, ..base() }),
        ];
        insta::assert_snapshot!(words.join("\n"), @"
            loader.batch_size: expected 1 to 65536, found 0
            loader.workers: expected 1 to 1024 threads, found 0
            loader.prefetch: expected at least 1 batch, found 0
            loader.rank: expected a rank below the world size, found 2 of 2
            loader.on_refusal.budget: expected a share from 0 to 1, found -1
            ");
    }
}
