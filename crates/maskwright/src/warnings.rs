//! What was odd and stopped nothing: said on standard error, and listed under `warnings` by `--json`.

use std::path::Path;

use maskwright_image::decode;
use maskwright_train::evaluator::RecordWarning;
use serde::Serialize;

use crate::failure::Damaged;
use crate::{tell, words};

/// Records that are named on standard error; all are in the document of `--json`.
const NAMED: usize = 3;

/// What was odd so far.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Warnings(Vec<Warning>);

#[derive(Debug, Serialize)]
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
        for text in texts.iter().map(|text| words::of_remark(text)) {
            tell::note(format_args!("{}: {text}", file.display()));
            let file = Some(file.to_string_lossy().into_owned());
            self.0.push(Warning { file, record: None, text });
        }
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

/// A document of `--json` with the warnings beside it.
#[derive(Debug, Serialize)]
pub(crate) struct WithWarnings<'a, T> {
    #[serde(flatten)]
    pub(crate) document: &'a T,
    pub(crate) warnings: &'a Warnings,
}
