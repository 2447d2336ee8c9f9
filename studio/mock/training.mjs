/** The mock's trainings: a dozen epochs in a few seconds, with everything that the page shows of them. */
import { curves, model } from "./world.mjs";

const EPOCHS = 12;
const STEPS = 20;
const TICK = Number(process.env.MOCK_TICK ?? 40);

export const FORM = {
  presets: [
    {
      name: "quick",
      help: "The HQ head alone on cached embeddings; minutes on a laptop.",
      values: { "train.epochs": "12" },
    },
    {
      name: "careful",
      help: "The HQ head with four augmented views of each image; an hour.",
      values: { "train.epochs": "48", "cache.views": "4" },
    },
    {
      name: "everything",
      help: "All of the model, for a graphics card with 24 GiB.",
      values: { "train.what": "all", "train.learning_rate": "1e-5" },
    },
  ],
  fields: [
    field("train.epochs", "epochs", "integer", "12", "Length", "--max-epoch-num", "How many times each image is seen."),
    field(
      "train.batch_size",
      "images in a step",
      "integer",
      "4",
      "Length",
      "--batch-size-train",
      "More need more memory and are less noisy.",
    ),
    field(
      "train.learning_rate",
      "learning rate",
      "number",
      "1e-3",
      "Optimiser",
      "--learning-rate",
      "How far a step goes.",
    ),
    field(
      "train.what",
      "what is trained",
      "choice",
      "hq",
      "Model",
      "--train",
      "The HQ head alone, the decoder too, or all.",
      ["hq", "decoder", "all"],
    ),
    field(
      "cache.views",
      "cached views",
      "integer",
      "1",
      "Cache",
      "--cache-views",
      "Augmented views of each image whose embeddings are kept.",
    ),
    field(
      "cache.half",
      "cache in half precision",
      "flag",
      "true",
      "Cache",
      "--cache-half",
      "Halves the cache; the difference is below the noise.",
    ),
    field(
      "prompts.kinds",
      "prompts",
      "text",
      "box,points,noise_mask",
      "Prompts",
      "--prompts",
      "The kinds of prompts, each with the same weight.",
    ),
  ],
};

function field(key, label, kind, standard, group, flag, help, choices = []) {
  return { key, label, help, kind, choices, default: standard, group, flag };
}

export function forecast(world, request) {
  const views = Number(request.values["cache.views"] ?? 1);
  const epochs = Number(request.values["train.epochs"] ?? 12);
  const all = request.values["train.what"] === "all";
  return {
    text: `images      ${request.data === "corrections" ? world.state().corrections.images : world.images}\nviews       ${views}\nepochs      ${epochs}\nstep        0.21 s`,
    memory_bytes: (all ? 21 : 2.6) * 2 ** 30,
    cache_bytes: views * 310 * 2 ** 20,
    seconds: epochs * 22 * views,
    refusal: all ? "expected at least 21 GiB of memory, found 16 GiB" : null,
  };
}

export function begin(world, name) {
  const run = {
    name,
    seed: world.runs.length + 4,
    rate: 0.35 + 0.08 * (world.runs.length % 3),
    done: 0,
    epochs: EPOCHS,
    state: "running",
    started: new Date().toISOString(),
    before: 0.861,
  };
  world.runs.unshift(run);
  return go(world, run, `job-${world.jobs.length + 1}`);
}

export function go(world, run, id) {
  const job = {
    id,
    kind: "train",
    run: run.name,
    state: "running",
    started: run.started,
    epoch: run.done,
    epochs: EPOCHS,
    step: 0,
    steps: STEPS,
    seconds_left: null,
    last_line: "reading the cache",
    can_resume: false,
  };
  world.jobs = [job, ...world.jobs.filter((other) => other.id !== id)];
  run.state = "running";
  const timer = setInterval(() => {
    if (job.state === "paused") return;
    job.can_resume = false;
    job.step++;
    if (job.state === "stopping") return end("stopped", "interrupted");
    if (job.step >= STEPS) {
      job.step = 0;
      job.epoch++;
      run.done = job.epoch;
      if (job.epoch >= EPOCHS) return end("finished", "finished");
    }
    job.seconds_left = ((EPOCHS - job.epoch) * STEPS - job.step) * (TICK / 1000);
    job.last_line = `epoch ${job.epoch}: loss ${(0.08 + 0.4 * Math.exp(-job.epoch * run.rate)).toFixed(4)}, 5.2 images/s`;
    if (job.step % 4 === 0) world.send({ type: "job", job });
  }, TICK);
  const end = (state, runState) => {
    clearInterval(timer);
    job.state = state;
    job.seconds_left = null;
    job.can_resume = state === "stopped";
    run.state = runState;
    world.send({ type: "job", job });
  };
  world.send({ type: "job", job });
  return job;
}

export function runRow(run) {
  const [iou, boundary] = curves(Math.max(run.done, 1), run.seed, run.rate).map((curve) => curve.y.at(-1));
  return {
    name: run.name,
    folder: `runs/${run.name}`,
    state: run.state,
    epochs_done: run.done,
    epochs: run.epochs,
    best_epoch: run.done > 0 ? run.done - 1 : null,
    iou: run.done > 0 ? iou : null,
    boundary_iou: run.done > 0 ? boundary : null,
    before_iou: run.before,
    checkpoint: run.done > 0 ? model(run.name, 0).info.checkpoint : null,
    started: run.started,
  };
}

export function details(world, run) {
  const row = runRow(run);
  const images = [...Array(Math.min(world.images, 40)).keys()]
    .filter((index) => index % 4 === 0)
    .map((index) => ({
      id: world.row(index).id,
      index,
      before: 0.7 + ((index * 13) % 23) / 100,
      now: 0.78 + ((index * 29) % 17) / 100,
    }));
  return {
    row,
    curves: run.done > 0 ? curves(run.done, run.seed, run.rate) : [],
    figures: [
      { name: "box, IoU", before: run.before, now: row.iou },
      { name: "box, boundary IoU", before: run.before === null ? null : 0.77, now: row.boundary_iou },
      { name: "clicks for IoU 0.9", before: 3.9, now: 2.1 },
    ],
    images: run.before === null ? [] : images,
    pictures: [...Array(Math.min(run.done, 6)).keys()].map(
      (epoch) => `/api/runs/${run.name}/files/validation_${epoch}.png`,
    ),
    report: null,
  };
}
