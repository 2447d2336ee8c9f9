//! The ledger of a shard: what became of each record, a line of JSON each.

use std::fmt::Write;
use std::path::Path;

use maskwright_doctor::Remark;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::error::{Error, Result};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// It is in the tar file, and nothing is wrong with it.
    Ok,
    /// It is in the tar file; a check warned about it, or not all of its objects are there.
    Warned,
    /// It is not in the tar file; the reason says why.
    Refused,
}

/// A line of a ledger: a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// `train` or `valid`.
    pub role: String,
    /// The name of the record's set.
    pub set: String,
    /// The number of the record among all of its role.
    pub index: usize,
    /// The number of the record in its set.
    pub record: usize,
    /// The name of the record.
    pub name: String,
    /// What became of it.
    pub status: Status,
    /// Why it was refused; empty where it was not.
    pub reason: String,
    /// What the doctor's checks say, in the order in which it was met.
    pub checks: Vec<RowCheck>,
    /// The name of its members up to their endings; empty where it was refused.
    pub key: String,
    /// The ending of the image.
    pub image: String,
    /// Height of the image in the tar file, in pixels, turned as its masks are.
    pub height: usize,
    /// Its width.
    pub width: usize,
    /// Height of the image that it was made of.
    pub source_height: usize,
    /// Its width.
    pub source_width: usize,
    /// How many masks are stored.
    pub objects: usize,
    /// How many of the data's objects are not: refused, or without a pixel in an image that was shrunk.
    pub objects_refused: usize,
    /// Whether an embedding is stored.
    pub embedding: bool,
    /// Where the headers of its first member begin in the tar file.
    pub offset: u64,
    /// How many bytes of the tar file are its members, with their headers.
    pub bytes: u64,
}

/// Something that was found on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCheck {
    /// The name of the doctor's check, or `not-used` where an object was given up for another reason.
    pub check: String,
    /// `error`, `warning` or `note`.
    pub severity: String,
    /// The number of the object in its record; none where it is about the image.
    pub object: Option<usize>,
    /// What exactly was found.
    pub detail: String,
}

impl RowCheck {
    /// What the doctor remarked.
    pub(crate) fn of(remark: &Remark) -> RowCheck {
        RowCheck {
            check: remark.check.name().into(),
            severity: remark.severity.name().into(),
            object: (!remark.image).then_some(remark.nth),
            detail: remark.detail.clone(),
        }
    }

    /// An object that is not used.
    pub(crate) fn not_used(object: usize, detail: String) -> RowCheck {
        let (check, severity) = ("not-used".into(), "error".into());
        RowCheck { check, severity, object: Some(object), detail }
    }

    /// It in a few words.
    pub(crate) fn words(&self) -> String {
        format!("{}: {}", self.check, self.detail)
    }
}

impl Row {
    /// A record that is not in the tar file.
    pub(crate) fn refuse(&mut self, reason: String) {
        (self.status, self.reason) = (Status::Refused, reason);
        (self.height, self.width, self.objects) = (0, 0, 0);
        self.key.clear();
        self.image.clear();
    }

    /// Whether it is in the tar file.
    pub fn is_stored(&self) -> bool {
        self.status != Status::Refused
    }
}

/// The text of a ledger.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        // Rows are texts and numbers, and a text takes all that is written.
        let line = serde_json::to_string(row).expect("a row is JSON");
        writeln!(text, "{line}").expect("a text grows");
    }
    text
}

/// Reads a ledger.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
    let row = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| Error::Content {
            file: path.into(),
            expected: format!("a row of a ledger in line {}", number + 1),
            found: error.to_string(),
        })
    };
    text.lines().enumerate().map(row).collect()
}
