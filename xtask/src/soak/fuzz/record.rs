//! What has been done with a target so far, in a small file beside the part of its corpus that is committed.

use std::path::PathBuf;

use super::corpus::PACKED;
use super::session::{Ended, Session};

/// The head of the table in `docs/reliability.md`.
pub(super) const HEAD: &str = "\
| target | minutes | executions | edges covered | inputs kept | findings |
|---|---:|---:|---:|---:|---:|";

/// Sums over all sessions on a corpus.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Processor time.
    pub(super) seconds: f64,
    pub(super) executions: u64,
    /// Covered by the corpus.
    pub(super) edges: u64,
    /// Those of the corpus, after minimising.
    pub(super) inputs: u64,
    /// How often a session ended by one.
    pub(super) findings: u64,
}

impl Record {
    fn path(name: &str) -> PathBuf {
        PathBuf::from(PACKED).join(format!("{name}.record"))
    }

    /// What is known of a target; nothing, if it never ran.
    pub(super) fn read(name: &str) -> Result<Self, String> {
        let path = Self::path(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|found| format!("{}: {found}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self::default();
        for line in text.lines() {
            let expected = || format!("expected a name and a number, found {line:?}");
            let (name, number) = line.split_once(' ').ok_or_else(expected)?;
            let count = || number.parse().map_err(|_| expected());
            match name {
                "seconds" => record.seconds = number.parse().map_err(|_| expected())?,
                "executions" => record.executions = count()?,
                "edges" => record.edges = count()?,
                "inputs" => record.inputs = count()?,
                "findings" => record.findings = count()?,
                _ => return Err(expected()),
            }
        }
        Ok(record)
    }

    fn text(&self) -> String {
        let Self { seconds, executions, edges, inputs, findings } = self;
        format!(
            "seconds {seconds}\nexecutions {executions}\nedges {edges}\ninputs {inputs}\nfindings {findings}\n"
        )
    }

    pub(super) fn write(&self, name: &str) -> Result<(), String> {
        let path = Self::path(name);
        let part = path.with_extension("record.part");
        std::fs::create_dir_all(PACKED)
            .and_then(|()| std::fs::write(&part, self.text()))
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn add(&mut self, session: &Session) {
        self.seconds += session.seconds;
        self.executions += session.executions;
        self.edges = session.edges.unwrap_or(self.edges);
        self.findings += u64::from(matches!(session.ended, Ended::Finding { .. }));
    }

    /// The target's row of the table.
    pub(super) fn row(&self, name: &str) -> String {
        let findings = match self.findings {
            0 => "none".to_owned(),
            count => grouped(count),
        };
        let [executions, edges, inputs] = [self.executions, self.edges, self.inputs].map(grouped);
        format!(
            "| `{name}` | {:.1} | {executions} | {edges} | {inputs} | {findings} |",
            self.seconds / 60.0
        )
    }
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_add_up_and_a_record_is_read_as_it_was_written() {
        let mut record = Record::default();
        let session =
            |ended, seconds, edges| Session { ended, seconds, executions: 700_000, edges };
        record.add(&session(Ended::AsAsked, 900.5, Some(1234)));
        record.add(&session(Ended::Finding { input: None }, 899.5, None));
        record.inputs = 12;
        assert_eq!(Record::parse(&record.text()), Ok(Record { ..record }));
        assert_eq!(record.row("png"), "| `png` | 30.0 | 1,400,000 | 1,234 | 12 | 1 |");
    }

    #[test]
    fn a_damaged_record_is_told() {
        let found = Record::parse("seconds 3\nexecutions many\n").expect_err("no number");
        assert_eq!(found, "expected a name and a number, found \"executions many\"");
    }
}
