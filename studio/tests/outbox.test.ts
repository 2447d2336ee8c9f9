import { describe, expect, it } from "vitest";
import { fromSaved, toSaved } from "../src/annotate/document";
import { sameSaved, union } from "../src/annotate/merge";
import type { SavedObject } from "../src/api";

const object = (x: number, part: Partial<SavedObject> = {}): SavedObject => ({
  name: "leaf",
  colour: "#7fb0ff",
  mask: { x, y: 0, width: 2, height: 1, runs: [0, 2] },
  clicks: 1,
  predicted_iou: 0.9,
  ...part,
});

describe("saved objects", () => {
  it("are the same by what is drawn, whatever the order of a mask's fields", () => {
    const mask = { runs: [0, 2], height: 1, width: 2, y: 0, x: 1 };
    expect(sameSaved([object(1)], [object(1, { mask, predicted_iou: 0.8999999 })])).toBe(true);
    expect(sameSaved([object(1)], [object(2)])).toBe(false);
    expect(sameSaved([object(1)], [object(1), object(2)])).toBe(false);
    expect(sameSaved([object(1)], [object(1, { name: "stone" })])).toBe(false);
  });

  it("of two windows are put together without those that both have", () => {
    const mine = fromSaved([object(1), object(5)]);
    const both = union(mine, [object(1), object(9)]);
    expect(toSaved(both).map(({ mask }) => mask.x)).toEqual([1, 5, 9]);
    expect(new Set(both.items.map(({ id }) => id)).size).toBe(3);
    expect(both.next).toBe(4);
  });
});
