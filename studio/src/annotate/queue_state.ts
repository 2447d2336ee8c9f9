/** The images that wait to be annotated, in the order that was chosen, and the way through them. */
import { computed, signal } from "@preact/signals";
import type { Queue, QueueEntry } from "../api";
import * as calls from "../server/calls";
import { live } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { counted } from "../shell/figures";
import { notify, say } from "../shell/notices";
import { remembered } from "../shell/remembered";
import { go, hashOf } from "../shell/route";
import { save, savedHere } from "./outbox";
import { answeredAll, answering, row } from "./session";

export const order = remembered<"doubt" | "name">("queue-order", "doubt");
export const queue = signal<Queue | null>(null);
/** All images, where none waits. */
export const labelled = signal<readonly QueueEntry[]>([]);
/** What was annotated here since the page was opened, before what waits. */
export const behind = signal<readonly QueueEntry[]>([]);

const LIMIT = 200;
const BEHIND_KEPT = 100;
let asking: AbortController | null = null;

/** What is listed: what was done here, then what waits. */
export const entries = computed<readonly QueueEntry[]>(() => {
  const done = new Set(behind.value.map((entry) => entry.index));
  const waits = [...(queue.value?.entries ?? []), ...labelled.value];
  return [...behind.value, ...waits.filter((entry) => !done.has(entry.index))];
});

/** Reads the queue anew. The list keeps what was done here above it, so that nothing jumps below the eyes. */
export async function readQueue(): Promise<void> {
  asking?.abort();
  const stop = new AbortController();
  asking = stop;
  try {
    const found = await calls.queue(order.value, LIMIT, stop.signal);
    const all = found.entries.length === 0 ? await everyImage(stop.signal) : [];
    queue.value = found;
    labelled.value = all;
    live.value = { ...live.value, queue: { measured: found.measured, total: found.total } };
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  }
}

/** A set whose images all have masks has no queue: its images are listed, so that there is something to click. */
async function everyImage(stop: AbortSignal): Promise<QueueEntry[]> {
  const { rows } = await calls.records(`offset=0&limit=${LIMIT}`, stop);
  return rows
    .filter((each) => each.refused === null)
    .map(({ index, id, objects, corrected }) => ({
      index,
      id,
      score: 0,
      why: corrected > 0 ? `${counted(corrected, "object")} saved` : counted(objects ?? 0, "mask"),
    }));
}

export function setOrder(next: "doubt" | "name"): void {
  order.value = next;
  void readQueue();
}

/** The image after or before the one on the stage; null at the ends. */
export function neighbour(by: 1 | -1): number | null {
  const list = entries.value;
  const here = list.findIndex((entry) => entry.index === row.value?.index);
  if (here < 0) return list[0]?.index ?? null;
  return list[here + by]?.index ?? null;
}

/**
 * The next image that was not saved here: by name the one after this, by doubt the one that would teach most now, for
 * measuring goes on and what was above may have been below before.
 */
export function nextWaiting(): number | null {
  const list = entries.value;
  if (order.value === "doubt") {
    const seen = new Set(behind.value.map((entry) => entry.index));
    const first = list.find(
      ({ index }) => index !== row.value?.index && !seen.has(index) && !savedHere.value.has(index),
    );
    if (first !== undefined) return first.index;
  }
  const here = list.findIndex((entry) => entry.index === row.value?.index);
  const ahead = [...list.slice(here + 1), ...list.slice(0, Math.max(here, 0))];
  return ahead.find((entry) => !savedHere.value.has(entry.index))?.index ?? null;
}

/** Saves what is on the stage and goes on at once: a save that fails comes back as a notice, its edits are kept. */
export async function saveAndNext(): Promise<void> {
  const begun = row.value;
  if (answering.value) await answeredAll();
  // The image was left while its answer was awaited.
  if (row.value !== begun) return;
  const record = row.value;
  const next = nextWaiting();
  const saved = save();
  if (record !== null) {
    const entry = entries.value.find((other) => other.index === record.index);
    const done = entry ?? { index: record.index, id: record.id, score: 0, why: "" };
    behind.value = [...behind.value.filter((other) => other.index !== record.index), done].slice(-BEHIND_KEPT);
  }
  if (next === null) {
    await saved;
    await readQueue();
    say("That was the last image of the queue");
    return;
  }
  go(hashOf("annotate", [next]));
  await saved;
  if (entries.value.length - behind.value.length < LIMIT / 10) await readQueue();
}
