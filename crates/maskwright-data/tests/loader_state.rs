//! A run goes on with exactly the samples that were still to come, whatever stopped it and whatever threads and
//! ranks it goes on with.

mod common;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{mask, picture, png_pair};
use maskwright_data::batch::TrainBatch;
use maskwright_data::loader::{LastBatch, Loader, LoaderConfig, LoaderState, OnRefusal};
use maskwright_data::random::{Keyed, Purpose};
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::{Mix, PairsSource, SetSpec};

const RECORDS: u64 = 40;

/// Forty records, of which three cannot be used.
fn mix(root: &Path) -> Mix {
    for n in 0..RECORDS as usize {
        let inside = |x: usize, y: usize| ![3, 17, 31].contains(&n) && x > 5 && y + 3 > n % 20;
        png_pair(root, &format!("r{n:02}"), &picture(50, 40), &mask(50, 40, inside));
    }
    let spec = SetSpec::pairs("some empty", root.join("images"), root.join("masks"));
    Mix::repeated(vec![(std::sync::Arc::new(PairsSource::open(&spec).unwrap()), 1.0)]).unwrap()
}

fn config() -> LoaderConfig {
    LoaderConfig {
        batch_size: 2,
        seed: 4,
        workers: 2,
        prefetch: 3,
        on_refusal: OnRefusal::Replace { budget: 0.1 },
        sample: SampleConfig::for_size(32),
        ..LoaderConfig::default()
    }
}

/// A hash of every tensor of each sample of a batch, and of what is known about it.
fn hashes(batch: &TrainBatch) -> Vec<u64> {
    (0..batch.views.len())
        .map(|at| {
            let mut hasher = DefaultHasher::new();
            batch.image(at).hash(&mut hasher);
            for value in batch.label(at) {
                value.to_bits().hash(&mut hasher);
            }
            // Printed numbers are exact.
            format!("{:?} {:?}", batch.prompts[at], (&batch.views[at], &batch.objects[at]))
                .hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}

/// The samples of an epoch in its order, without any interruption.
fn whole_epoch(mix: &Mix, epoch: u64) -> Vec<u64> {
    let config = LoaderConfig { batch_size: 1, workers: 1, prefetch: 1, ..config() };
    let mut loader = Loader::new(mix.clone(), config).unwrap();
    loader.start_epoch(epoch);
    let samples: Vec<u64> = loader.flat_map(|batch| hashes(&batch.unwrap())).collect();
    assert_eq!(samples.len() as u64, RECORDS);
    samples
}

/// What all ranks deliver from a state on, for at most so many rounds, in the order of the epoch.
fn go_on(
    mix: &Mix,
    state: LoaderState,
    ranks: usize,
    rounds: u64,
    config: &LoaderConfig,
) -> (Vec<u64>, LoaderState) {
    let mut loaders: Vec<Loader> = (0..ranks)
        .map(|rank| {
            let config = LoaderConfig { rank, world_size: ranks, ..config.clone() };
            let mut loader = Loader::new(mix.clone(), config).unwrap();
            loader.restore(state).unwrap();
            assert_eq!(
                loader.state(),
                if loader.batches_left() > 0 { state } else { loader.state() }
            );
            loader
        })
        .collect();
    let left = loaders[0].batches_left();
    assert!(loaders.iter().all(|loader| loader.batches_left() == left));
    let mut samples = Vec::new();
    for _ in 0..rounds.min(left) {
        let round: Vec<Vec<u64>> =
            loaders.iter_mut().map(|loader| hashes(&loader.next().unwrap().unwrap())).collect();
        samples.extend((0..config.batch_size).flat_map(|at| round.iter().map(move |of| of[at])));
    }
    let end = loaders[0].state();
    assert!(
        loaders.iter().all(|loader| loader.state() == end),
        "all ranks stand at the same place"
    );
    (samples, end)
}

fn begin(epoch: u64) -> LoaderState {
    LoaderState { epoch, position: 0, seed: 4, records: RECORDS }
}

#[test]
fn ranks_threads_and_batches_may_change_in_mid_epoch() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let whole = whole_epoch(&mix, 1);
    let with =
        |batch_size, workers, prefetch| LoaderConfig { batch_size, workers, prefetch, ..config() };
    // One rank, then two, then three.
    let (first, state) = go_on(&mix, begin(1), 1, 2, &with(3, 2, 3));
    assert_eq!((&first[..], state.position), (&whole[..6], 6));
    let (second, state) = go_on(&mix, state, 2, 3, &with(2, 4, 1));
    assert_eq!((&second[..], state.position), (&whole[6..18], 18));
    let (third, state) = go_on(&mix, state, 3, u64::MAX, &with(2, 1, 8));
    // Three rounds of six; four places fill no round. The epoch is over for any number of ranks.
    assert_eq!((&third[..], state.position), (&whole[18..36], RECORDS));
    assert_eq!(go_on(&mix, state, 1, u64::MAX, &with(1, 1, 1)), (Vec::new(), state));
}

#[test]
fn any_chain_of_interruptions_gives_the_same_epoch() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let whole = whole_epoch(&mix, 0);
    let mut draw = Keyed::new(8, 0, 0, Purpose::Order);
    for chain in 0..6 {
        let (mut samples, mut state) = (Vec::new(), begin(0));
        while state.position < RECORDS {
            let config = LoaderConfig {
                batch_size: 1 + draw.below(3) as usize,
                workers: 1 + draw.below(4) as usize,
                prefetch: 1 + draw.below(5) as usize,
                prefetch_bytes: [0, 1 << 15, u64::MAX][draw.below(3) as usize],
                last_batch: LastBatch::Drop,
                ..config()
            };
            let ranks = 1 + draw.below(3) as usize;
            let (more, next) = go_on(&mix, state, ranks, 1 + draw.below(4), &config);
            samples.extend(more);
            state = next;
        }
        assert_eq!(samples, whole[..samples.len()], "chain {chain}");
        assert!(samples.len() as u64 > RECORDS - 9);
    }
}

/// Where the process that is killed finds its files.
const KILLED: &str = "MASKWRIGHT_TEST_KILLED_RUN";

/// A run that writes its state after every batch.
#[test]
#[ignore = "the process that is started and killed by another test"]
fn run_to_be_killed() {
    let Ok(folder) = std::env::var(KILLED) else { return };
    let folder = Path::new(&folder);
    let spec = SetSpec::pairs("some empty", folder.join("images"), folder.join("masks"));
    let mix = Mix::of(PairsSource::open(&spec).unwrap()).unwrap();
    let config = LoaderConfig { ledger: Some(folder.join("killed.jsonl")), ..config() };
    let mut loader = Loader::new(mix, config).unwrap();
    while let Some(batch) = loader.next() {
        std::thread::sleep(Duration::from_millis(20));
        batch.unwrap();
        let part = folder.join("state.part");
        std::fs::write(&part, serde_json::to_string(&loader.state()).unwrap()).unwrap();
        std::fs::rename(part, folder.join("state.json")).unwrap();
    }
}

#[test]
fn a_killed_run_goes_on_where_its_last_state_was_written() {
    let root = tempfile::tempdir().unwrap();
    let mix = mix(root.path());
    let ledger = |name: &str| Some(root.path().join(name));
    let uninterrupted = LoaderConfig { ledger: ledger("whole.jsonl"), ..config() };
    let (whole, _) = go_on(&mix, begin(0), 1, u64::MAX, &uninterrupted);

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "run_to_be_killed", "--ignored"])
        .env(KILLED, root.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let read = || -> Option<LoaderState> {
        serde_json::from_str(&std::fs::read_to_string(root.path().join("state.json")).ok()?).ok()
    };
    let begun = Instant::now();
    while read().is_none_or(|state| state.position < 10) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the run writes no state");
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL, where there are signals.
    child.kill().unwrap();
    child.wait().unwrap();

    let state = read().unwrap();
    assert!((10..RECORDS).contains(&state.position), "{state:?}");
    let resumed =
        LoaderConfig { workers: 4, prefetch: 7, ledger: ledger("killed.jsonl"), ..config() };
    let (rest, _) = go_on(&mix, state, 1, u64::MAX, &resumed);
    assert_eq!(rest, whole[state.position as usize..]);
    // What was written before the kill is there, and nothing twice.
    let text = |name| std::fs::read_to_string(root.path().join(name)).unwrap();
    assert_eq!(text("killed.jsonl"), text("whole.jsonl"));
    assert!(text("whole.jsonl").lines().count() >= 3);
}
