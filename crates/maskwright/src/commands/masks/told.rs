//! What became of all images.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::numbers::thousands;
use crate::warnings::Warnings;
use crate::{output, tell};

/// The counts of the lines of the results.
pub(super) struct Told {
    images: usize,
    warned: usize,
    pub(super) refused: usize,
    masks: u64,
    /// Images without a mask.
    without: usize,
    /// What to do, where nothing was found in any.
    pub(super) advice: Option<String>,
}

impl Told {
    /// Of these lines; `advice` is what to do if there are no masks.
    pub(super) fn of(rows: &[Value], advice: Option<String>) -> Self {
        let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
        let masks = |row: &Value| row["masks"].as_u64().unwrap_or_default();
        let found: u64 = rows.iter().map(masks).sum();
        let refused = count("refused");
        Self {
            images: rows.len(),
            warned: count("warned"),
            refused,
            masks: found,
            without: rows.iter().filter(|row| masks(row) == 0).count() - refused,
            advice: advice.filter(|_| found == 0),
        }
    }

    /// Prints all lines as JSON.
    pub(super) fn json(
        &self,
        rows: &[Value],
        warnings: &Warnings,
        checkpoint: &Path,
    ) -> anyhow::Result<()> {
        let mut document = serde_json::json!({ "images": rows });
        if let Some(advice) = &self.advice {
            document["advice"] = advice.as_str().into();
        }
        output::json_of(&document, warnings, Some(checkpoint))
    }

    /// Prints the counts; so many images were searched in this time.
    pub(super) fn table(
        &self,
        results: &Path,
        (searched, took): (usize, Duration),
    ) -> anyhow::Result<()> {
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let mut images = thousands(self.images);
        if self.images > searched {
            images += &format!(" ({} finished before)", thousands(self.images - searched));
        }
        let mut rows = vec![row("written", results.display().to_string()), row("images", images)];
        // What is usual is 0, and is not told.
        let counts = [
            ("warned", self.warned),
            ("refused", self.refused),
            ("images without masks", self.without),
        ];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            rows.push(row(what, thousands(count)));
        }
        rows.push(row("masks", thousands(self.masks as usize)));
        if searched > 0 {
            let speed = searched as f64 / took.as_secs_f64().max(1e-9);
            rows.push(row("speed", format!("{speed:.2} images/s")));
        }
        output::table(&["what", "value"], &rows)
    }

    /// Says the counts.
    pub(super) fn sum_up(&self, results: &Path) {
        tell::say(format_args!(
            "{} images: {} whole, {} refused; {} masks, none in {} images: {}",
            thousands(self.images),
            thousands(self.images - self.refused),
            thousands(self.refused),
            thousands(self.masks as usize),
            thousands(self.without),
            results.display()
        ));
    }
}
