import { describe, expect, it } from "vitest";
import type { RecordRow, Records, RunRow } from "../src/api";
import { kindOf } from "../src/data/diff";
import { ALL, active, fromQuery, toQuery } from "../src/data/filter";
import { layout, moved, visible } from "../src/data/grid_layout";
import { PAGE, Pages } from "../src/data/pages";
import { byChange, lessIsBetter, sorted, tally } from "../src/results/sorting";

describe("filter", () => {
  it("stands in an address and comes back", () => {
    const filter = {
      ...ALL,
      set: "a & b",
      mask: "without" as const,
      minIou: "0.5",
      order: "doubt" as const,
      text: "x=1",
    };
    expect(fromQuery(new URLSearchParams(toQuery(filter)))).toEqual(filter);
    expect(toQuery(ALL)).toBe("");
    expect(active(filter)).toBe(4);
  });

  it("reads strange addresses as the usual", () => {
    expect(fromQuery(new URLSearchParams("mask=perhaps&order=size&other=1"))).toEqual(ALL);
  });

  it("uses the server's names", () => {
    expect(toQuery({ ...ALL, minSide: "10", maxIou: "0.7" })).toBe("min_side=10&max_iou=0.7");
  });
});

describe("grid", () => {
  it("has only the cells on the screen, of a hundred thousand", () => {
    const grid = layout(100_000, 1200, 190);
    expect(grid.columns).toBe(6);
    expect(grid.rows).toBe(Math.ceil(100_000 / 6));
    const { first, last } = visible(grid, 100_000, grid.height / 2, 800);
    expect(last - first).toBeLessThan(60);
    expect(visible(grid, 100_000, grid.height, 800).last).toBe(100_000);
    expect(visible(layout(0, 1200, 190), 0, 0, 800)).toEqual({ first: 0, last: 0 });
  });

  it("is walked by keys", () => {
    expect(moved(0, "ArrowLeft", 6, 20, 12)).toBe(0);
    expect(moved(7, "ArrowUp", 6, 20, 12)).toBe(1);
    expect(moved(18, "ArrowDown", 6, 20, 12)).toBe(19);
    expect(moved(3, "End", 6, 20, 12)).toBe(19);
    expect(moved(3, "x", 6, 20, 12)).toBe(null);
  });
});

describe("pages", () => {
  const rows = (offset: number, limit: number): Records => ({
    total: 10_000,
    offset,
    rows: [...Array(limit).keys()].map((at) => ({ index: offset + at }) as RecordRow),
  });

  it("are read once, when they are wanted", async () => {
    const asked: number[] = [];
    const pages = new Pages(async (offset, limit) => {
      asked.push(offset);
      return rows(offset, limit);
    });
    pages.want(PAGE - 1, PAGE + 1);
    await Promise.resolve().then(() => {});
    pages.want(PAGE - 1, PAGE + 1);
    expect(asked).toEqual([0, PAGE]);
    expect(pages.at(PAGE + 3)?.index).toBe(PAGE + 3);
    expect(pages.at(5 * PAGE)).toBe(undefined);
  });

  it("are given up when they leave before they arrive", () => {
    const stopped: number[] = [];
    const pages = new Pages((offset, _, stop) => {
      stop.addEventListener("abort", () => stopped.push(offset));
      return new Promise(() => {});
    });
    pages.want(0, 10);
    pages.want(50 * PAGE, 50 * PAGE + 10);
    expect(stopped).toEqual([0]);
    pages.close();
    expect(stopped).toEqual([0, 50 * PAGE]);
  });

  it("of a long scroll are not all kept", async () => {
    const pages = new Pages(async (offset, limit) => rows(offset, limit));
    for (let page = 0; page < 80; page++) {
      pages.want(page * PAGE, page * PAGE + 1);
      await Promise.resolve().then(() => {});
    }
    expect(pages.at(0)).toBe(undefined);
    expect(pages.at(79 * PAGE)?.index).toBe(79 * PAGE);
  });
});

describe("results", () => {
  const run = (name: string, iou: number | null): RunRow => ({
    name,
    folder: name,
    state: "finished",
    epochs_done: 1,
    epochs: 1,
    best_epoch: null,
    iou,
    boundary_iou: null,
    before_iou: null,
    checkpoint: null,
    started: null,
  });
  const image = (id: string, before: number | null, now: number | null) => ({ id, index: null, before, now });

  it("are sorted with numbers as numbers, and without a value last", () => {
    const rows = [run("run-10", 0.9), run("run-9", null), run("run-2", 0.8)];
    expect(sorted(rows, "name", false).map(({ name }) => name)).toEqual(["run-2", "run-9", "run-10"]);
    expect(sorted(rows, "iou", true).map(({ name }) => name)).toEqual(["run-10", "run-2", "run-9"]);
    expect(sorted(rows, "iou", false).map(({ name }) => name)).toEqual(["run-2", "run-10", "run-9"]);
  });

  it("say which images got better and worse", () => {
    const images = [image("a", 0.5, 0.9), image("b", 0.9, 0.8), image("c", null, 0.5), image("d", 0.7, 0.701)];
    expect(byChange(images, false).map(({ id }) => id)).toEqual(["a", "d", "b"]);
    expect(byChange(images, true)[0]?.id).toBe("b");
    expect(byChange([image("a", null, 0.9), image("b", null, 0.4)], true)[0]?.id).toBe("b");
    expect(tally(images)).toEqual({ better: 1, worse: 1, same: 1 });
    expect(lessIsBetter("clicks for IoU 0.9")).toBe(true);
    expect(lessIsBetter("box, boundary IoU")).toBe(false);
  });
});

describe("diff", () => {
  it("tells lines apart", () => {
    expect(["+++ a", "--- a", "@@ -1 +1 @@", "+x", "-x", " x"].map(kindOf)).toEqual([
      "place",
      "place",
      "place",
      "added",
      "taken",
      "",
    ]);
  });
});
