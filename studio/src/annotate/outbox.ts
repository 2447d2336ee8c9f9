/**
 * Saving. What is to be saved is a draft first, then a request: when the server is lost, drafts wait here and are sent
 * when it answers again. Two saves of one image never run at once.
 */
import { signal } from "@preact/signals";
import type { Corrections } from "../api";
import * as calls from "../server/calls";
import { refresh, state } from "../server/events";
import { type Problem, problemOf, RequestError } from "../server/problem";
import { reachable } from "../server/request";
import { notify, say } from "../shell/notices";
import { type Doc, fromSaved, toSaved } from "./document";
import * as drafts from "./drafts";
import { start, step } from "./history";
import { sameSaved, union } from "./merge";
import * as session from "./session";

/** What was saved last. */
export const lastSave = signal<{ time: number; file: string; id: string } | null>(null);
export const saving = signal<ReadonlySet<string>>(new Set());
/** Images that were saved since the page was opened, with their number of objects. */
export const savedHere = signal<ReadonlyMap<number, number>>(new Map());

/** Whether it was said that objects overlap: once is enough, and the footer has it from then on. */
let saidOfOverlaps = false;

/** Saves the image on the stage. The edit goes on meanwhile. */
export async function save(): Promise<boolean> {
  if (session.answering.value) await session.answeredAll();
  const record = session.row.value;
  if (record === null || session.loading.value || session.conflict.value !== null) return false;
  if (!session.dirty.value) return true;
  session.keepDraft(true);
  return send({
    key: session.draftKey(record),
    index: record.index,
    id: record.id,
    revision: session.revision.value,
    doc: session.doc.value,
    wanted: true,
    time: Date.now(),
  });
}

/** Sends one draft. False when it still waits. */
async function send(draft: drafts.Draft): Promise<boolean> {
  if (saving.value.has(draft.key)) return false;
  saving.value = new Set(saving.value).add(draft.key);
  try {
    const saved = await calls.save(draft.index, { revision: draft.revision, objects: toSaved(draft.doc) });
    lastSave.value = { time: Date.now(), file: saved.file, id: draft.id };
    savedHere.value = new Map(savedHere.value).set(draft.index, toSaved(draft.doc).length);
    await settled(draft, saved.revision);
    void refresh();
    if (saved.not_held !== null && !saidOfOverlaps) {
      saidOfOverlaps = true;
      say(`${draft.id} is saved; ${saved.not_held}`);
    }
    return true;
  } catch (error) {
    const problem = problemOf(error);
    const current = problem.current;
    if (problem.code === "conflict" && current !== undefined && sameSaved(toSaved(draft.doc), current.objects)) {
      // It was saved before, by this draft, and the answer was lost with the server.
      await settled(draft, current.revision);
      return true;
    }
    refused(draft, problem, error instanceof RequestError && error.lost);
    return false;
  } finally {
    const left = new Set(saving.value);
    left.delete(draft.key);
    saving.value = left;
  }
}

/** The draft is on the server's disk. Edits made since then go on from the new revision. */
async function settled(draft: drafts.Draft, revision: number): Promise<void> {
  if (session.row.value?.index === draft.index) {
    session.revision.value = revision;
    // A draft that was read from the browser's database is a copy of what is shown: the same objects, if not the same values.
    session.savedDoc.value = sameObjects(draft.doc, session.doc.value) ? session.doc.value : draft.doc;
    session.restored.value = null;
    session.keepDraft();
    return;
  }
  const now = await drafts.read(draft.key);
  // It was opened again and edited meanwhile: that edit is kept, and goes on from what was saved.
  if (now !== null && now.time > draft.time) await drafts.keep({ ...now, revision });
  else await drafts.forget(draft.key);
}

function sameObjects(a: Doc, b: Doc): boolean {
  return a === b || JSON.stringify(toSaved(a)) === JSON.stringify(toSaved(b));
}

function refused(draft: drafts.Draft, problem: Problem, lost: boolean): void {
  if (lost) return;
  void drafts.keep({ ...draft, wanted: false });
  const here = session.row.value?.index === draft.index;
  if (problem.code === "conflict" && here) {
    void showConflict(draft.index, problem.current ?? null);
    return;
  }
  notify({ ...problem, title: `${draft.id} was not saved`, detail: problem.detail });
}

async function showConflict(index: number, current: Corrections | null): Promise<void> {
  try {
    const newer = current ?? (await calls.corrections(index));
    if (session.row.value?.index === index) session.conflict.value = newer;
  } catch (error) {
    notify(problemOf(error));
  }
}

/** How a conflict ends: with this window's objects, with those that were saved, or with all of them. */
export function resolve(choice: "mine" | "theirs" | "both"): void {
  const newer = session.conflict.value;
  if (newer === null) return;
  const theirs = fromSaved(newer.objects);
  session.revision.value = newer.revision;
  session.savedDoc.value = theirs;
  session.conflict.value = null;
  session.restored.value = null;
  if (choice === "theirs") session.history.value = step(session.history.value, theirs);
  if (choice === "both") session.history.value = step(session.history.value, union(session.doc.value, newer.objects));
  session.keepDraft();
  const record = session.row.value;
  if (record === null) return;
  if (choice === "theirs") void drafts.forget(session.draftKey(record));
  else void save();
}

/** Gives up the edits of this image since it was saved. */
export function discard(): void {
  const record = session.row.value;
  if (record === null) return;
  session.history.value = start(session.savedDoc.value);
  session.restored.value = null;
  void drafts.forget(session.draftKey(record));
}

let sending: Promise<void> | null = null;

/** Sends what waits, after the server was lost or the page was closed; one pass at a time. */
export function sendWaiting(): Promise<void> {
  sending ??= sendAll().finally(() => {
    sending = null;
  });
  return sending;
}

async function sendAll(): Promise<void> {
  for (const { key } of await drafts.loadWaiting(session.setKey())) {
    // It may have been saved, or edited, since the list was read.
    const draft = await drafts.read(key);
    if (draft?.wanted !== true || saving.value.has(key)) continue;
    try {
      const index = await placeOf(draft);
      if (index !== null) await send({ ...draft, index });
    } catch (error) {
      notify(problemOf(error));
    }
    if (!reachable.value) return;
  }
}

/** Where a draft's image is now: the data may have changed since it was made, and a number may be another image's. */
async function placeOf(draft: drafts.Draft): Promise<number | null> {
  const total = state.value?.set.images ?? 0;
  if (draft.index < total && (await calls.row(draft.index)).id === draft.id) return draft.index;
  const { rows } = await calls.records(new URLSearchParams({ text: draft.id, limit: "500" }).toString());
  const found = rows.find((row) => row.id === draft.id);
  if (found !== undefined) return found.index;
  notify({
    title: `${draft.id} was not saved`,
    status: 0,
    detail: "The image is no longer in the set. Its edits are kept in this browser.",
    code: "page",
    expected: `an image named ${draft.id}`,
    found: "none",
  });
  return null;
}
