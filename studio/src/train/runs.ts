/** The runs and their details, read anew while jobs go on: at each epoch, and not more often than every two seconds. */
import { signal } from "@preact/signals";
import { COLOURS } from "../annotate/document";
import type { Job, RunDetails, RunRow } from "../api";
import * as calls from "../server/calls";
import { connections, onEvent } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { notify } from "../shell/notices";

export const runs = signal<readonly RunRow[] | null>(null);
/** The runs that are shown side by side; at most six. */
export const selected = signal<readonly string[]>([]);
const details = signal<ReadonlyMap<string, RunDetails>>(new Map());

export const MOST_SHOWN = 6;
const PAUSE = 2000;

export function detailsOf(name: string): RunDetails | null {
  return details.value.get(name) ?? null;
}

/** A run's colour is that of its place among those shown, so that two lines never share one. */
export function runColour(name: string): string {
  const place = selected.value.indexOf(name);
  return place < 0 ? "#96a2b2" : (COLOURS[place % COLOURS.length] ?? COLOURS[0]);
}

export function toggleRun(name: string): void {
  selected.value = selected.value.includes(name)
    ? selected.value.filter((other) => other !== name)
    : [...selected.value, name].slice(-MOST_SHOWN);
}

export async function readRuns(): Promise<void> {
  try {
    const rows = await calls.runs();
    runs.value = rows;
    if (selected.value.length === 0) {
      const first = rows.find((row) => row.state === "running") ?? rows[0];
      if (first !== undefined) selected.value = [first.name];
    }
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  }
}

/** Whether the run's folder has something to read: a training that was just started has written nothing. */
function written(name: string): boolean {
  return runs.peek()?.some((row) => row.name === name) ?? false;
}

/** The runs, and those that have begun or failed before they wrote anything. */
export function withJobs(rows: readonly RunRow[], jobs: readonly Job[]): readonly RunRow[] {
  const known = new Set(rows.map((row) => row.name));
  // One that was stopped and has no folder is a run that was deleted.
  const early = jobs.filter(
    (job) => !known.has(job.run) && ["running", "paused", "stopping", "failed"].includes(job.state),
  );
  return [
    ...early.map((job) => ({
      name: job.run,
      folder: "",
      state: job.state === "failed" ? ("interrupted" as const) : ("running" as const),
      epochs_done: job.epoch,
      epochs: job.epochs,
      best_epoch: null,
      iou: null,
      boundary_iou: null,
      before_iou: null,
      checkpoint: null,
      started: job.started === "" ? null : job.started,
    })),
    ...rows,
  ];
}

async function readDetails(names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      const found = await calls.run(name);
      details.value = new Map(details.value).set(name, found);
    } catch (error) {
      // A run folder that was deleted meanwhile leaves the list.
      if (problemOf(error).status === 404) selected.value = selected.value.filter((other) => other !== name);
      else if (!isAbort(error)) notify(problemOf(error));
    }
  }
}

/** Keeps the runs fresh while a view shows them. */
export function watchRuns(): () => void {
  let timer = 0;
  let last = 0;
  let stopped = false;
  const read = async () => {
    timer = 0;
    last = Date.now();
    await readRuns();
    if (!stopped) await readDetails(selected.value.filter(written));
  };
  const soon = () => {
    if (timer === 0) timer = window.setTimeout(() => void read(), Math.max(0, last + PAUSE - Date.now()));
  };
  const ends = [
    onEvent((event) => {
      if (event.type === "job") soon();
    }),
    connections.subscribe(soon),
    selected.subscribe((names) => void readDetails(names.filter((name) => written(name) && !details.peek().has(name)))),
  ];
  return () => {
    stopped = true;
    clearTimeout(timer);
    ends.forEach((end) => {
      end();
    });
    details.value = new Map();
  };
}
