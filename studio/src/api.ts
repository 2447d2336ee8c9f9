// The types of the studio's API. A test of crates/maskwright-studio writes this file from src/api.rs:
// UPDATE_API=1 cargo test -p maskwright-studio typescript

export type Size = { 
/**
 * Rows.
 */
height: number, 
/**
 * Columns.
 */
width: number, };

export type CroppedMask = { 
/**
 * The box's first column.
 */
x: number, 
/**
 * The box's first row.
 */
y: number, 
/**
 * The box's columns.
 */
width: number, 
/**
 * The box's rows.
 */
height: number, 
/**
 * Pixels of background, of foreground, of background, ...; their sum is width x height.
 */
runs: Array<number>, };

export type ModelInfo = { 
/**
 * Its file.
 */
checkpoint: string, 
/**
 * The file's name without its ending.
 */
name: string, 
/**
 * Its size and its heads, such as "vit_b + HQ".
 */
kind: string, 
/**
 * The side of its square input in pixels.
 */
input_size: number, 
/**
 * Whether it has an HQ head.
 */
has_hq: boolean, };

export type SetInfo = { 
/**
 * The name of the data.
 */
name: string, 
/**
 * How many images.
 */
images: number, 
/**
 * The names of its sets.
 */
sets: Array<string>, 
/**
 * The names of its categories, as far as they are known.
 */
categories: Array<string>, };

export type CorrectionsInfo = { 
/**
 * The folder.
 */
folder: string, 
/**
 * In which form training reads them: "coco", "masks" or "instances".
 */
format: string, 
/**
 * What that form does not hold of them, as words.
 */
left_out: Array<string>, 
/**
 * Images that were saved with objects.
 */
images: number, 
/**
 * Their objects.
 */
objects: number, };

export type State = { 
/**
 * The program's version.
 */
version: string, 
/**
 * The data.
 */
set: SetInfo, 
/**
 * The model to click with.
 */
model: ModelInfo | null, 
/**
 * Without a model: what is to be done to get one.
 */
model_missing: string | null, 
/**
 * Whether a model is being read.
 */
model_loading: boolean, 
/**
 * The corrections.
 */
corrections: CorrectionsInfo, 
/**
 * The folder of the runs.
 */
runs_folder: string, 
/**
 * How many threads the machine runs at once.
 */
cores: number, };

export type RecordRow = { 
/**
 * Its number in the set, by which addresses name it.
 */
index: number, 
/**
 * Its name.
 */
id: string, 
/**
 * The name of its set.
 */
set: string, 
/**
 * The size of the upright image; none where it cannot be read.
 */
size: Size | null, 
/**
 * How many masks the set has of it; none where that cannot be read.
 */
objects: number | null, 
/**
 * The names of its objects' categories.
 */
categories: Array<string>, 
/**
 * Why it cannot be read.
 */
refused: string | null, 
/**
 * How many objects were saved as corrections.
 */
corrected: number, 
/**
 * The IoU that the model predicts of its own masks, where the queue has measured it.
 */
predicted_iou: number | null, };

export type Records = { 
/**
 * How many pass the filters.
 */
total: number, 
/**
 * The first of these.
 */
offset: number, 
/**
 * These.
 */
rows: Array<RecordRow>, };

export type ObjectMask = { 
/**
 * The object's number in its record.
 */
object: number, 
/**
 * The name of its category.
 */
category: string | null, 
/**
 * The mask.
 */
mask: CroppedMask, };

export type Point = { 
/**
 * To the right.
 */
x: number, 
/**
 * Down.
 */
y: number, 
/**
 * Whether it adds.
 */
positive: boolean, };

export type PromptRequest = { 
/**
 * Clicks.
 */
points: Array<Point>, 
/**
 * A box: left, top, right, bottom.
 */
box: [number, number, number, number] | null, 
/**
 * A mask that is near.
 */
previous: CroppedMask | null, 
/**
 * Whether three masks are wanted for a prompt that may mean several things.
 */
proposals: boolean, };

export type Proposal = { 
/**
 * The mask.
 */
mask: CroppedMask, 
/**
 * The IoU that the model predicts.
 */
predicted_iou: number, 
/**
 * Its pixels.
 */
area: number, };

export type Answer = { 
/**
 * The masks, the best first.
 */
proposals: Array<Proposal>, 
/**
 * How long the masks took, without the embedding.
 */
milliseconds: number, 
/**
 * Whether the embedding was there ("ready") or had to be made first ("made").
 */
embedding: EmbeddingSource, };

export type SavedObject = { 
/**
 * Its name, which becomes its category.
 */
name: string, 
/**
 * Its colour on the page: #rrggbb.
 */
colour: string, 
/**
 * Its mask.
 */
mask: CroppedMask, 
/**
 * The clicks that it took.
 */
clicks: number, 
/**
 * The IoU that the model predicted.
 */
predicted_iou: number | null, };

export type Corrections = { 
/**
 * How often it was saved; 0 if never.
 */
revision: number, 
/**
 * Its objects.
 */
objects: Array<SavedObject>, };

export type SaveRequest = { 
/**
 * The revision that this edit began with.
 */
revision: number, 
/**
 * All of its objects.
 */
objects: Array<SavedObject>, };

export type Saved = { 
/**
 * The new revision.
 */
revision: number, 
/**
 * The file.
 */
file: string, 
/**
 * How long it took.
 */
milliseconds: number, 
/**
 * What the form of the corrections will not hold of it.
 */
not_held: string | null, };

export type Finding = { 
/**
 * Its name.
 */
code: string, 
/**
 * How bad it is.
 */
severity: Severity, 
/**
 * What it means, and on how many records it was found.
 */
text: string, 
/**
 * The first of them.
 */
records: Array<number>, 
/**
 * The change of the data file that settles it.
 */
fix: Fix | null, };

export type Fix = { 
/**
 * Its name in a request.
 */
id: string, 
/**
 * The line.
 */
text: string, 
/**
 * The lines that go (-), come (+) and stand around them.
 */
diff: string, };

export type DoctorState = { 
/**
 * Whether it was asked, works, is done, or could not.
 */
state: DoctorPhase, 
/**
 * Records looked at.
 */
done: number, 
/**
 * Records of all sets.
 */
total: number, 
/**
 * What was found.
 */
findings: Array<Finding>, 
/**
 * Why it could not.
 */
error: string | null, };

export type QueueEntry = { 
/**
 * Its number.
 */
index: number, 
/**
 * Its name.
 */
id: string, 
/**
 * How much it would teach: 0 to 1.
 */
score: number, 
/**
 * Why.
 */
why: string, };

export type Queue = { 
/**
 * By what they are ordered.
 */
order: Order, 
/**
 * How many were measured.
 */
measured: number, 
/**
 * How many there are.
 */
total: number, 
/**
 * The first of them.
 */
entries: Array<QueueEntry>, };

export type FormField = { 
/**
 * The key in `config.toml`.
 */
key: string, 
/**
 * What it is called.
 */
label: string, 
/**
 * What it does.
 */
help: string, 
/**
 * What may be given.
 */
kind: FieldKind, 
/**
 * Where it is one of several: these.
 */
choices: Array<string>, 
/**
 * The value if none is given.
 */
default: string, 
/**
 * The heading that it stands under.
 */
group: string, 
/**
 * The flag of the command.
 */
flag: string, };

export type FormPreset = { 
/**
 * The name.
 */
name: string, 
/**
 * What it is for.
 */
help: string, 
/**
 * The fields that it sets.
 */
values: Record<string, string>, };

export type TrainForm = { 
/**
 * Where to begin.
 */
presets: Array<FormPreset>, 
/**
 * The fields.
 */
fields: Array<FormField>, };

export type TrainRequest = { 
/**
 * The name of its folder.
 */
name: string, 
/**
 * What it learns from.
 */
data: TrainData, 
/**
 * The fields that differ from their defaults.
 */
values: Record<string, string>, };

export type Forecast = { 
/**
 * In words.
 */
text: string, 
/**
 * The most memory.
 */
memory_bytes: number | null, 
/**
 * The cache on disk.
 */
cache_bytes: number | null, 
/**
 * The time.
 */
seconds: number | null, 
/**
 * Why it would not begin.
 */
refusal: string | null, };

export type Job = { 
/**
 * Its name in addresses.
 */
id: string, 
/**
 * What it does.
 */
kind: JobKind, 
/**
 * Its run's name.
 */
run: string, 
/**
 * How it stands.
 */
state: JobState, 
/**
 * When it began, RFC 3339.
 */
started: string, 
/**
 * Epochs that are done.
 */
epoch: number, 
/**
 * Epochs of the run.
 */
epochs: number, 
/**
 * Steps done in this epoch.
 */
step: number, 
/**
 * Steps of an epoch; 0 while that is not known.
 */
steps: number, 
/**
 * How long it will take.
 */
seconds_left: number | null, 
/**
 * What it said last.
 */
last_line: string, 
/**
 * Whether it can go on where it stopped.
 */
can_resume: boolean, };

export type RunRow = { 
/**
 * Its folder's name.
 */
name: string, 
/**
 * Its folder.
 */
folder: string, 
/**
 * How it stands.
 */
state: RunState, 
/**
 * Epochs that are done.
 */
epochs_done: number, 
/**
 * Epochs of the run.
 */
epochs: number, 
/**
 * The best of them, from 0.
 */
best_epoch: number | null, 
/**
 * The mean IoU of the last validation.
 */
iou: number | null, 
/**
 * Its boundary IoU.
 */
boundary_iou: number | null, 
/**
 * The mean IoU of the model as it came, before the first step.
 */
before_iou: number | null, 
/**
 * The file of the best epoch's model, or else the newest.
 */
checkpoint: string | null, 
/**
 * When it began, RFC 3339.
 */
started: string | null, };

export type Curve = { 
/**
 * What it shows.
 */
name: string, 
/**
 * Steps.
 */
x: Array<number>, 
/**
 * Values.
 */
y: Array<number | null>, };

export type Figure = { 
/**
 * What it is.
 */
name: string, 
/**
 * After the first epoch that was validated.
 */
before: number | null, 
/**
 * After the last.
 */
now: number | null, };

export type RunImage = { 
/**
 * Its name.
 */
id: string, 
/**
 * Its number, where it is in this set.
 */
index: number | null, 
/**
 * Its IoU before the first step.
 */
before: number | null, 
/**
 * Its IoU.
 */
now: number | null, };

export type RunDetails = { 
/**
 * As in the list.
 */
row: RunRow, 
/**
 * Losses and validations.
 */
curves: Array<Curve>, 
/**
 * Numbers.
 */
figures: Array<Figure>, 
/**
 * Images of the last validation.
 */
images: Array<RunImage>, 
/**
 * Addresses of its pictures.
 */
pictures: Array<string>, 
/**
 * The address of its page.
 */
report: string | null, };

export type CheckpointRow = { 
/**
 * What it is called.
 */
name: string, 
/**
 * Its path.
 */
path: string, };

export type CompareRequest = { 
/**
 * The image.
 */
index: number, 
/**
 * The object, for the page.
 */
object: number, 
/**
 * What both are asked.
 */
prompts: PromptRequest, 
/**
 * A run's name, or a file.
 */
a: string, 
/**
 * Another.
 */
b: string, };

export type CompareAnswer = { 
/**
 * Of the first.
 */
a: Proposal, 
/**
 * Of the second.
 */
b: Proposal, };

export type EmbeddingSource = "ready" | "made";

export type EmbeddingState = "none" | "queued" | "making" | "ready" | "failed";

export type Severity = "error" | "warning" | "note";

export type DoctorPhase = "none" | "running" | "ready" | "failed";

export type Order = "name" | "doubt";

export type FieldKind = "number" | "integer" | "text" | "choice" | "flag";

export type TrainData = "set" | "corrections" | "both";

export type JobKind = "train";

export type JobState = "running" | "paused" | "stopping" | "finished" | "stopped" | "failed";

export type RunState = "running" | "finished" | "interrupted";

export type Event = { "type": "embedding", 
/**
 * The image.
 */
index: number, 
/**
 * How far.
 */
state: EmbeddingState, 
/**
 * Why not.
 */
error: string | null, } | { "type": "job", 
/**
 * How it stands.
 */
job: Job, } | { "type": "model", 
/**
 * The model.
 */
model: ModelInfo | null, 
/**
 * Whether another is being read.
 */
loading: boolean, 
/**
 * Why it could not be.
 */
error: string | null, } | { "type": "saved", 
/**
 * The image.
 */
index: number, 
/**
 * The new revision.
 */
revision: number, 
/**
 * The window.
 */
client: string, } | { "type": "opened", 
/**
 * The image.
 */
index: number, 
/**
 * The window.
 */
client: string, } | { "type": "doctor", 
/**
 * Records looked at.
 */
done: number, 
/**
 * Records of all sets.
 */
total: number, 
/**
 * How it stands.
 */
state: DoctorPhase, } | { "type": "queue", 
/**
 * How many were measured.
 */
measured: number, 
/**
 * How many there are.
 */
total: number, } | { "type": "set_changed" };
