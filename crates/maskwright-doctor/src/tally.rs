//! What the inspections of a set add up to.

use std::collections::BTreeMap;

use maskwright_data::source::SetSpec;
use maskwright_image::Size;

use crate::finding::{Check, Finding, Instance, Like, Severity};
use crate::fingerprint::Look;
use crate::fix::{Fix, Hints, Situation, fix};
use crate::histogram::Histogram;
use crate::issue::{Inspection, Issue};
use crate::subject::{Role, Subject};

/// What a record is recognised by; the only thing kept of every record.
#[derive(Debug, Clone)]
pub(super) struct Print {
    pub(super) record: u32,
    pub(super) image: u128,
    pub(super) look: Option<Look>,
    pub(super) mask: Option<u128>,
}

/// A set being counted.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    subject: &'a Subject,
    /// Instances listed per check.
    listed: usize,
    entries: BTreeMap<Check, Entry>,
    pub(super) prints: Vec<Print>,
    pub(super) checked: u64,
    pub(super) usable: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    histograms: [Histogram; 4],
}

#[derive(Debug, Default)]
struct Entry {
    count: u64,
    records: u64,
    last: Option<usize>,
    severity: Option<Severity>,
    listed: Vec<Instance>,
    hints: Hints,
    /// What opening the set found out, in place of what the hints give.
    fix: Option<Fix>,
    advice: Option<String>,
}

impl<'a> Tally<'a> {
    /// Starts with what opening the set found.
    pub(super) fn new(subject: &'a Subject, listed: usize) -> Tally<'a> {
        let histograms = [
            Histogram::megapixels(),
            Histogram::longest_side(),
            Histogram::object_area(),
            Histogram::objects_per_image(),
        ];
        let mut tally = Tally {
            subject,
            listed,
            entries: BTreeMap::new(),
            prints: Vec::new(),
            checked: 0,
            usable: 0,
            objects: 0,
            bytes: 0,
            histograms,
        };
        for opening in subject.openings() {
            let entry = tally.entries.entry(opening.check).or_default();
            entry.count += opening.count;
            entry.severity = Some(opening.severity);
            entry.fix.clone_from(&opening.fix);
            entry.advice.clone_from(&opening.advice);
            entry.listed.extend(opening.files.iter().take(listed).map(|(file, detail)| Instance {
                record: None,
                name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                object: None,
                nth: 0,
                file: file.clone(),
                detail: detail.clone(),
                like: None,
            }));
        }
        tally
    }

    /// Takes the inspection of a record; they come in the order of the records.
    pub(super) fn add(&mut self, record: usize, found: Inspection) {
        self.checked += 1;
        let usable = if self.subject.has_masks() { found.usable } else { found.decoded };
        self.usable += u64::from(usable);
        self.objects += found.objects as u64;
        self.bytes += found.bytes;
        let [megapixels, longest, area, objects] = &mut self.histograms;
        if let Some(Size { height, width }) = found.size {
            megapixels.add((height * width) as f64 / 1e6);
            longest.add(height.max(width) as f64);
        }
        found.areas.iter().for_each(|share| area.add(100.0 * share));
        if self.subject.has_masks() {
            objects.add(found.objects as f64);
        }
        if let (Some(image), Ok(number)) = (found.image_hash, u32::try_from(record)) {
            let print = Print { record: number, image, look: found.look, mask: found.mask_hash };
            self.prints.push(print);
        }
        for issue in found.issues {
            // Validation views are not jittered.
            if issue.check == Check::TinyObject && self.subject.role() == Role::Valid {
                continue;
            }
            self.issue(record, issue, None);
        }
    }

    /// Takes an issue of a record.
    pub(super) fn issue(&mut self, record: usize, issue: Issue, like: Option<Like>) {
        let about = self.subject.source().and_then(|source| source.record(record).ok());
        let entry = self.entries.entry(issue.check).or_default();
        entry.count += 1;
        entry.hints.add(&issue.hint);
        if entry.last != Some(record) {
            entry.records += 1;
            entry.last = Some(record);
        }
        let (name, file) = match about {
            Some(about) if issue.image => (about.name, about.image),
            Some(about) => (about.name, about.mask),
            None => (record.to_string(), Default::default()),
        };
        entry.hints.name(&name);
        if entry.listed.len() < self.listed {
            entry.listed.push(Instance {
                record: Some(record),
                name,
                object: issue.object,
                nth: issue.nth,
                file,
                detail: issue.detail,
                like,
            });
        }
    }

    /// The findings, worst first, and the histograms that hold something.
    pub(super) fn finish(mut self) -> (Vec<Finding>, Vec<String>, Vec<Histogram>) {
        // Of an examination that was stopped early nothing is known.
        let known = self.checked > 0 || self.subject.is_empty();
        if self.usable == 0 && known && !self.entries.contains_key(&Check::CannotOpen) {
            let entry = self.entries.entry(Check::NothingUsable).or_default();
            entry.count = 1;
        }
        let spec = self.subject.spec();
        let checks: Vec<Check> = self.entries.keys().copied().collect();
        let mut fixes = Vec::new();
        let mut findings = Vec::new();
        for (check, entry) in self.entries {
            let at = Situation {
                spec,
                records: entry.records,
                checked: self.checked,
                hints: &entry.hints,
                found: &checks,
            };
            let (found, advice) = fix(check, &at);
            let chosen = entry.fix.or(found);
            let severity = entry.severity.unwrap_or_else(|| severity(check, self.subject.role()));
            findings.push(Finding {
                name: check,
                severity,
                count: entry.count,
                records: entry.records,
                explanation: check.explanation(),
                fix: chosen.as_ref().and_then(|fix| fix.line(spec)),
                flags: None,
                advice: entry.advice.or(advice),
                listed: entry.listed,
            });
            if severity != Severity::Note {
                fixes.extend(chosen);
            }
        }
        findings.sort_by_key(|finding| (finding.severity, finding.name));
        let histograms = self.histograms.into_iter().filter(|h| h.total() > 0).collect();
        (findings, together(fixes, spec), histograms)
    }
}

/// All fixes of a set at once: what is excluded goes into one line.
fn together(fixes: Vec<Fix>, spec: Option<&SetSpec>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for fix in fixes {
        match fix {
            Fix::Line(text) => {
                for line in text.lines().filter(|line| !line.is_empty()) {
                    if !lines.iter().any(|known| known == line) {
                        lines.push(line.to_owned());
                    }
                }
            }
            Fix::Exclude(more) => names.extend(more),
        }
    }
    if !names.is_empty() {
        lines.extend(Fix::Exclude(names.into_iter().collect()).line(spec));
    }
    lines
}

/// How bad a check is in a list: metrics have a rule for empty masks, training has none.
fn severity(check: Check, role: Role) -> Severity {
    match (check, role) {
        (Check::EmptyMask, Role::Valid) => Severity::Warning,
        _ => check.severity(),
    }
}
