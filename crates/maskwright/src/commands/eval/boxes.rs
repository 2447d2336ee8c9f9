//! `--boxes`: average precision of the masks for boxes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use maskwright_data::sample::Preset;
use maskwright_data::source::{DataFile, DetectionSet, FoundBoxes, SetKind, SetSpec, Source};
use maskwright_image::metric::average_precision::AveragePrecision;
use maskwright_model::{GeometryFrom, ModelSource};
use maskwright_train::evaluator::{BoxEvaluation, EvalConfig, EvalJob, EvalTimes, ScoredBy};
use maskwright_train::observer::Observer;
use serde::Serialize;

use super::{EvalFlags, geometry_of, print};
use crate::exit::Usage;
use crate::progress::Progress;
use crate::warnings::Warnings;
use crate::{interrupt, output, process_memory, tell};

/// Where the boxes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Boxes {
    /// The annotations themselves.
    Truth,
    /// A list of results, an instances file, or the name of a set that has boxes only.
    Found(PathBuf),
}

impl std::str::FromStr for Boxes {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "truth" => Self::Truth,
            found => Self::Found(found.into()),
        })
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    geometry: Preset,
    geometry_from: GeometryFrom,
    #[serde(flatten)]
    evaluation: &'a BoxEvaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<EvalTimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mib: Option<f64>,
}

pub(super) fn run(flags: &EvalFlags, boxes: &Boxes, data: &DataFile) -> anyhow::Result<()> {
    let mut progress = Progress::new(flags.what.json, interrupt::on_ctrl_c());
    let source = ModelSource { input_size: flags.what.input_size, ..flags.model.resolve()? };
    let spec = coco_of(data)?;
    let name = &spec.name;
    let mut set = DetectionSet::read(spec, &progress.opening())?;
    let mut warnings = Warnings::default();
    warnings.add(set.left_out().iter().map(|left| format!("set {name}: left out are {left}")));
    let (boxes, scored_by) = match boxes {
        Boxes::Truth => (set.true_boxes(), ScoredBy::PredictedIou),
        Boxes::Found(place) => {
            let FoundBoxes { boxes, scored, left_out } = match set_of_boxes(data, place) {
                Some(spec) => set.boxes_of(&spec.open_boxes(&progress.opening())?)?,
                None => set.read_boxes(place, &progress.opening())?,
            };
            let told = |left| format!("{}: left out are {left}", place.display());
            warnings.add(left_out.iter().map(told));
            (boxes, if scored { ScoredBy::Detector } else { ScoredBy::PredictedIou })
        }
    };
    let job = EvalJob::for_boxes(&source, &flags.device.resolve(), data)?;
    warnings.add(job.notes().iter().map(String::as_str));
    let (geometry, geometry_from) = geometry_of(&job, flags.what.geometry);
    let config =
        EvalConfig { geometry, seed: flags.what.seed.unwrap_or_default(), ..EvalConfig::default() };
    let set = Arc::new(set);
    let evaluation = job.evaluate_boxes(&set, &boxes, scored_by, &config, &mut progress)?;
    let times = progress.take_times();
    progress.finish();
    warnings.add_records(&evaluation.warnings);
    let peak_memory_mib = process_memory::peak_mib();
    if flags.what.json {
        let document =
            Document { geometry, geometry_from, evaluation: &evaluation, times, peak_memory_mib };
        return output::json_of(&document, &warnings, source.checkpoint.as_deref());
    }
    table(&evaluation)?;
    if let Some(times) = times {
        tell::say(print::times(&times, peak_memory_mib));
    }
    Ok(())
}

/// The set of boxes that has this name.
fn set_of_boxes<'a>(data: &'a DataFile, name: &Path) -> Option<&'a SetSpec> {
    data.valid.iter().find(|spec| spec.kind.boxes_only() && Path::new(&spec.name) == name)
}

/// The single COCO set with masks of the data.
fn coco_of(data: &DataFile) -> Result<&SetSpec, Usage> {
    let with_masks: Vec<_> = data.valid.iter().filter(|spec| !spec.kind.boxes_only()).collect();
    match &with_masks[..] {
        [spec] => match &spec.kind {
            SetKind::Coco(_) => Ok(spec),
            _ => Err(Usage(format!(
                "--boxes: expected annotations of COCO (--coco), found a set of kind \"{}\"",
                spec.kind.name()
            ))),
        },
        sets => Err(Usage(format!(
            "--boxes: expected one set with annotations of COCO (--coco), found {} sets",
            sets.len()
        ))),
    }
}

fn table(evaluation: &BoxEvaluation) -> anyhow::Result<()> {
    let header = ["mask", "by", "AP", "AP50", "AP75", "small", "medium", "large", "AR100"];
    let row = |title: &str, by: &str, found: &AveragePrecision| {
        let AveragePrecision { ap, ap50, ap75, small, medium, large, recall, .. } = *found;
        let number =
            |value: Option<f64>| value.map_or_else(|| "none".into(), |value| format!("{value:.4}"));
        let mut row = vec![title.to_owned(), by.to_owned()];
        row.extend([ap, ap50, ap75, small, medium, large, recall[2]].map(number));
        row
    };
    let mut rows = Vec::new();
    for found in &evaluation.masks {
        rows.push(row(found.mask.title(), "mask", &found.by_mask));
        rows.push(row(found.mask.title(), "boundary", &found.by_boundary));
    }
    output::table(&header, &rows)?;
    let by = match evaluation.scored_by {
        ScoredBy::Detector => "the detector's scores",
        ScoredBy::PredictedIou => "predicted IoU",
    };
    output::line(format_args!(
        "{} boxes in {} images; masks are ordered by {by}; none: no object of that size",
        evaluation.boxes, evaluation.images
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_no_file() {
        assert_eq!("truth".parse(), Ok(Boxes::Truth));
        assert_eq!("truth.json".parse(), Ok(Boxes::Found("truth.json".into())));
    }
}
