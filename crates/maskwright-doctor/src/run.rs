//! The examination: threads that look at records, and one that adds up in the order of the records.

use std::num::NonZero;
use std::time::Duration;

use maskwright_data::ordered::{Ordered, Task, Waited};
use maskwright_data::plan::PlanConfig;
use maskwright_data::prompt::PromptConfig;
use maskwright_data::sample::default_decode_memory;
use maskwright_data::source::DataFile;
use maskwright_image::check_environment;
use maskwright_image::decode::{DecodeBudget, Limits};

use crate::diagnosis::{Diagnosis, SetDiagnosis};
use crate::duplicates;
use crate::error::{Error, Result};
use crate::inspect::Inspector;
use crate::issue::Inspection;
use crate::jitter::Jitter;
use crate::subject::{Shown, Subject};
use crate::tally::Tally;

/// How an examination is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Threads; 0 for as many as the machine runs at once.
    pub workers: usize,
    /// How training would cut samples out: what counts as a tiny object follows from it.
    pub plan: PlanConfig,
    /// How training would prompt: an object needs as many pixels as a prompt has points.
    pub prompts: PromptConfig,
    /// Instances that are listed of each finding of a set; all are counted.
    pub listed: usize,
    /// What the decoder accepts.
    pub limits: Limits,
    /// Bytes that decoding may take in all threads together; see [`default_decode_memory`].
    pub decode_memory: u64,
}

impl Default for Settings {
    /// All threads, training's defaults, 1000 instances.
    fn default() -> Settings {
        Settings {
            workers: 0,
            plan: PlanConfig::default(),
            prompts: PromptConfig::default(),
            listed: 1000,
            limits: Limits::default(),
            decode_memory: default_decode_memory(),
        }
    }
}

impl Settings {
    /// With the plan and the prompts of a data file.
    pub fn of(data: &DataFile) -> Settings {
        Settings { plan: data.plan.clone(), prompts: data.prompts.clone(), ..Settings::default() }
    }
}

/// How far an examination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records looked at, in their order.
    pub done: usize,
    /// Records of all sets.
    pub total: usize,
    /// Bytes read.
    pub bytes: u64,
}

/// How often progress is told where nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Records for each thread that may be looked at before one that takes long is done.
const AHEAD: usize = 64;

/// Looks at every record of the sets.
///
/// `progress` is called on this thread after every record and ten times a second; where it returns false,
/// no further record is begun and what was found in the records up to there is returned, marked as not complete. The same data
/// gives the same diagnosis with any number of threads.
///
/// Memory: about 100 bytes for each record, the listed instances, and an image with its mask for each thread, within
/// [`decode_memory`](Settings::decode_memory).
///
/// # Errors
///
/// An environment variable that asks for a decoder that is not there, settings that make no sense. What is wrong with
/// the data is in the diagnosis. A system that gives no more threads.
pub fn examine(
    subjects: &[Subject],
    settings: &Settings,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Diagnosis> {
    check_environment().map_err(|source| maskwright_data::Error::Environment { source })?;
    settings.plan.validate()?;
    settings.prompts.validate()?;
    let mut tallies: Vec<Tally<'_>> =
        subjects.iter().map(|subject| Tally::new(subject, settings.listed)).collect();
    let complete = look_at_all(subjects, settings, &mut tallies, progress)?;
    duplicates::find(subjects, &mut tallies);
    let sets = subjects.iter().zip(tallies).map(|(subject, tally)| {
        let (checked, usable) = (tally.checked, tally.usable);
        let (objects, bytes) = (tally.objects, tally.bytes);
        let (findings, lines, histograms) = tally.finish();
        SetDiagnosis {
            list: subject.role(),
            name: subject.name().to_owned(),
            records: subject.len() as u64,
            checked,
            usable,
            objects,
            bytes,
            findings,
            lines,
            histograms,
        }
    });
    Ok(Diagnosis { complete, sets: sets.collect() })
}

/// Whether all records were looked at.
fn look_at_all(
    subjects: &[Subject],
    settings: &Settings,
    tallies: &mut [Tally<'_>],
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<bool> {
    // Record number over all sets, and where each set begins.
    let mut starts = vec![0];
    for subject in subjects {
        starts.push(starts[starts.len() - 1] + subject.len());
    }
    let total = starts[subjects.len()];
    let threads = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        given => given,
    };
    let jitter = Jitter::of(&settings.plan, &settings.prompts);
    let budget = DecodeBudget::new(settings.decode_memory);
    let inspector = |_| Inspector::new(settings.limits, budget.clone(), jitter);
    let inspectors: Vec<Inspector> = (0..threads.min(total)).map(inspector).collect();
    let sets: Vec<Option<Shown>> = subjects.iter().map(Subject::shown).collect();
    let begins = starts.clone();
    let job = move |inspector: &mut Inspector, task: Task| {
        let record = task.index as usize;
        let set = locate(&begins, record);
        let look = |Shown { source, claims }: &Shown| {
            inspector.inspect(&**source, record - begins[set], claims.as_deref())
        };
        // A set that could not be opened has no records.
        sets[set].as_ref().map_or_else(Inspection::default, look)
    };
    let mut looks = Ordered::new(inspectors, AHEAD * threads, "doctor", job)
        .map_err(|source| Error::Threads { source })?;
    looks.restart(0, 0, total as u64);
    let (mut done, mut bytes) = (0, 0);
    loop {
        match looks.next_within(TICK) {
            Waited::Result(found) => {
                let set = locate(&starts, done);
                bytes += found.bytes;
                tallies[set].add(done - starts[set], found);
                done += 1;
            }
            Waited::NotYet => {}
            Waited::End => break,
        }
        if !progress(Progress { done, total, bytes }) {
            break;
        }
    }
    Ok(done == total)
}

/// The set of a record; sets without records share their start with the next.
fn locate(starts: &[usize], record: usize) -> usize {
    starts.partition_point(|&start| start <= record) - 1
}
