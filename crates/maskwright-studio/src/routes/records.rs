//! The state, records, their pictures and masks.

use std::sync::Arc;

use maskwright_data::prompt::{KindWeights, PromptKind};
use maskwright_data::random::SampleKey;
use maskwright_data::source::{DataFile, Mix, Source};
use maskwright_image::encode::jpeg_rgb;
use maskwright_report::preview::{PreviewConfig, preview_of};

use crate::api::{CroppedMask, ObjectMask, RecordRow, Records, SetInfo, Size, State};
use crate::app::App;
use crate::data::DataSet;
use crate::data::filter::{Filter, Known, LONGEST};
use crate::data::picture::Picture;
use crate::error::{Error, Result};
use crate::http::asked::{Asked, At};
use crate::http::{Response, answer};

/// What a list can be asked for.
const LIST: [&str; 12] = [
    "offset", "limit", "order", "set", "category", "mask", "text", "min_side", "max_side",
    "finding", "min_iou", "max_iou",
];
/// Augmented views on a sheet.
const VIEWS: usize = 12;
/// The side of a view on a sheet.
const VIEW: usize = 320;

/// Everything that a page needs first.
pub(super) fn state(app: &Arc<App>, (): ()) -> Result<Response> {
    let set = app.set();
    let current = app.engine.current();
    let missing = current.model.is_none() && !current.loading;
    Ok(answer::good(&State {
        version: app.version.clone(),
        set: SetInfo {
            name: set.name.clone(),
            images: set.len(),
            sets: set.set_names(),
            categories: set.categories(),
        },
        model: current.model.map(|model| model.info.clone()),
        model_missing: missing
            .then(|| current.error.unwrap_or_else(|| app.program.how_to_get_a_model())),
        model_loading: current.loading,
        corrections: app.corrections.info(),
        runs_folder: app.jobs.folder().display().to_string(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }))
}

/// A page of the records that pass the filters.
pub(super) fn list(app: &Arc<App>, asked: Asked) -> Result<Response> {
    asked.only(&LIST)?;
    let offset = asked.value("offset", "a number")?.unwrap_or(0);
    let limit: usize = asked.value("limit", "a number")?.unwrap_or(100);
    if limit > LONGEST {
        return Err(Error::setting("limit", format!("at most {LONGEST}"), limit.to_string()));
    }
    let filter = Filter::of(&asked)?;
    let set = app.set();
    filter.check(&set)?;
    if filter.looks() {
        app.look_at_all()?;
    }
    let found = filter.finding.as_deref().map(|finding| app.doctor.records(finding));
    let mut passed = filter.apply(&set, &**app, found.as_ref());
    match asked.text("order") {
        None | Some("name") => {}
        Some("doubt") => {
            let scores = app.measured.scores();
            let score = |index: &usize| scores.get(index).copied().unwrap_or(-1.0);
            passed.sort_by(|a, b| score(b).total_cmp(&score(a)));
        }
        Some(other) => return Err(Error::setting("order", "name or doubt", other)),
    }
    let page = passed.iter().skip(offset).take(limit);
    let rows: Vec<RecordRow> = page.map(|&index| row(app, &set, index)).collect::<Result<_>>()?;
    Ok(answer::good(&Records { total: passed.len(), offset, rows }))
}

/// One record.
pub(super) fn one(app: &Arc<App>, At(index): At<usize>) -> Result<Response> {
    Ok(answer::good(&row(app, &app.set(), index)?))
}

fn row(app: &App, set: &DataSet, index: usize) -> Result<RecordRow> {
    let facts = set.facts(index)?;
    let (of, name) = match set.identity(index) {
        Ok(found) => found,
        Err(_) => (set.find(index)?.0.source.name().into(), index.to_string()),
    };
    Ok(RecordRow {
        index,
        corrected: app.corrections.count(&of, &name).unwrap_or_default(),
        id: name,
        set: of.to_string(),
        size: facts.size.map(|size| Size { height: size.height, width: size.width }),
        objects: facts.objects,
        categories: facts.categories.clone(),
        refused: facts.refused.clone(),
        predicted_iou: app.predicted_iou(index),
    })
}

fn jpeg(picture: Picture) -> Response {
    answer::tagged(answer::bytes("image/jpeg", picture.bytes), &picture.key)
}

/// The image, small.
pub(super) fn thumbnail(
    app: &Arc<App>,
    (At(index), asked): (At<usize>, Asked),
) -> Result<Response> {
    let side = asked.value("side", "a number of pixels")?.unwrap_or(256);
    app.pictures.thumbnail(&app.set(), index, side).map(jpeg)
}

/// The image, whole.
pub(super) fn image(app: &Arc<App>, (At(index), asked): (At<usize>, Asked)) -> Result<Response> {
    let width = asked.value("width", "a number of pixels")?;
    app.pictures.image(&app.set(), index, width).map(jpeg)
}

/// A tile of the image.
pub(super) fn tile(
    app: &Arc<App>,
    At((index, level, column, row)): At<(usize, usize, usize, usize)>,
) -> Result<Response> {
    app.pictures.tile(&app.set(), index, [level, column, row]).map(jpeg)
}

/// The masks that the set has of a record.
pub(super) fn masks(app: &Arc<App>, At(index): At<usize>) -> Result<Response> {
    let masks = app.set().masks(index)?;
    let masks: Vec<ObjectMask> = masks
        .into_iter()
        .enumerate()
        .map(|(object, (category, mask))| ObjectMask {
            object,
            category,
            mask: CroppedMask::of_rle(&mask),
        })
        .collect();
    Ok(answer::good(&masks))
}

/// The record as the model sees it in training: one view for each of some epochs, in one picture.
pub(super) fn view(app: &Arc<App>, (At(index), asked): (At<usize>, Asked)) -> Result<Response> {
    let set = app.set();
    let (open, at) = set.find(index)?;
    let Some(data) = &set.data else {
        return Err(Error::setting("the view", "sets with masks", "photographs without masks"));
    };
    let epoch: u64 = asked.value("epoch", "a number")?.unwrap_or(0);
    let count: usize = asked.value("view", "a number")?.unwrap_or(6);
    if !(1..=VIEWS).contains(&count) {
        return Err(Error::setting("view", format!("1 to {VIEWS}"), count.to_string()));
    }
    let (mix, start) = mix(&set, data, open.source.name(), index - at)?;
    let key = |epoch| SampleKey::in_epoch(42, epoch, start + at as u64);
    let keys: Vec<SampleKey> =
        (0..count as u64).map(|more| key(epoch.saturating_add(more))).collect();
    let model = app.engine.current().model;
    let input_size = model.map_or(1024, |model| model.info.input_size);
    let config = PreviewConfig {
        seed: 42,
        epoch,
        range: None,
        count,
        input_size,
        tile: VIEW,
        columns: count.min(3),
    };
    let shown = preview_of(&mix, &keys, &planned(data, &asked)?, &config)?;
    let name = set.record(index)?.image;
    let bytes = jpeg_rgb(&shown.picture, 88).map_err(Error::image(&name))?;
    Ok(answer::bytes("image/jpeg", bytes))
}

/// The sets that a sample is drawn from, and the first place of the record's own: the training sets, so that samples are those of
/// training; of another set, that alone.
fn mix(set: &DataSet, data: &DataFile, name: &str, start: usize) -> Result<(Mix, u64)> {
    let training = set.sets.iter().take(data.train.len());
    let records: usize = training.clone().map(|open| open.source.len()).sum();
    if start < records {
        let sources: Vec<Arc<dyn Source>> = training.map(|open| open.source.clone()).collect();
        return Ok((Mix::new(sources)?, start as u64));
    }
    let own = set.sets.iter().skip(data.train.len()).find(|open| open.source.name() == name);
    let own = own.ok_or_else(|| Error::missing(name, "a set"))?;
    Ok((Mix::new(vec![own.source.clone()])?, 0))
}

/// The plan and the prompts of a data file, with what a request moves.
fn planned(data: &DataFile, asked: &Asked) -> Result<DataFile> {
    let mut data =
        DataFile { plan: data.plan.clone(), prompts: data.prompts.clone(), ..DataFile::default() };
    let scale = |key: &str| asked.value::<f64>(key, "a number above 0");
    data.plan.scale_min = scale("scale_min")?.unwrap_or(data.plan.scale_min);
    data.plan.scale_max = scale("scale_max")?.unwrap_or(data.plan.scale_max);
    let flip = asked.value::<f64>("flip", "a number from 0 to 1")?;
    data.plan.flip_probability = flip.unwrap_or(data.plan.flip_probability);
    if let Some(kinds) = asked.text("kind") {
        let mut weights = KindWeights::none();
        for kind in kinds.split(',') {
            let kind: PromptKind = kind.parse()?;
            weights = weights.with(kind, 1.0);
        }
        data.prompts.kinds = weights;
    }
    data.plan.validate()?;
    data.prompts.validate()?;
    Ok(data)
}
