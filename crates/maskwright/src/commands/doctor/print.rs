//! The diagnosis in words, for people.

use std::time::Duration;

use maskwright_doctor::{Diagnosis, Finding, SetDiagnosis, Severity};

use crate::output;

/// Names that are written out of a finding.
const NAMES: usize = 4;

/// Prints the findings of every set, and what they come to.
pub(super) fn diagnosis(diagnosis: &Diagnosis, took: Duration) -> anyhow::Result<()> {
    for set in &diagnosis.sets {
        output::lines(lines(set))?;
        output::line("")?;
    }
    let checked: u64 = diagnosis.sets.iter().map(|set| set.checked).sum();
    let seconds = took.as_secs_f64().max(1e-3);
    let rate = checked as f64 / seconds;
    output::line(format_args!(
        "{}; {checked} images in {seconds:.1} s ({rate:.1}/s)",
        verdict(diagnosis)
    ))
}

/// "2 errors, 1 warning and 0 notes".
fn verdict(diagnosis: &Diagnosis) -> String {
    let part = |severity: Severity| {
        let count = diagnosis.count(severity);
        format!("{count} {}{}", severity.name(), if count == 1 { "" } else { "s" })
    };
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(part);
    format!("{errors}, {warnings} and {notes}")
}

fn lines(set: &SetDiagnosis) -> Vec<String> {
    let stopped = if set.checked < set.records {
        format!(", {} looked at", set.checked)
    } else {
        String::new()
    };
    let mut lines = vec![format!(
        "{} [[{}]]: {} records{stopped}, {} usable, {} objects",
        set.name,
        set.list.name(),
        set.records,
        set.usable,
        set.objects
    )];
    if set.findings.is_empty() {
        lines.push("  nothing was found".into());
    }
    let width = set.findings.iter().map(|finding| finding.name.name().len()).max().unwrap_or(0);
    for finding in &set.findings {
        let (severity, name) = (finding.severity.name(), finding.name.name());
        lines.push(format!(
            "  {severity:<8} {name:<width$} {:>6}  {}",
            finding.count, finding.explanation
        ));
        let indent = " ".repeat(2 + 8 + 1 + width + 1 + 6 + 2);
        let what = first(finding);
        if !what.is_empty() {
            lines.push(format!("{indent}{what}"));
        }
        // A fix of two lines is shown in one; the lines stand below.
        let fix = finding.fix.as_ref().map(|fix| {
            let flags = finding.flags.as_ref();
            let flags = flags.map_or_else(String::new, |flags| format!(", or {flags}"));
            format!("{}{flags}", fix.replace('\n', " and "))
        });
        match (&fix, &finding.advice) {
            (Some(fix), Some(advice)) => lines.push(format!("{indent}fix: {fix}  ({advice})")),
            (Some(fix), None) => lines.push(format!("{indent}fix: {fix}")),
            (None, Some(advice)) => lines.push(format!("{indent}{advice}")),
            (None, None) => {}
        }
    }
    if set.lines.len() > 1 {
        lines.push("  all fixes together:".into());
        lines.extend(set.lines.iter().map(|line| format!("    {line}")));
    }
    lines
}

/// What exactly, of the first record; and the names of the next.
fn first(finding: &Finding) -> String {
    let Some(one) = finding.listed.first() else { return String::new() };
    let mut text = if one.name.is_empty() {
        let details: Vec<&str> =
            finding.listed.iter().take(NAMES).map(|one| one.detail.as_str()).collect();
        details.join("; ")
    } else {
        format!("{}: {}", one.name, one.detail)
    };
    let mut others: Vec<&str> = finding.listed[1..].iter().map(|one| one.name.as_str()).collect();
    others.dedup();
    others.retain(|name| *name != one.name && !name.is_empty());
    if !others.is_empty() {
        let shown = others.len().min(NAMES - 1);
        let more = if others.len() > shown { ", ..." } else { "" };
        text.push_str(&format!("; also {}{more}", others[..shown].join(", ")));
    }
    text
}
