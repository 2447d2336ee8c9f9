//! Makes the same samples again and again and takes the time, by the thread's own CPU clock, so
//! that other work on the machine counts as little as possible.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use maskwright_data::prompt::Prompt;
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{
    ObjectInfo, SampleConfig, SampleMaker, Timings, ViewBuffers, ViewInfo,
};
use maskwright_data::source::{ImageBuffer, MaskBuffer, MaskForm, Mix, Pick, Source};
use maskwright_image::decode::{ImageFile, LabelDecoder, Limits, ObjectMap, decode_label};
use maskwright_image::mask::Bitmap;
use maskwright_train::evaluator::RecordWarning;

use super::median::median;

/// What was measured of all samples.
pub(super) struct Measured {
    /// Median CPU time of each sample over the rounds.
    pub(super) samples: Vec<Duration>,
    /// Medians of the stages of each sample.
    pub(super) stages: Vec<Timings>,
    /// A hash of all pixels and labels, the same for every thread count and instruction set.
    pub(super) digest: u64,
    /// Seconds from the first to the last sample of the rounds.
    pub(super) wall: f64,
    /// What was odd about the files.
    pub(super) warnings: Vec<RecordWarning>,
}

/// What one thread made.
struct Share {
    /// Place of the key, CPU time and stages of each sample.
    made: Vec<(usize, Duration, Timings)>,
    digest: u64,
    warnings: Vec<RecordWarning>,
    wall: (Instant, Instant),
}

/// The CPU time of this thread.
fn thread_cpu() -> Duration {
    // Fails only where the system has no such clock; then nothing is measured.
    ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

/// Makes every sample of `keys` once to warm up and `rounds` times to measure, on as many threads
/// as asked for. All threads measure at the same time, and each takes the next sample when it is
/// done with one, as the loader's workers do: images of many sizes leave no thread waiting.
pub(super) fn samples(
    mix: &Mix,
    config: &SampleConfig,
    keys: &[SampleKey],
    threads: usize,
    rounds: usize,
) -> anyhow::Result<Measured> {
    let ready = Barrier::new(threads);
    let next = AtomicUsize::new(0);
    let share = |thread: usize| -> anyhow::Result<Share> {
        let mine: Vec<SampleKey> = keys.iter().skip(thread).step_by(threads).copied().collect();
        let warm = warm_up(mix, config, &mine);
        // Also where warming up failed: the others wait.
        ready.wait();
        let mut warm = warm?;
        let start = Instant::now();
        let mut made = Vec::with_capacity(rounds * keys.len());
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= rounds * keys.len() {
                break;
            }
            let at = turn % keys.len();
            let before = thread_cpu();
            warm.make(mix, keys[at])?;
            made.push((at, thread_cpu() - before, warm.maker.take_timings()));
        }
        let wall = (start, Instant::now());
        Ok(Share { made, digest: warm.digest, warnings: warm.warnings, wall })
    };
    let shares: Vec<Share> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, anyhow::Result<Share>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<anyhow::Result<_>>()
    })?;
    let mut times = vec![Vec::with_capacity(rounds); keys.len()];
    let mut stages = vec![Vec::with_capacity(rounds); keys.len()];
    for &(at, time, stage) in shares.iter().flat_map(|share| &share.made) {
        times[at].push(time);
        stages[at].push(stage);
    }
    let mut warnings: Vec<RecordWarning> = Vec::new();
    // Every draw of a record has those of its files.
    let mut told = HashSet::new();
    for warning in shares.iter().flat_map(|share| &share.warnings) {
        if told.insert((&warning.record, &warning.text)) {
            warnings.push(warning.clone());
        }
    }
    let start = shares.iter().map(|share| share.wall.0).min();
    let end = shares.iter().map(|share| share.wall.1).max();
    Ok(Measured {
        samples: times.into_iter().map(median).collect(),
        stages: stages.iter().map(|rounds| median_stages(rounds)).collect(),
        digest: shares.iter().fold(0, |all, share| share.digest.wrapping_add(all)),
        wall: start.zip(end).map_or(0.0, |(start, end)| (end - start).as_secs_f64()),
        warnings,
    })
}

/// A maker whose buffers have grown, and memory for what it makes.
struct Warm {
    maker: SampleMaker,
    image: Vec<u8>,
    labels: Vec<f32>,
    prompts: Vec<Prompt>,
    objects: Vec<ObjectInfo>,
    ignored: Vec<Option<Bitmap>>,
    /// Of all that was made while it warmed up.
    digest: u64,
    /// What was odd about the files of that.
    warnings: Vec<RecordWarning>,
}

impl Warm {
    fn make(&mut self, mix: &Mix, key: SampleKey) -> anyhow::Result<ViewInfo> {
        let Self { maker, image, labels, prompts, objects, ignored, .. } = self;
        prompts.clear();
        objects.clear();
        ignored.clear();
        let mut buffers =
            ViewBuffers { image, image_wanted: true, labels, prompts, objects, ignored };
        Ok(maker.view_into(mix, key, &mut buffers)?)
    }
}

fn warm_up(mix: &Mix, config: &SampleConfig, keys: &[SampleKey]) -> anyhow::Result<Warm> {
    let pixels = config.plan.size * config.plan.size;
    let mut warm = Warm {
        maker: SampleMaker::new(config.clone())?.with_clock(thread_cpu),
        image: vec![0; 3 * pixels],
        labels: vec![0.0; config.objects_per_image * pixels],
        prompts: Vec::new(),
        objects: Vec::new(),
        ignored: Vec::new(),
        digest: 0,
        warnings: Vec::new(),
    };
    for &key in keys {
        let view = warm.make(mix, key)?;
        warm.warnings.extend(RecordWarning::all(&view.set, &view.name, &view.warnings));
        let labels = &warm.labels[..warm.objects.len() * pixels];
        warm.digest = warm.digest.wrapping_add(hash(key, &warm.image, labels));
    }
    warm.maker.take_timings();
    Ok(warm)
}

/// CPU time of decoding whole files of a set, image and mask, per record: what any way of making
/// samples starts from that does not know beforehand what it will show.
pub(super) fn whole_decodes(mix: &Mix, rounds: usize) -> anyhow::Result<Vec<[Duration; 2]>> {
    let limits = Limits::default();
    let (mut image, mut mask) = (ImageBuffer::new(), MaskBuffer::new());
    let records = mix.sets().iter().flat_map(|set| (0..set.len()).map(move |index| (set, index)));
    records
        .map(|(set, index)| {
            let at = set.locate(index)?;
            set.image(&at, &mut image)?;
            set.mask(&at, Pick::Nth(0), &mut mask)?;
            let (mut images, mut masks) = (Vec::new(), Vec::new());
            for _ in 0..=rounds {
                let start = thread_cpu();
                image.decode(&limits)?;
                let between = thread_cpu();
                match mask.form {
                    MaskForm::File => drop(decode_label(&mask.file, set.mask_rule(), &limits)?),
                    MaskForm::Rle => drop(mask.rle.to_grey()),
                    MaskForm::Grey => {}
                    MaskForm::Objects => {
                        let file = ImageFile::read(&mask.file)?;
                        let mut labels = LabelDecoder::default();
                        ObjectMap::default().read(&file, set.mask_rule(), &limits, &mut labels)?;
                    }
                }
                images.push(between - start);
                masks.push(thread_cpu() - between);
            }
            // The first round was the warm-up.
            Ok([median(images.split_off(1)), median(masks.split_off(1))])
        })
        .collect()
}

fn median_stages(rounds: &[Timings]) -> Timings {
    let of = |stage: fn(&Timings) -> Duration| median(rounds.iter().map(stage));
    Timings {
        read: of(|t| t.read),
        header: of(|t| t.header),
        mask: of(|t| t.mask),
        label: of(|t| t.label),
        image: of(|t| t.image),
        prompt: of(|t| t.prompt),
    }
}

/// A hash of a sample, eight bytes a step.
fn hash(key: SampleKey, image: &[u8], label: &[f32]) -> u64 {
    let mix = |state: u64, word: u64| {
        let product = (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        product ^ (product >> 29)
    };
    let start = mix(mix(key.view, key.record), key.seed);
    let (words, rest) = image.as_chunks::<8>();
    let image = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|&byte| u64::from(byte));
    let label = label.iter().map(|value| u64::from(value.to_bits()));
    image.chain(rest).chain(label).fold(start, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_sees_every_part() {
        let key = |epoch| SampleKey::in_epoch(1, epoch, 2);
        let base = hash(key(0), &[1; 11], &[0.5; 3]);
        assert_eq!(base, hash(key(0), &[1; 11], &[0.5; 3]));
        let mut last = [1; 11];
        last[10] = 2;
        assert_ne!(base, hash(key(0), &last, &[0.5; 3]));
        assert_ne!(base, hash(key(0), &[1; 11], &[0.5, 0.5, 0.25]));
        assert_ne!(base, hash(key(1), &[1; 11], &[0.5; 3]));
    }
}
