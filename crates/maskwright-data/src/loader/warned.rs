//! What was odd about the files of samples that were used all the same, counted.

use crate::sample::ViewInfo;

/// How many records of a kind are named.
const NAMED: usize = 5;

/// Samples with one kind of warning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WarningCount {
    /// The kind in a word: `truncated`, `damaged_data`, `checksum`, `alpha_dropped`, `unequal_channels` or `lossy_mask`.
    pub kind: &'static str,
    /// How many samples were delivered with it. A record counts as often as it was used.
    pub samples: u64,
    /// The first records with it, at most five, each once.
    pub first: Vec<WarnedRecord>,
}

/// A record with a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarnedRecord {
    /// Name of its set.
    pub set: String,
    /// Name of the record in its set.
    pub name: String,
    /// The warning in a sentence, beginning with "image: " or "mask: ".
    pub message: String,
}

/// Counts a view's warnings, once for each kind.
pub(super) fn count(counts: &mut Vec<WarningCount>, view: &ViewInfo) {
    for (at, warning) in view.warnings.iter().enumerate() {
        let kind = warning.kind();
        if view.warnings[..at].iter().any(|earlier| earlier.kind() == kind) {
            continue;
        }
        let known = counts.iter().position(|count| count.kind == kind).unwrap_or_else(|| {
            counts.push(WarningCount { kind, ..WarningCount::default() });
            counts.len() - 1
        });
        let count = &mut counts[known];
        count.samples += 1;
        let named = |first: &WarnedRecord| first.set == *view.set && first.name == view.name;
        if count.first.len() < NAMED && !count.first.iter().any(named) {
            let part = if at < view.mask_warnings { "mask" } else { "image" };
            count.first.push(WarnedRecord {
                set: view.set.to_string(),
                name: view.name.clone(),
                message: format!("{part}: {warning}"),
            });
        }
    }
}

/// What was counted since `earlier`, an earlier state of the same counts; records are those named first of all.
pub(super) fn since(counts: &[WarningCount], earlier: &[WarningCount]) -> Vec<WarningCount> {
    let before = |kind| earlier.iter().find(|e| e.kind == kind).map_or(0, |e| e.samples);
    let new = counts
        .iter()
        .map(|count| WarningCount { samples: count.samples - before(count.kind), ..count.clone() });
    new.filter(|count| count.samples > 0).collect()
}
