//! Results on standard output: tables and lines for people, JSON for machines.
//!
//! A reader that has seen enough (`| head`) is no failure: the rest goes unwritten, and the command goes on
//! and ends as it would have. Any other failure to write is an error, since the result is lost.

use std::fmt::Display;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};
use std::path::Path;

use anyhow::Context;
use maskwright_train::checksums;
use maskwright_train::provenance::PROGRAM;
use serde::Serialize;

use crate::command_line::words;
use crate::flags::resolved;
use crate::shown::{shown, shown_json};
use crate::warnings::Warnings;

/// The version of the documents that `--json` prints; docs/schemas has a schema for each command.
const SCHEMA: u32 = 1;

/// What every document of `--json` begins with.
#[derive(Serialize)]
struct Document<'a, T> {
    /// The version of its schema.
    schema: u32,
    /// The program and its version.
    program: &'static str,
    /// The subcommand.
    command: String,
    /// The arguments behind it, as they were given.
    arguments: Vec<String>,
    /// What each of its flags came to, defaults included.
    settings: &'static serde_json::Map<String, serde_json::Value>,
    /// The checkpoint that was used, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_file: Option<ModelFile>,
    #[serde(flatten)]
    content: &'a T,
    /// What was odd and stopped nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<&'a Warnings>,
}

/// A checkpoint that was used.
#[derive(Serialize)]
struct ModelFile {
    file: String,
    /// The sum of its bytes; of a folder none.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Prints a value, which is an object in JSON, as one document, with the warnings beside it.
pub(crate) fn json(value: &impl Serialize, warnings: &Warnings) -> anyhow::Result<()> {
    document(value, Some(warnings), None)
}

/// As [`json`], of what was made with this checkpoint.
pub(crate) fn json_of(
    value: &impl Serialize,
    warnings: &Warnings,
    checkpoint: Option<&Path>,
) -> anyhow::Result<()> {
    document(value, Some(warnings), checkpoint)
}

/// As [`json`], of a value that says itself what was odd.
pub(crate) fn json_whole(value: &impl Serialize) -> anyhow::Result<()> {
    document(value, None, None)
}

fn document(
    value: &impl Serialize,
    warnings: Option<&Warnings>,
    checkpoint: Option<&Path>,
) -> anyhow::Result<()> {
    let mut words = words(std::env::args_os()).map(|word| word.to_string_lossy().into_owned());
    let model_file = checkpoint.map(|file| -> anyhow::Result<ModelFile> {
        let sha256 = file.is_file().then(|| checksums::of_file(file)).transpose()?;
        Ok(ModelFile { file: file.display().to_string(), sha256: sha256.map(|(sum, _)| sum) })
    });
    let document = Document {
        schema: SCHEMA,
        program: PROGRAM,
        command: words.next().unwrap_or_default(),
        arguments: words.collect(),
        settings: resolved::kept(),
        model_file: model_file.transpose()?,
        content: value,
        warnings,
    };
    // As a whole first: a value that cannot be said in JSON leaves no half of a document.
    let document = serde_json::to_string_pretty(&document)?;
    write(|out| writeln!(out, "{}", shown_json(&document)))
}

/// Prints a line.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    lines([text])
}

/// Prints lines.
pub(crate) fn lines<T: Display>(lines: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
    write(|out| {
        lines.into_iter().try_for_each(|line| writeln!(out, "{}", shown(&line.to_string())))
    })
}

/// Writes a file's bytes.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    write(|out| out.write_all(bytes))
}

/// Prints rows under a header: the first column left, the others right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    lines(table_lines(header, rows))
}

/// Writes what `content` gives to standard output.
fn write(
    content: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match content(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("standard output: cannot write"),
    }
}

/// The lines of a table.
fn table_lines(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    // As wide as they are shown.
    let safe = |row: &Vec<String>| row.iter().map(|cell| shown(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(safe).collect();
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            if column == 0 {
                text.push_str(&format!("{cell}{gap}"));
            } else {
                text.push_str(&format!("  {gap}{cell}"));
            }
        }
        text.trim_end().to_owned()
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
    let mut lines = vec![line(&header), rule];
    lines.extend(rows.iter().map(|row| line(row)));
    lines
}

#[cfg(test)]
mod tests {
    use super::table_lines;

    #[test]
    fn columns_align() {
        let rows =
            [vec!["HRSOD".to_owned(), "0.9".to_owned()], vec!["a".to_owned(), "0.1234".to_owned()]];
        let lines = table_lines(&["set", "IoU"], &rows);
        assert_eq!(lines, ["set       IoU", "-------------", "HRSOD     0.9", "a      0.1234"]);
    }
}
