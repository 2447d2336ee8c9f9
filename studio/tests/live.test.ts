import { describe, expect, it } from "vitest";
import type { Event, Job } from "../src/api";
import { type Live, QUIET, reduce } from "../src/server/live";

const job = (id: string, step: number): Job => ({
  id,
  kind: "train",
  run: id,
  state: "running",
  started: "2026-01-01T00:00:00Z",
  epoch: 0,
  epochs: 2,
  step,
  steps: 9,
  seconds_left: null,
  last_line: "",
  can_resume: false,
});
const all = (live: Live, events: Event[]) => events.reduce((now, event) => reduce(now, event, "me"), live);

describe("events", () => {
  it("replace a job in its place, and put a new one first", () => {
    const live = all(QUIET, [
      { type: "job", job: job("a", 1) },
      { type: "job", job: job("b", 1) },
      { type: "job", job: job("a", 2) },
    ]);
    expect(live.jobs.map(({ id, step }) => [id, step])).toEqual([
      ["b", 1],
      ["a", 2],
    ]);
  });

  it("tell of other windows, not of this one", () => {
    const live = all(QUIET, [
      { type: "opened", index: 4, client: "me" },
      { type: "opened", index: 4, client: "you" },
      { type: "saved", index: 4, revision: 3, client: "you" },
      { type: "saved", index: 5, revision: 1, client: "me" },
    ]);
    expect([...live.others]).toEqual([[4, ["you"]]]);
    expect([...live.savedElsewhere]).toEqual([[4, 3]]);
  });

  it("let a window leave the image that it had open before", () => {
    const live = all(QUIET, [
      { type: "opened", index: 4, client: "you" },
      { type: "opened", index: 4, client: "they" },
      { type: "opened", index: 9, client: "you" },
    ]);
    expect(live.others.get(4)).toEqual(["they"]);
    expect(live.others.get(9)).toEqual(["you"]);
  });

  it("of a day of embeddings are not all remembered", () => {
    let live = QUIET;
    for (let index = 0; index < 5000; index++) {
      live = reduce(live, { type: "embedding", index, state: "ready", error: null }, "me");
    }
    expect(live.embeddings.size).toBe(512);
    expect(live.embeddings.get(4999)).toBe("ready");
    expect(live.embeddings.has(0)).toBe(false);
  });

  it("of a newer server change nothing", () => {
    expect(reduce(QUIET, { type: "weather" } as unknown as Event, "me")).toBe(QUIET);
  });

  it("tell of models, the doctor, the queue and the data below", () => {
    const model = { checkpoint: "a", name: "a", kind: "vit_b", input_size: 64, has_hq: false };
    const live = all(QUIET, [
      { type: "model", model, loading: false, error: null },
      { type: "doctor", done: 1, total: 2, state: "running" },
      { type: "queue", measured: 3, total: 4 },
      { type: "set_changed" },
    ]);
    expect(live.model).toEqual(model);
    expect(live.doctor).toEqual({ done: 1, total: 2, state: "running" });
    expect(live.queue).toEqual({ measured: 3, total: 4 });
    expect(live.changes).toBe(1);
  });
});
