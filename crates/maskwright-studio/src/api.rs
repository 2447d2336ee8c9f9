//! The types of the API, as the page has them in `studio/src/api.ts`, which a test writes from here.
//!
//! Coordinates are pixels of the upright original image, x to the right and y down, the centre of the first pixel at (0.5, 0.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Declares types that are sent and received, and lists them for `api.ts`.
macro_rules! api {
    ($($(#[$meta:meta])* pub $kind:ident $name:ident { $($body:tt)* })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(test, derive(ts_rs::TS))]
            $(#[$meta])*
            pub $kind $name { $($body)* }
        )*

        /// Every declaration in TypeScript, in this order.
        #[cfg(test)]
        pub(crate) fn declarations() -> Vec<String> {
            vec![$(<$name as ts_rs::TS>::decl()),*]
        }
    };
}

api! {
/// Height and width in pixels.
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A mask cut to its box: row-major runs over the box, beginning with background. An empty mask is a box of 0 x 0 without runs.
pub struct CroppedMask {
    /// The box's first column.
    pub x: usize,
    /// The box's first row.
    pub y: usize,
    /// The box's columns.
    pub width: usize,
    /// The box's rows.
    pub height: usize,
    /// Pixels of background, of foreground, of background, ...; their sum is width x height.
    pub runs: Vec<u32>,
}

/// A model to click with.
pub struct ModelInfo {
    /// Its file.
    pub checkpoint: String,
    /// The file's name without its ending.
    pub name: String,
    /// Its size and its heads, such as "vit_b + HQ".
    pub kind: String,
    /// The side of its square input in pixels.
    pub input_size: usize,
    /// Whether it has an HQ head.
    pub has_hq: bool,
}

/// What the set is, in the state.
pub struct SetInfo {
    /// The name of the data.
    pub name: String,
    /// How many images.
    pub images: usize,
    /// The names of its sets.
    pub sets: Vec<String>,
    /// The names of its categories, as far as they are known.
    pub categories: Vec<String>,
}

/// Where corrections lie and how many there are, in the state.
pub struct CorrectionsInfo {
    /// The folder.
    pub folder: String,
    /// In which form training reads them: "coco", "masks" or "instances".
    pub format: String,
    /// What that form does not hold of them, as words.
    pub left_out: Vec<String>,
    /// Images that were saved with objects.
    pub images: usize,
    /// Their objects.
    pub objects: usize,
}

/// Everything that a page needs first.
pub struct State {
    /// The program's version.
    pub version: String,
    /// The data.
    pub set: SetInfo,
    /// The model to click with.
    pub model: Option<ModelInfo>,
    /// Without a model: what is to be done to get one.
    pub model_missing: Option<String>,
    /// Whether a model is being read.
    pub model_loading: bool,
    /// The corrections.
    pub corrections: CorrectionsInfo,
    /// The folder of the runs.
    pub runs_folder: String,
    /// How many threads the machine runs at once.
    pub cores: usize,
}

/// A record in the grid.
pub struct RecordRow {
    /// Its number in the set, by which addresses name it.
    pub index: usize,
    /// Its name.
    pub id: String,
    /// The name of its set.
    pub set: String,
    /// The size of the upright image; none where it cannot be read.
    pub size: Option<Size>,
    /// How many masks the set has of it; none where that cannot be read.
    pub objects: Option<usize>,
    /// The names of its objects' categories.
    pub categories: Vec<String>,
    /// Why it cannot be read.
    pub refused: Option<String>,
    /// How many objects were saved as corrections.
    pub corrected: usize,
    /// The IoU that the model predicts of its own masks, where the queue has measured it.
    pub predicted_iou: Option<f64>,
}

/// A page of records.
pub struct Records {
    /// How many pass the filters.
    pub total: usize,
    /// The first of these.
    pub offset: usize,
    /// These.
    pub rows: Vec<RecordRow>,
}

/// A mask of the set.
pub struct ObjectMask {
    /// The object's number in its record.
    pub object: usize,
    /// The name of its category.
    pub category: Option<String>,
    /// The mask.
    pub mask: CroppedMask,
}

/// A click.
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Down.
    pub y: f32,
    /// Whether it adds.
    pub positive: bool,
}

/// What the model is asked.
pub struct PromptRequest {
    /// Clicks.
    pub points: Vec<Point>,
    /// A box: left, top, right, bottom.
    #[serde(rename = "box")]
    pub corners: Option<[f32; 4]>,
    /// A mask that is near.
    pub previous: Option<CroppedMask>,
    /// Whether three masks are wanted for a prompt that may mean several things.
    pub proposals: bool,
}

/// A mask that the model proposes.
pub struct Proposal {
    /// The mask.
    pub mask: CroppedMask,
    /// The IoU that the model predicts.
    pub predicted_iou: f64,
    /// Its pixels.
    pub area: usize,
}

/// What the model answers.
pub struct Answer {
    /// The masks, the best first.
    pub proposals: Vec<Proposal>,
    /// How long the masks took, without the embedding.
    pub milliseconds: f64,
    /// Whether the embedding was there ("ready") or had to be made first ("made").
    pub embedding: EmbeddingSource,
}

/// An object that was drawn.
pub struct SavedObject {
    /// Its name, which becomes its category.
    pub name: String,
    /// Its colour on the page: #rrggbb.
    pub colour: String,
    /// Its mask.
    pub mask: CroppedMask,
    /// The clicks that it took.
    pub clicks: u32,
    /// The IoU that the model predicted.
    pub predicted_iou: Option<f64>,
}

/// What was saved of an image.
pub struct Corrections {
    /// How often it was saved; 0 if never.
    pub revision: u32,
    /// Its objects.
    pub objects: Vec<SavedObject>,
}

/// What shall be saved of an image.
pub struct SaveRequest {
    /// The revision that this edit began with.
    pub revision: u32,
    /// All of its objects.
    pub objects: Vec<SavedObject>,
}

/// What became of it.
pub struct Saved {
    /// The new revision.
    pub revision: u32,
    /// The file.
    pub file: String,
    /// How long it took.
    pub milliseconds: f64,
    /// What the form of the corrections will not hold of it.
    pub not_held: Option<String>,
}

/// A finding of the doctor.
pub struct Finding {
    /// Its name.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it means, and on how many records it was found.
    pub text: String,
    /// The first of them.
    pub records: Vec<usize>,
    /// The change of the data file that settles it.
    pub fix: Option<Fix>,
}

/// A change of the data file.
pub struct Fix {
    /// Its name in a request.
    pub id: String,
    /// The line.
    pub text: String,
    /// The lines that go (-), come (+) and stand around them.
    pub diff: String,
}

/// How far the doctor is.
pub struct DoctorState {
    /// Whether it was asked, works, is done, or could not.
    pub state: DoctorPhase,
    /// Records looked at.
    pub done: usize,
    /// Records of all sets.
    pub total: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Why it could not.
    pub error: Option<String>,
}

/// An image to be annotated.
pub struct QueueEntry {
    /// Its number.
    pub index: usize,
    /// Its name.
    pub id: String,
    /// How much it would teach: 0 to 1.
    pub score: f64,
    /// Why.
    pub why: String,
}

/// The images without masks, in the order in which they should be annotated.
pub struct Queue {
    /// By what they are ordered.
    pub order: Order,
    /// How many were measured.
    pub measured: usize,
    /// How many there are.
    pub total: usize,
    /// The first of them.
    pub entries: Vec<QueueEntry>,
}

/// A field of the form for training.
pub struct FormField {
    /// The key in `config.toml`.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// What it does.
    pub help: String,
    /// What may be given.
    pub kind: FieldKind,
    /// Where it is one of several: these.
    pub choices: Vec<String>,
    /// The value if none is given.
    pub default: String,
    /// The heading that it stands under.
    pub group: String,
    /// The flag of the command.
    pub flag: String,
}

/// Named settings.
pub struct FormPreset {
    /// The name.
    pub name: String,
    /// What it is for.
    pub help: String,
    /// The fields that it sets.
    #[cfg_attr(test, ts(type = "Record<string, string>"))]
    pub values: BTreeMap<String, String>,
}

/// The form for training.
pub struct TrainForm {
    /// Where to begin.
    pub presets: Vec<FormPreset>,
    /// The fields.
    pub fields: Vec<FormField>,
}

/// A training.
pub struct TrainRequest {
    /// The name of its folder.
    pub name: String,
    /// What it learns from.
    pub data: TrainData,
    /// The fields that differ from their defaults.
    #[cfg_attr(test, ts(type = "Record<string, string>"))]
    pub values: BTreeMap<String, String>,
}

/// What a training will take.
pub struct Forecast {
    /// In words.
    pub text: String,
    /// The most memory.
    pub memory_bytes: Option<usize>,
    /// The cache on disk.
    pub cache_bytes: Option<usize>,
    /// The time.
    pub seconds: Option<f64>,
    /// Why it would not begin.
    pub refusal: Option<String>,
}

/// A training that was started.
pub struct Job {
    /// Its name in addresses.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Its run's name.
    pub run: String,
    /// How it stands.
    pub state: JobState,
    /// When it began, RFC 3339.
    pub started: String,
    /// Epochs that are done.
    pub epoch: usize,
    /// Epochs of the run.
    pub epochs: usize,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps of an epoch; 0 while that is not known.
    pub steps: usize,
    /// How long it will take.
    pub seconds_left: Option<f64>,
    /// What it said last.
    pub last_line: String,
    /// Whether it can go on where it stopped.
    pub can_resume: bool,
}

/// A run in the list.
pub struct RunRow {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// How it stands.
    pub state: RunState,
    /// Epochs that are done.
    pub epochs_done: usize,
    /// Epochs of the run.
    pub epochs: usize,
    /// The best of them, from 0.
    pub best_epoch: Option<usize>,
    /// The mean IoU of the last validation.
    pub iou: Option<f64>,
    /// Its boundary IoU.
    pub boundary_iou: Option<f64>,
    /// The mean IoU of the model as it came, before the first step.
    pub before_iou: Option<f64>,
    /// The file of the best epoch's model, or else the newest.
    pub checkpoint: Option<String>,
    /// When it began, RFC 3339.
    pub started: Option<String>,
}

/// A curve.
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Steps.
    pub x: Vec<usize>,
    /// Values.
    pub y: Vec<Option<f64>>,
}

/// A number of a run, at its first validation and now.
pub struct Figure {
    /// What it is.
    pub name: String,
    /// After the first epoch that was validated.
    pub before: Option<f64>,
    /// After the last.
    pub now: Option<f64>,
}

/// An image of the last validation.
pub struct RunImage {
    /// Its name.
    pub id: String,
    /// Its number, where it is in this set.
    pub index: Option<usize>,
    /// Its IoU before the first step.
    pub before: Option<f64>,
    /// Its IoU.
    pub now: Option<f64>,
}

/// A run in full.
pub struct RunDetails {
    /// As in the list.
    pub row: RunRow,
    /// Losses and validations.
    pub curves: Vec<Curve>,
    /// Numbers.
    pub figures: Vec<Figure>,
    /// Images of the last validation.
    pub images: Vec<RunImage>,
    /// Addresses of its pictures.
    pub pictures: Vec<String>,
    /// The address of its page.
    pub report: Option<String>,
}

/// A model's file.
pub struct CheckpointRow {
    /// What it is called.
    pub name: String,
    /// Its path.
    pub path: String,
}

/// Two models on one image.
pub struct CompareRequest {
    /// The image.
    pub index: usize,
    /// The object, for the page.
    pub object: usize,
    /// What both are asked.
    pub prompts: PromptRequest,
    /// A run's name, or a file.
    pub a: String,
    /// Another.
    pub b: String,
}

/// What they answer.
pub struct CompareAnswer {
    /// Of the first.
    pub a: Proposal,
    /// Of the second.
    pub b: Proposal,
}

/// Whether an embedding was there.
#[serde(rename_all = "snake_case")]
pub enum EmbeddingSource {
    /// It was.
    Ready,
    /// It had to be made.
    Made,
}

/// How far an embedding is.
#[serde(rename_all = "snake_case")]
pub enum EmbeddingState {
    /// Nobody asked for it.
    None,
    /// It waits.
    Queued,
    /// It is being made.
    Making,
    /// It is there.
    Ready,
    /// It could not be made.
    Failed,
}

/// How bad a finding is.
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training would refuse it.
    Error,
    /// Probably a mistake.
    Warning,
    /// Good to know.
    Note,
}

/// How the doctor stands.
#[serde(rename_all = "snake_case")]
pub enum DoctorPhase {
    /// It was not asked.
    None,
    /// It works.
    Running,
    /// It is done.
    Ready,
    /// It could not.
    Failed,
}

/// By what the queue is ordered.
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By name.
    Name,
    /// By what the model is unsure of.
    Doubt,
}

/// What a field takes.
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// A text.
    Text,
    /// One of its choices.
    Choice,
    /// "true" or "false".
    Flag,
}

/// What a training learns from.
#[serde(rename_all = "snake_case")]
pub enum TrainData {
    /// The set as it was opened.
    Set,
    /// What was saved here.
    Corrections,
    /// Both; of an image that has corrections, these.
    Both,
}

/// What a job does.
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// It trains.
    Train,
}

/// How a job stands.
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It works.
    Running,
    /// It stands still, with all that it holds in memory.
    Paused,
    /// It was asked to stop and saves its state.
    Stopping,
    /// All epochs are done.
    Finished,
    /// It was stopped.
    Stopped,
    /// It ended with an error.
    Failed,
}

/// How a run stands.
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process works on it.
    Running,
    /// All epochs are done, or validations were no better.
    Finished,
    /// It was stopped before its end.
    Interrupted,
}

/// What all windows are told.
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// An embedding went on.
    Embedding {
        /// The image.
        index: usize,
        /// How far.
        state: EmbeddingState,
        /// Why not.
        error: Option<String>,
    },
    /// A job went on.
    Job {
        /// How it stands.
        job: Job,
    },
    /// The model to click with.
    Model {
        /// The model.
        model: Option<ModelInfo>,
        /// Whether another is being read.
        loading: bool,
        /// Why it could not be.
        error: Option<String>,
    },
    /// A window saved an image.
    Saved {
        /// The image.
        index: usize,
        /// The new revision.
        revision: u32,
        /// The window.
        client: String,
    },
    /// A window opened an image.
    Opened {
        /// The image.
        index: usize,
        /// The window.
        client: String,
    },
    /// The doctor went on.
    Doctor {
        /// Records looked at.
        done: usize,
        /// Records of all sets.
        total: usize,
        /// How it stands.
        state: DoctorPhase,
    },
    /// The queue measured an image.
    Queue {
        /// How many were measured.
        measured: usize,
        /// How many there are.
        total: usize,
    },
    /// The data changed.
    SetChanged,
}
}
