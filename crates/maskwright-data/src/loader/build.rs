//! One batch, made by a worker.

use std::cell::LazyCell;
use std::sync::Arc;

use maskwright_image::decode::Warning;

use super::config::{LoaderConfig, OnRefusal};
use super::spare::Spare;
use crate::batch::TrainBatch;
use crate::error::Error;
use crate::ordered::Task;
use crate::random::{Order, Purpose, SampleKey};
use crate::sample::{SampleConfig, SampleMaker, Timings, ViewBuffers, ViewInfo};
use crate::source::Mix;

/// How many records in a row may be refused at one place of a batch.
const REPLACEMENTS: usize = 32;

/// What all workers of a loader share.
pub(super) struct Builder {
    pub(super) mix: Mix,
    pub(super) config: LoaderConfig,
    pub(super) spare: Arc<Spare>,
}

/// What a worker makes of a task.
pub(super) struct Built {
    pub(super) batch: Result<TrainBatch, Failure>,
    /// In the order in which they happened.
    pub(super) refusals: Vec<Refusal>,
    /// Records of the batch that are damaged.
    pub(super) damaged: Vec<Damaged>,
    pub(super) timings: Timings,
    /// Bytes of files.
    pub(super) bytes: u64,
}

/// Why there is no batch.
pub(super) enum Failure {
    /// A record was refused: the last of the refusals.
    Refused,
    /// Something that no other record would change.
    Other(Error),
}

/// A place in the order of an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) epoch: u64,
    pub(super) position: u64,
}

/// A record that could not be used.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Where it was meant for.
    pub(super) place: Place,
    pub(super) key: SampleKey,
    pub(super) error: Error,
}

/// A record that was used though a file of it is damaged.
#[derive(Debug)]
pub(super) struct Damaged {
    /// Where it was used.
    pub(super) place: Place,
    pub(super) key: SampleKey,
    /// Whether its mask is damaged, or its image.
    pub(super) mask: bool,
    pub(super) warning: Warning,
}

impl Damaged {
    /// What is damaged about a view, where anything is.
    fn of(view: &ViewInfo, place: Place) -> Option<Damaged> {
        let at = view.warnings.iter().position(Warning::is_damage)?;
        let warning = view.warnings[at].clone();
        Some(Damaged { place, key: view.key, mask: at < view.mask_warnings, warning })
    }
}

impl Builder {
    /// Makes a batch.
    pub(super) fn build(&self, maker: &mut SampleMaker, task: Task) -> Built {
        let (mut refusals, mut damaged) = (Vec::new(), Vec::new());
        let batch = self.fill(maker, task, &mut refusals, &mut damaged);
        let (timings, bytes) = (maker.take_timings(), maker.take_bytes_read());
        Built { batch, refusals, damaged, timings, bytes }
    }

    fn fill(
        &self,
        maker: &mut SampleMaker,
        task: Task,
        refusals: &mut Vec<Refusal>,
        damaged: &mut Vec<Damaged>,
    ) -> Result<TrainBatch, Failure> {
        let records = self.mix.len() as u64;
        let order = Order::new(self.config.seed, task.epoch, records);
        let positions: Vec<u64> = self.config.places(records, task.start, task.index).collect();
        let SampleConfig { objects_per_image: most, plan, .. } = &self.config.sample;
        let (size, most) = (plan.size, *most);
        let (pixels, count) = (size * size, positions.len());
        let (mut images, mut labels) = self.spare.take(count * 3 * pixels, count * most * pixels);
        let (mut prompts, mut objects) =
            (Vec::with_capacity(count * most), Vec::with_capacity(count * most));
        let mut ignored = Vec::with_capacity(count * most);
        let (mut image_of, mut views) =
            (Vec::with_capacity(count * most), Vec::with_capacity(count));
        for (&position, image) in positions.iter().zip(images.chunks_exact_mut(3 * pixels)) {
            let key = self.config.key(task.epoch, order.record(position));
            let place = Place { epoch: task.epoch, position };
            // Views with fewer objects leave no gap: the labels of the next one follow.
            let labels = &mut labels[objects.len() * pixels..][..most * pixels];
            let mut buffers = ViewBuffers {
                image,
                image_wanted: true,
                labels,
                prompts: &mut prompts,
                objects: &mut objects,
                ignored: &mut ignored,
            };
            let view = self.make(maker, place, key, &mut buffers, refusals)?;
            damaged.extend(Damaged::of(&view, place));
            image_of.resize(objects.len(), views.len());
            views.push(view);
        }
        labels.truncate(objects.len() * pixels);
        Ok(TrainBatch {
            images,
            labels,
            prompts,
            image_of,
            objects,
            ignored,
            views,
            size,
            epoch: task.epoch,
            index: task.start / self.config.round() + task.index,
        })
    }

    /// The view of a key, or of another record of its set that replaces it.
    fn make(
        &self,
        maker: &mut SampleMaker,
        place: Place,
        key: SampleKey,
        buffers: &mut ViewBuffers<'_>,
        refusals: &mut Vec<Refusal>,
    ) -> Result<ViewInfo, Failure> {
        let mut refused = Vec::new();
        let mut candidates = std::iter::once(key).chain(self.replacements(key));
        while refused.len() < REPLACEMENTS
            && let Some(key) = candidates.next()
        {
            let at = self.mix.locate(key).map_err(Failure::Other)?;
            // Repeats of a refused record are the same files.
            if refused.contains(&at) {
                continue;
            }
            let known = self.config.without_pixels.contains(&(key.view, key.record));
            buffers.image_wanted = !known;
            match maker.view_into(&self.mix, key, buffers) {
                Err(error) if error.is_about_a_record() => {
                    refusals.push(Refusal { place, key, error });
                    refused.push(at);
                }
                made => return made.map_err(Failure::Other),
            }
        }
        Err(Failure::Refused)
    }

    /// What may stand in for a key, in order: none, or all places of its set in a random order that the key
    /// determines.
    fn replacements(&self, key: SampleKey) -> impl Iterator<Item = SampleKey> {
        let wanted = matches!(self.config.on_refusal, OnRefusal::Replace { .. });
        let set = self.mix.set_of(key.record).ok().filter(|_| wanted);
        let places = set.map_or(0..0, |set| self.mix.places(set));
        let count = places.end - places.start;
        // Made when the first one is asked for, which is seldom.
        let order = LazyCell::new(move || Order::drawn(key.generator(Purpose::Replacement), count));
        (0..count).map(move |at| SampleKey { record: places.start + order.record(at), ..key })
    }
}
