/**
 * The image that is annotated: its objects and their history, what the model is asked, and what becomes of answers that
 * come late. What is saved is in `outbox.ts`.
 */
import { computed, effect, signal } from "@preact/signals";
import type { Corrections, Proposal, RecordRow } from "../api";
import * as calls from "../server/calls";
import { client } from "../server/client";
import { live, onEvent, state } from "../server/events";
import { reduce } from "../server/live";
import { isAbort, problemOf } from "../server/problem";
import { notify, say } from "../shell/notices";
import { type Picture, pictureOf } from "../view/picture";
import { active, add, answered, type Doc, fromSaved, type Item, NOTHING, request, select } from "./document";
import * as drafts from "./drafts";
import { amend, type History, redo, start, step, undo } from "./history";

export const row = signal<RecordRow | null>(null);
export const picture = signal<Picture | null>(null);
export const history = signal<History<Doc>>(start(NOTHING));
/** The revision that this edit began with. */
export const revision = signal(0);
/** The document as the server has it. */
export const savedDoc = signal<Doc>(NOTHING);
export const loading = signal(false);
export const answering = signal(false);
/** Of the last answer: its time here, from the click to the mask, and the server's own. */
export const lastAnswer = signal<{ here: number; server: number; embedding: "ready" | "made" } | null>(null);
export const conflict = signal<Corrections | null>(null);
export const restored = signal<number | null>(null);
/** Proposals of "everything", while they are looked through. */
export const everything = signal<readonly Proposal[] | null>(null);
/** Whether the mask so far goes to the model with each click. */
export const withPrevious = signal(false);

export const doc = computed(() => history.value.present);
export const item = computed<Item | null>(() => active(doc.value));
export const dirty = computed(() => doc.value.items !== savedDoc.value.items);

let ask: AbortController | null = null;
let opening: AbortController | null = null;
let greeted = new Set<string>();

export function draftKey(record: RecordRow): string {
  return `${setKey()}/${record.id}`;
}

/** What is before the record's name in the keys of this set's drafts. */
export function setKey(): string {
  const now = state.value;
  return now === null ? "" : `${now.set.name}|${now.corrections.folder}`;
}

/** Shows an image: its picture, what was saved of it, and the edits that were not. */
export async function open(index: number): Promise<void> {
  if (row.value?.index === index) return;
  opening?.abort();
  ask?.abort();
  const stop = new AbortController();
  opening = stop;
  loading.value = true;
  reset();
  try {
    const record = await calls.row(index, stop.signal);
    row.value = record;
    picture.value = record.refused === null ? pictureOf(record) : null;
    if (live.value.model !== null && record.refused === null) void askEmbedding(index, stop.signal);
    const [saved, draft] = await Promise.all([calls.corrections(index, stop.signal), drafts.read(draftKey(record))]);
    if (stop.signal.aborted) return;
    adopt(saved, draft);
    loading.value = false;
    askAgain();
    greeted = new Set();
    calls.open(index, client).catch(() => {});
  } catch (error) {
    if (isAbort(error)) return;
    loading.value = false;
    notify(problemOf(error));
  }
}

/** Shows the picture of the image again: other views may have thrown it away, or it could not be read before. */
export function showPicture(): void {
  const record = row.value;
  if (record !== null && record.refused === null) picture.value = pictureOf(record);
}

/** After the data below changed: numbers of images may be those of others now, names stay. */
export async function recheck(): Promise<void> {
  const record = row.value;
  if (record === null) return;
  try {
    const now = await calls.row(record.index);
    if (row.value !== record || now.id === record.id) return;
    close();
    say(`The data below changed: ${record.id} is somewhere else now. Edits that were not saved are kept.`);
    await open(record.index);
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  }
}

/** Forgets the image, so that it can be opened anew. */
export function close(): void {
  opening?.abort();
  ask?.abort();
  reset();
}

function reset(): void {
  row.value = null;
  picture.value = null;
  history.value = start(NOTHING);
  savedDoc.value = NOTHING;
  revision.value = 0;
  answering.value = false;
  lastAnswer.value = null;
  conflict.value = null;
  restored.value = null;
  everything.value = null;
}

function adopt(saved: Corrections, draft: drafts.Draft | null): void {
  const base = fromSaved(saved.objects);
  savedDoc.value = base;
  revision.value = saved.revision;
  history.value = start(base);
  if (draft === null) return;
  restored.value = draft.time;
  history.value = step(history.value, draft.doc);
  if (draft.revision !== saved.revision) {
    revision.value = draft.revision;
    conflict.value = saved;
  }
}

async function askEmbedding(index: number, stop: AbortSignal): Promise<void> {
  try {
    const { state: now } = await calls.embed(index, stop);
    live.value = reduce(live.value, { type: "embedding", index, state: now, error: null }, client);
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  }
}

/** An edit: a step that can be undone. It is kept in the browser at once. */
export function apply(next: Doc): void {
  if (next === doc.value || loading.value || row.value === null) return;
  history.value = step(history.value, next);
  keepDraft();
}

/** A change of what is selected: no step. */
export function pick(id: number): void {
  history.value = amend(history.value, select(doc.value, id));
}

export function keepDraft(wanted = false): void {
  const record = row.value;
  if (record === null) return;
  if (!dirty.value && !wanted) {
    void drafts.forget(draftKey(record));
    return;
  }
  void drafts.keep({
    key: draftKey(record),
    index: record.index,
    id: record.id,
    revision: revision.value,
    doc: doc.value,
    wanted,
    time: Date.now(),
  });
}

export function undoStep(): void {
  if (history.value.past.length === 0) return say("Nothing to undo");
  ask?.abort();
  answering.value = false;
  history.value = undo(history.value);
  keepDraft();
  askAgain();
}

export function redoStep(): void {
  if (history.value.future.length === 0) return say("Nothing to redo");
  ask?.abort();
  answering.value = false;
  history.value = redo(history.value);
  keepDraft();
  askAgain();
}

/** Asks for an answer that was given up: by an undo that was redone, or by the end of the page. */
function askAgain(): void {
  if (item.value?.asks === true && live.value.model !== null) void predict();
}

let pending: Promise<void> = Promise.resolve();

/** Resolves when no answer is awaited: what is saved then has the mask of the last click. */
export function answeredAll(): Promise<void> {
  return pending;
}

/** Asks the model for the edited object's mask; the answer belongs to the step that asked. */
export function predict(): Promise<void> {
  pending = askMask();
  return pending;
}

async function askMask(): Promise<void> {
  const record = row.value;
  const target = item.value;
  if (record === null || target === null) return;
  const wanted = request(target);
  if (wanted === null) return;
  ask?.abort();
  const stop = new AbortController();
  ask = stop;
  answering.value = true;
  const begin = performance.now();
  try {
    const answer = await calls.predict(record.index, wanted, stop.signal);
    if (stop.signal.aborted || row.value !== record) return;
    history.value = amend(history.value, answered(doc.value, target.id, answer));
    lastAnswer.value = {
      here: performance.now() - begin,
      server: answer.milliseconds,
      embedding: answer.embedding,
    };
    keepDraft();
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  } finally {
    if (ask === stop) answering.value = false;
  }
}

/** Asks for all masks that the model finds, to be looked through. */
export async function askEverything(): Promise<void> {
  const record = row.value;
  if (record === null || answering.value) return;
  ask?.abort();
  const stop = new AbortController();
  ask = stop;
  answering.value = true;
  try {
    const found = await calls.everything(record.index, stop.signal);
    if (row.value !== record) return;
    everything.value = found;
    if (found.length === 0) say("The model found no object");
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  } finally {
    if (ask === stop) answering.value = false;
  }
}

export function accept(proposals: readonly Proposal[]): void {
  everything.value = null;
  if (proposals.length === 0) return;
  apply(
    add(
      doc.value,
      proposals.map((proposal) => ({
        mask: proposal.mask,
        predictedIou: proposal.predicted_iou,
        base: proposal.mask,
        made: "everything" as const,
      })),
    ),
  );
}

/** The masks that the set itself has for this image, as objects to begin with. */
export async function takeFromSet(): Promise<void> {
  const record = row.value;
  if (record === null) return;
  try {
    const found = await calls.masks(record.index);
    if (row.value !== record) return;
    apply(
      add(
        doc.value,
        found.map((object) => ({
          name: object.category ?? `object ${object.object + 1}`,
          mask: object.mask,
          base: object.mask,
          made: "set" as const,
        })),
      ),
    );
  } catch (error) {
    notify(problemOf(error));
  }
}

/** The windows that the user knows of and goes on beside. */
const accepted = signal<ReadonlySet<string>>(new Set());

/** The windows that have this image open, besides this one and those that the user knows of. */
export const others = computed(() => {
  const record = row.value;
  if (record === null) return [];
  return (live.value.others.get(record.index) ?? []).filter((window) => !accepted.value.has(window));
});

/** Goes on with an image that other windows have open, too. */
export function stayHere(): void {
  accepted.value = new Set(others.value);
}

/** A window that comes to this image is told that it is open here: once, or two windows would greet for ever. */
export function greetOthers(): () => void {
  return onEvent((event) => {
    const record = row.value;
    if (event.type !== "opened" || record === null || event.index !== record.index) return;
    if (event.client === client || greeted.has(event.client)) return;
    greeted.add(event.client);
    calls.open(record.index, client).catch(() => {});
  });
}

/** With a new model, the image's embedding is that of the new one. */
export function followModel(): () => void {
  let checkpoint = live.value.model?.checkpoint ?? null;
  return effect(() => {
    const now = live.value.model?.checkpoint ?? null;
    if (now === checkpoint) return;
    checkpoint = now;
    const record = row.peek();
    if (now !== null && record !== null && record.refused === null) {
      void askEmbedding(record.index, new AbortController().signal);
    }
  });
}
