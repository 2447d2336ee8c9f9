//! Says where a model is evaluated on the images that it was trained on.

use maskwright_train::evaluator::EvalJob;
use maskwright_train::provenance;

/// A remark for each set with images that the model has learned from, as far as its checkpoint says.
pub(super) fn notes(job: &EvalJob) -> anyhow::Result<Vec<String>> {
    let training = job.sam().conventions().and_then(|known| known.training.as_ref());
    let Some(training) = training.filter(|training| !training.images.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    for set in job.sets() {
        let share = provenance::share_of(&training.images, &*set.source)?.unwrap_or_default();
        notes.extend(note(&set.name, share));
    }
    Ok(notes)
}

fn note(set: &str, share: f64) -> Option<String> {
    let part = match share {
        0.0 => return None,
        1.0 => "on all of its images".to_owned(),
        share => format!("on {:.0}% of its images", (100.0 * share).clamp(1.0, 99.0)),
    };
    Some(format!(
        "set {set}: this checkpoint was trained {part}, by their names and lengths: its figures say little about new \
         images. --run RUN evaluates on what a run held out"
    ))
}

#[cfg(test)]
mod tests {
    use super::note;

    #[test]
    fn a_share_is_said_where_there_is_one() {
        let lines: Vec<Option<String>> =
            [0.0, 0.001, 0.5, 1.0].map(|share| note("leaves", share)).into();
        assert_eq!(lines[0], None);
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        insta::assert_snapshot!(lines.join("\n"), @"
            set leaves: this checkpoint was trained on 1% of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out
            set leaves: this checkpoint was trained on 50% of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out
            set leaves: this checkpoint was trained on all of its images, by their names and lengths: its figures say little about new images. --run RUN evaluates on what a run held out
            ");
    }
}
