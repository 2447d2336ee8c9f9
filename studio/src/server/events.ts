/**
 * The server's events, and what is asked anew when the connection was lost: after each connection the whole state is
 * read, so that nothing depends on an event that was missed.
 */
import { signal } from "@preact/signals";
import type { Event, State } from "../api";
import { notify } from "../shell/notices";
import * as calls from "./calls";
import { client } from "./client";
import { type Live, QUIET, reduce, withJob } from "./live";
import { isAbort, problemOf } from "./problem";
import { reachable } from "./request";

export const live = signal<Live>(QUIET);
export const state = signal<State | null>(null);
/** Connections made: 1 at the start, more after losses. What must be read anew then depends on it. */
export const connections = signal(0);

type Listener = (event: Event) => void;
const listeners = new Set<Listener>();

/** Calls `listener` for each event; the function that is returned ends that. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setJob(job: Parameters<typeof withJob>[1]): void {
  live.value = { ...live.value, jobs: withJob(live.value.jobs, job) };
}

/** Reads the state of the server. */
export async function refresh(): Promise<void> {
  try {
    const [now, jobs] = await Promise.all([calls.state(), calls.jobs()]);
    state.value = now;
    live.value = { ...live.value, jobs, model: now.model, modelLoading: now.model_loading, others: new Map() };
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
  }
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

/** Connects, and connects again whenever the connection is lost. */
export function connect(): void {
  let pause = FIRST_PAUSE;
  const begin = () => {
    const source = new EventSource(`/api/events?client=${client}`);
    source.onopen = () => {
      pause = FIRST_PAUSE;
      reachable.value = true;
      void refresh().then(() => {
        connections.value++;
      });
    };
    source.onmessage = (message) => {
      let event: Event;
      try {
        event = JSON.parse(message.data as string) as Event;
      } catch {
        return;
      }
      receive(event);
    };
    source.onerror = () => {
      // The browser's own attempts end for good at some errors, so each connection is made here.
      source.close();
      reachable.value = false;
      setTimeout(begin, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    };
  };
  begin();
}

function receive(event: Event): void {
  live.value = reduce(live.value, event, client);
  if (event.type === "model" && event.error !== null) {
    notify({ title: "The model was not loaded", status: 0, detail: event.error, code: "model" });
  }
  if (event.type === "set_changed" || event.type === "model") void refresh();
  for (const listener of listeners) listener(event);
}
