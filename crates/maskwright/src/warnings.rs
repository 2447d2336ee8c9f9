//! What was odd and stopped nothing: said on standard error, and listed under `warnings` by `--json`.

use std::path::Path;

use maskwright_data::loader::WarningCount;
use maskwright_image::decode;
use maskwright_train::evaluator::RecordWarning;
use serde::{Deserialize, Serialize};

use crate::failure::Damaged;
use crate::{tell, words};

/// Records that are named on standard error; all are in the document of `--json`.
const NAMED: usize = 3;

/// What was odd so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Warnings(Vec<Warning>);

#[derive(Debug, Serialize, Deserialize)]
struct Warning {
    /// The file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// `set/name` of the record that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    text: String,
}

impl Warnings {
    /// Says and keeps remarks.
    pub(crate) fn add<T: Into<String>>(&mut self, texts: impl IntoIterator<Item = T>) {
        for text in texts {
            let text = text.into();
            tell::note(&text);
            self.keep(text);
        }
    }

    /// Keeps a remark that has been said.
    pub(crate) fn keep(&mut self, text: String) {
        self.0.push(Warning { file: None, record: None, text });
    }

    /// Says and keeps what a decoder overlooked in an image or a mask; with `strict` damage is an error.
    pub(crate) fn add_decoded(
        &mut self,
        file: &Path,
        warnings: &[decode::Warning],
        strict: bool,
    ) -> anyhow::Result<()> {
        for warning in warnings {
            if strict && warning.is_damage() {
                let text = format!("{warning} (--strict refuses such files)");
                return Err(Damaged { file: file.to_owned(), text }.into());
            }
            self.add_of_file(file, &[warning.to_string()]);
        }
        Ok(())
    }

    /// Says and keeps what was odd about a file.
    pub(crate) fn add_of_file(&mut self, file: &Path, texts: &[String]) {
        let before = self.0.len();
        self.keep_of_file(&file.to_string_lossy(), texts);
        for Warning { text, .. } in &self.0[before..] {
            tell::note(format_args!("{}: {text}", file.display()));
        }
    }

    /// Keeps what was odd about a file, which has been said.
    pub(crate) fn keep_of_file(&mut self, file: &str, texts: &[String]) {
        let one = |text: &String| Warning {
            file: Some(file.to_owned()),
            record: None,
            text: words::of_remark(text),
        };
        self.0.extend(texts.iter().map(one));
    }

    /// Keeps those of another list too.
    pub(crate) fn extend(&mut self, others: Warnings) {
        self.0.extend(others.0);
    }

    /// Says and keeps what was odd about the files of a loader's samples.
    pub(crate) fn add_samples(&mut self, counts: &[WarningCount]) {
        let told = counts.iter().map(|count| {
            let first = count.first.iter().map(|one| format!("{}/{}", one.set, one.name));
            let first: Vec<String> = first.collect();
            of_samples(count.samples, count.kind, &first)
        });
        self.add(told);
    }

    /// Whether nothing was odd.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says how many there are of records and names the first, and keeps all.
    pub(crate) fn add_records(&mut self, warnings: &[RecordWarning]) {
        if warnings.is_empty() {
            return;
        }
        let first = warnings.iter().take(NAMED);
        let first: Vec<String> =
            first.map(|warning| format!("{}: {}", warning.record, warning.text)).collect();
        let (count, first) = (warnings.len(), first.join("; "));
        match count {
            1 => tell::note(first),
            2..=NAMED => tell::note(format_args!("{count} warnings: {first}")),
            _ => tell::note(format_args!(
                "{count} warnings, the first {NAMED}: {first}; --json lists all"
            )),
        }
        self.0.extend(warnings.iter().map(|warning| Warning {
            file: None,
            record: Some(warning.record.clone()),
            text: warning.text.clone(),
        }));
    }
}

/// So many samples have a warning of a kind, these records first.
pub(crate) fn of_samples(samples: u64, kind: &str, first: &[String]) -> String {
    let (kind, first) = (kind.replace('_', " "), first.join(", "));
    format!("{samples} samples with a warning ({kind}), the first records: {first}")
}
