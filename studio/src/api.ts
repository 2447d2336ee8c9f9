/** What the server and the page say to each other. `crates/maskwright-studio/src/api.rs` has the same types. */

export interface Size {
  height: number;
  width: number;
}
/** A mask cut to its box: row-major runs over the box (height*width pixels), beginning with background. Empty mask: width = height = 0, runs []. */
export interface CroppedMask {
  x: number;
  y: number;
  width: number;
  height: number;
  runs: number[];
}
export interface ModelInfo {
  checkpoint: string;
  name: string /* file stem */;
  kind: string /* "vit_b + HQ" */;
  input_size: number;
  has_hq: boolean;
}
export interface State {
  version: string;
  set: { name: string; images: number; sets: string[]; categories: string[] };
  model: ModelInfo | null;
  model_missing: string | null; // what to do to get one
  model_loading: boolean;
  corrections: { folder: string; format: "masks" | "instances" | "coco"; images: number; objects: number };
  runs_folder: string;
  cores: number;
}
export interface RecordRow {
  index: number; // its number in the set: the id in every address
  id: string; // the record's name
  set: string;
  size: Size | null; // null: header not read yet or broken
  objects: number | null; // masks that the set has for it
  categories: string[];
  refused: string | null; // why it cannot be read
  corrected: number; // objects saved in the corrections set
  predicted_iou: number | null; // of the studio's own queue pass, if made
}
export interface Records {
  total: number;
  offset: number;
  rows: RecordRow[];
}
// GET /api/records?offset&limit(<=500)&set=&category=&mask=with|without|any&text=&min_side=&max_side=&finding=&min_iou=&max_iou=&order=name|doubt
export interface ObjectMask {
  object: number;
  category: string | null;
  mask: CroppedMask;
}
export interface Point {
  x: number;
  y: number;
  positive: boolean;
} // pixels of the upright original image, x right, y down, pixel centres at .5
export interface PromptRequest {
  points: Point[];
  box: [number, number, number, number] | null; // xyxy
  previous: CroppedMask | null; // a mask as prompt, over the original image
  proposals: boolean; // three masks for an ambiguous prompt
}
export interface Proposal {
  mask: CroppedMask;
  predicted_iou: number;
  area: number;
}
export interface Answer {
  proposals: Proposal[] /* best first */;
  milliseconds: number;
  embedding: "ready" | "made";
}
export interface SavedObject {
  name: string;
  colour: string /* #rrggbb */;
  mask: CroppedMask;
  clicks: number;
  predicted_iou: number | null;
}
export interface Corrections {
  revision: number /* 0: none saved */;
  objects: SavedObject[];
}
export interface SaveRequest {
  revision: number /* the one this edit began with; another one saved meanwhile: 409, code "conflict", the newer in `current` */;
  objects: SavedObject[];
}
export interface Saved {
  revision: number;
  file: string;
  milliseconds: number;
}
export interface QueueEntry {
  index: number;
  id: string;
  score: number;
  why: string;
}
export interface Queue {
  order: "name" | "doubt";
  measured: number;
  total: number;
  entries: QueueEntry[];
}
export type EmbeddingState = "none" | "queued" | "making" | "ready" | "failed";
export interface FormField {
  key: string /* dotted key of config.toml */;
  label: string;
  help: string;
  kind: "number" | "integer" | "text" | "choice" | "flag";
  choices: string[];
  default: string;
  group: string;
  flag: string;
}
export interface TrainForm {
  presets: { name: string; help: string; values: Record<string, string> }[];
  fields: FormField[];
}
export interface TrainRequest {
  name: string /* run folder's name, one path part */;
  data: "set" | "corrections" | "both";
  values: Record<string, string>;
}
export interface Forecast {
  text: string /* the dry run's own lines */;
  memory_bytes: number | null;
  cache_bytes: number | null;
  seconds: number | null;
  refusal: string | null;
}
export type JobState = "running" | "stopping" | "finished" | "stopped" | "failed";
export interface Job {
  id: string;
  kind: "train" | "evaluate";
  run: string;
  state: JobState;
  started: string /* RFC 3339 */;
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
  seconds_left: number | null;
  last_line: string;
  can_resume: boolean;
}
export interface RunRow {
  name: string;
  folder: string;
  state: "running" | "finished" | "interrupted";
  epochs_done: number;
  epochs: number;
  best_epoch: number | null;
  iou: number | null;
  boundary_iou: number | null;
  before_iou: number | null;
  checkpoint: string | null;
  started: string | null;
}
export interface Curve {
  name: string;
  x: number[];
  y: (number | null)[];
}
export interface RunDetails {
  row: RunRow;
  curves: Curve[];
  figures: { name: string; before: number | null; now: number | null }[];
  images: { id: string; index: number | null; before: number | null; now: number | null }[];
  pictures: string[] /* addresses */;
  report: string | null /* address of its page */;
}
export interface Finding {
  code: string;
  severity: "error" | "warning" | "note";
  text: string;
  records: number[];
  fix: { id: string; text: string; diff: string } | null;
}
export interface DoctorState {
  state: "none" | "running" | "ready" | "failed";
  done: number;
  total: number;
  findings: Finding[];
  error: string | null;
}
export type Event =
  | { type: "embedding"; index: number; state: EmbeddingState; error: string | null }
  | { type: "job"; job: Job }
  | { type: "model"; model: ModelInfo | null; loading: boolean; error: string | null }
  | { type: "saved"; index: number; revision: number; client: string } // another window saved this image
  | { type: "opened"; index: number; client: string } // another window has this image open
  | { type: "doctor"; done: number; total: number; state: string }
  | { type: "queue"; measured: number; total: number }
  | { type: "set_changed" };

/** POST /api/compare: the same prompts to two models. */
export interface CompareRequest {
  index: number;
  object: number;
  prompts: PromptRequest;
  a: string;
  b: string;
}
export interface CompareAnswer {
  a: Proposal;
  b: Proposal;
}
export interface CheckpointRow {
  name: string;
  path: string;
}
