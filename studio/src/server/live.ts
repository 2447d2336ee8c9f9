/** What the server's events change, as a pure function: the page's picture of jobs, embeddings, models and windows. */
import type { EmbeddingState, Event, Job, ModelInfo } from "../api";

export interface Live {
  jobs: readonly Job[];
  embeddings: ReadonlyMap<number, EmbeddingState>;
  model: ModelInfo | null;
  modelLoading: boolean;
  modelError: string | null;
  /** The other windows that have an image open. */
  others: ReadonlyMap<number, readonly string[]>;
  /** The newest revision that another window saved of an image. */
  savedElsewhere: ReadonlyMap<number, number>;
  doctor: { done: number; total: number; state: string } | null;
  queue: { measured: number; total: number } | null;
  /** Counts changes of the data below. */
  changes: number;
}

export const QUIET: Live = {
  jobs: [],
  embeddings: new Map(),
  model: null,
  modelLoading: false,
  modelError: null,
  others: new Map(),
  savedElsewhere: new Map(),
  doctor: null,
  queue: null,
  changes: 0,
};

/** States of embeddings that are remembered: a day's work must not grow. */
const REMEMBERED = 512;

/** The state after an event. `client` is this window's own name: its own saves and openings are no news. */
export function reduce(live: Live, event: Event, client: string): Live {
  switch (event.type) {
    case "embedding":
      return { ...live, embeddings: remember(live.embeddings, event.index, event.state) };
    case "job":
      return { ...live, jobs: withJob(live.jobs, event.job) };
    case "model":
      return { ...live, model: event.model, modelLoading: event.loading, modelError: event.error };
    case "saved":
      if (event.client === client) return live;
      return { ...live, savedElsewhere: remember(live.savedElsewhere, event.index, event.revision) };
    case "opened":
      return event.client === client ? live : { ...live, others: opened(live.others, event.index, event.client) };
    case "doctor":
      return { ...live, doctor: { done: event.done, total: event.total, state: event.state } };
    case "queue":
      return { ...live, queue: { measured: event.measured, total: event.total } };
    case "set_changed":
      return { ...live, changes: live.changes + 1 };
    default:
      // A newer server may say more than this page knows.
      return live;
  }
}

/** The jobs with one of them replaced or put first. */
export function withJob(jobs: readonly Job[], job: Job): readonly Job[] {
  return jobs.some((other) => other.id === job.id)
    ? jobs.map((other) => (other.id === job.id ? job : other))
    : [job, ...jobs];
}

/** A window has one image open: it leaves the one it had before. */
function opened(others: Live["others"], index: number, client: string): Live["others"] {
  const next = new Map<number, readonly string[]>();
  for (const [image, clients] of others) {
    const left = clients.filter((other) => other !== client);
    if (left.length > 0) next.set(image, left);
  }
  next.set(index, [...(next.get(index) ?? []), client]);
  return next;
}

function remember<V>(map: ReadonlyMap<number, V>, key: number, value: V): ReadonlyMap<number, V> {
  const next = new Map(map);
  next.delete(key);
  next.set(key, value);
  for (const oldest of next.keys()) {
    if (next.size <= REMEMBERED) break;
    next.delete(oldest);
  }
  return next;
}
