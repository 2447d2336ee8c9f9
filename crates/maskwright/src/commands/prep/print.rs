//! What became of the records, in words and as JSON.

use std::path::Path;

use maskwright_data::source::LeftOut;
use maskwright_doctor::Severity;
use maskwright_prep::{Preparer, Row, ShardDone, Status};
use maskwright_train::evaluator::RecordWarning;
use serde::Serialize;

use crate::numbers::thousands;
use crate::warnings::Warnings;
use crate::{output, tell};

/// The document of `--json`.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    output: &'a Path,
    /// How many shards the records are divided into.
    shards: usize,
    #[serde(flatten)]
    sum: Sum,
    made: Vec<Shard<'a>>,
    left_out: Vec<LeftOut>,
    /// Of the model and of every record.
    #[serde(skip)]
    warnings: Warnings,
    /// The first record that was refused, and why.
    #[serde(skip)]
    first: Option<String>,
    #[serde(skip)]
    pub(super) refused: usize,
}

/// One shard of one role.
#[derive(Serialize)]
struct Shard<'a> {
    role: &'static str,
    shard: usize,
    /// Whether it was finished before.
    before: bool,
    tar: &'a Path,
    ledger: &'a Path,
    #[serde(flatten)]
    sum: Sum,
}

/// Records and what became of them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Sum {
    records: usize,
    ok: usize,
    warned: usize,
    refused: usize,
    objects: usize,
    objects_refused: usize,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, row: &Row) {
        self.records += 1;
        *match row.status {
            Status::Ok => &mut self.ok,
            Status::Warned => &mut self.warned,
            Status::Refused => &mut self.refused,
        } += 1;
        self.objects += row.objects;
        self.objects_refused += row.objects_refused;
        self.bytes += row.bytes;
    }
}

impl<'a> Told<'a> {
    pub(super) fn of(
        done: &'a [ShardDone],
        preparer: &Preparer,
        output: &'a Path,
        mut warnings: Warnings,
    ) -> Told<'a> {
        let (mut sum, mut first) = (Sum::default(), None);
        let made = done.iter().map(|done| {
            let mut of_shard = Sum::default();
            for row in &done.rows {
                sum.add(row);
                of_shard.add(row);
                if !row.is_stored() && first.is_none() {
                    first = Some(format!("{}/{}: {}", row.set, row.name, row.reason));
                }
            }
            let (role, shard, before) = (done.role, done.shard, !done.made);
            Shard { role, shard, before, tar: &done.tar, ledger: &done.ledger, sum: of_shard }
        });
        let made = made.collect();
        let rows = done.iter().flat_map(|done| &done.rows);
        let of_records: Vec<RecordWarning> = rows.flat_map(odd).collect();
        warnings.add_records(&of_records);
        Told {
            output,
            shards: preparer.shards(),
            made,
            left_out: preparer.left_out(),
            warnings,
            first,
            refused: sum.refused,
            sum,
        }
    }

    /// Prints it; `trains` is whether what was written can be trained on.
    pub(super) fn print(&self, json: bool, trains: bool) -> anyhow::Result<()> {
        if json {
            return output::json(self, &self.warnings);
        }
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let Sum { records, ok, warned, refused, objects, objects_refused, bytes } = self.sum;
        let before = self.made.iter().filter(|shard| shard.before).count();
        let mut shards = format!("{} of {}", self.reached(), self.shards);
        if before > 0 {
            shards += &format!(" ({before} were finished before)");
        }
        let mut rows =
            vec![row("written", self.output.display().to_string()), row("shards", shards)];
        rows.push(row("records", thousands(records)));
        rows.push(row("ok", thousands(ok)));
        rows.push(row("warned", thousands(warned)));
        let first = self.first.as_ref().map_or(String::new(), |first| format!(" (first: {first})"));
        rows.push(row("refused", format!("{}{first}", thousands(refused))));
        rows.push(row("objects", thousands(objects)));
        if objects_refused > 0 {
            rows.push(row("objects refused", thousands(objects_refused)));
        }
        rows.push(row("bytes", thousands(bytes as usize)));
        rows.extend(self.left_out.iter().map(|left| row("left out", left.to_string())));
        output::table(&["what", "value"], &rows)?;
        if trains && self.reached() == self.shards && objects > 0 {
            let data = self.output.join("data.toml");
            tell::say(format_args!("train on it: maskwright train --data {}", data.display()));
        }
        Ok(())
    }

    /// How many shards were made or there before.
    fn reached(&self) -> usize {
        let mut shards: Vec<usize> = self.made.iter().map(|shard| shard.shard).collect();
        shards.dedup();
        shards.len()
    }
}

/// What was odd about a record that is stored all the same.
fn odd(row: &Row) -> impl Iterator<Item = RecordWarning> {
    let told = row
        .checks
        .iter()
        .filter(|check| row.is_stored() && check.severity != Severity::Note.name());
    told.map(|check| {
        let object = check.object.map_or(String::new(), |nth| format!("object {nth}: "));
        let text = format!("{object}{}", check.detail);
        RecordWarning { record: format!("{}/{}", row.set, row.name), text }
    })
}
