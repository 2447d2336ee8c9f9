/**
 * Edits that are not saved yet, in the browser's own database: they outlive the page, the browser and the server. Each
 * edit is written at once; what is saved by the server is deleted here.
 */
import { signal } from "@preact/signals";
import { notify } from "../shell/notices";
import type { Doc } from "./document";

export interface Draft {
  /** Set and record: indices change when the data do, names do not. */
  key: string;
  index: number;
  id: string;
  /** The saved revision that the edit began with. */
  revision: number;
  doc: Doc;
  /** Whether the user has asked to save it; it is then sent as soon as the server answers. */
  wanted: boolean;
  /** When it was changed, in milliseconds of the epoch. */
  time: number;
}

/** The drafts by key, without their documents. */
export const waiting = signal<ReadonlyMap<string, Omit<Draft, "doc">>>(new Map());

const STORE = "drafts";
let database: Promise<IDBDatabase> | null = null;

function openDatabase(): Promise<IDBDatabase> {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("maskwright-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's database cannot be opened"));
  });
  return database;
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const open = await openDatabase();
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser's database refused a change"));
  });
}

/** Reads the names of all drafts of a set; called once at the start. */
export async function loadWaiting(prefix: string): Promise<Draft[]> {
  const all = (await attempt(run<Draft[]>("readonly", (store) => store.getAll()))) ?? [];
  const own = all.filter((draft) => draft.key.startsWith(prefix));
  waiting.value = new Map(own.map((draft) => [draft.key, brief(draft)]));
  return own;
}

export async function read(key: string): Promise<Draft | null> {
  return (await attempt(run<Draft | undefined>("readonly", (store) => store.get(key)))) ?? null;
}

export async function keep(draft: Draft): Promise<void> {
  waiting.value = new Map(waiting.value).set(draft.key, brief(draft));
  await attempt(run("readwrite", (store) => store.put(draft)));
}

export async function forget(key: string): Promise<void> {
  if (waiting.value.has(key)) {
    const next = new Map(waiting.value);
    next.delete(key);
    waiting.value = next;
  }
  await attempt(run("readwrite", (store) => store.delete(key)));
}

function brief({ key, index, id, revision, wanted, time }: Draft): Omit<Draft, "doc"> {
  return { key, index, id, revision, wanted, time };
}

/** A browser without a database (a private window) still annotates; it is told that nothing outlives the page. */
async function attempt<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    notify({
      title: "Edits cannot be kept in this browser",
      status: -1,
      detail: `${error instanceof Error ? error.message : String(error)}. Save each image before you leave it.`,
      code: "page",
    });
    return null;
  }
}
