import { describe, expect, it } from "vitest";
import {
  active,
  addPoint,
  answered,
  brushed,
  choose,
  dropPoint,
  fromSaved,
  lassoed,
  NOTHING,
  remove,
  request,
  select,
  setBox,
  shaped,
  toSaved,
} from "../src/annotate/document";
import { amend, redo, start, step, undo } from "../src/annotate/history";
import type { Answer, CroppedMask } from "../src/api";
import { area } from "../src/mask/runs";

const IMAGE = { height: 50, width: 50 };
const square = (x: number): CroppedMask => ({ x, y: 1, width: 4, height: 4, runs: [0, 16] });
const answer = (...masks: CroppedMask[]): Answer => ({
  proposals: masks.map((mask, at) => ({ mask, predicted_iou: 0.9 - at / 10, area: 16 })),
  milliseconds: 5,
  embedding: "ready",
});
const positive = { x: 5, y: 5, positive: true };
const negative = { x: 9, y: 9, positive: false };

describe("document", () => {
  it("begins an object with the first click, and asks for proposals then alone", () => {
    let doc = addPoint(NOTHING, positive, false);
    expect(request(active(doc) as never)).toEqual({ points: [positive], box: null, previous: null, proposals: true });
    doc = addPoint(doc, negative, false);
    expect(doc.items.length).toBe(1);
    expect(request(active(doc) as never)?.proposals).toBe(false);
    expect(active(doc)?.clicks).toBe(2);
  });

  it("asks with a box, without proposals", () => {
    const doc = setBox(NOTHING, [1, 2, 3, 4]);
    expect(request(active(doc) as never)).toEqual({ points: [], box: [1, 2, 3, 4], previous: null, proposals: false });
  });

  it("takes the best answer, and another one by choice", () => {
    let doc = answered(addPoint(NOTHING, positive, false), 1, answer(square(1), square(2), square(3)));
    expect(active(doc)?.mask).toEqual(square(1));
    doc = choose(doc, 2);
    expect(active(doc)?.mask).toEqual(square(3));
    expect(active(doc)?.predictedIou).toBeCloseTo(0.7);
    expect(choose(doc, 9)).toBe(doc);
  });

  it("gives an answer to the object that asked, not to the one that is edited now", () => {
    let doc = addPoint(NOTHING, positive, false);
    doc = addPoint(select(doc, 0), negative, false);
    doc = answered(doc, 1, answer(square(7)));
    expect(doc.items[0]?.mask).toEqual(square(7));
    expect(doc.items[1]?.mask.width).toBe(0);
    expect(answered(remove(doc, 1), 1, answer(square(8))).items.length).toBe(1);
  });

  it("lets a brush's mask go to the model with the next click, so that it is not lost", () => {
    let doc = answered(addPoint(NOTHING, positive, false), 1, answer(square(1)));
    doc = brushed(doc, [{ x: 20, y: 20 }], 4, 1, IMAGE);
    const painted = active(doc)?.mask;
    expect(area(painted as CroppedMask)).toBeGreaterThan(16);
    expect(active(doc)?.points).toEqual([]);
    doc = addPoint(doc, negative, false);
    expect(request(active(doc) as never)).toEqual({
      points: [negative],
      box: null,
      previous: painted,
      proposals: false,
    });
    expect(active(doc)?.clicks).toBe(2);
  });

  it("sends the mask so far when that is wanted", () => {
    const doc = answered(addPoint(NOTHING, positive, false), 1, answer(square(1)));
    expect(request(active(addPoint(doc, negative, true)) as never)?.previous).toEqual(square(1));
    expect(request(active(addPoint(doc, negative, false)) as never)?.previous).toBe(null);
  });

  it("knows whether the model has answered the newest prompt", () => {
    let doc = addPoint(NOTHING, positive, false);
    expect(active(doc)?.asks).toBe(true);
    doc = answered(doc, 1, answer(square(1)));
    expect(active(doc)?.asks).toBe(false);
    expect(active(addPoint(doc, negative, false))?.asks).toBe(true);
    expect(active(brushed(addPoint(doc, negative, false), [{ x: 9, y: 9 }], 2, 1, IMAGE))?.asks).toBe(false);
  });

  it("without its last click has no mask, or the one before the clicks", () => {
    const clicked = answered(addPoint(NOTHING, positive, false), 1, answer(square(1)));
    expect(active(dropPoint(clicked, 0))?.mask.width).toBe(0);
    const painted = brushed(NOTHING, [{ x: 20, y: 20 }], 4, 1, IMAGE);
    const again = answered(addPoint(painted, positive, false), 1, answer(square(1)));
    expect(active(dropPoint(again, 0))?.mask).toEqual(active(painted)?.mask);
    const two = addPoint(clicked, negative, false);
    expect(active(dropPoint(two, 1))).toMatchObject({ asks: true, points: [positive] });
  });

  it("keeps a polygon's corners until the mask is changed otherwise", () => {
    const ring = [
      { x: 1, y: 1 },
      { x: 11, y: 1 },
      { x: 11, y: 11 },
      { x: 1, y: 11 },
    ];
    let doc = shaped(NOTHING, [ring], IMAGE);
    expect(area(active(doc)?.mask as CroppedMask)).toBe(100);
    expect(active(doc)?.polygon).toEqual([ring]);
    doc = lassoed(doc, ring.slice(0, 3), 0, IMAGE);
    expect(active(doc)?.polygon).toBe(null);
    expect(area(active(doc)?.mask as CroppedMask)).toBeLessThan(100);
  });

  it("saves the objects that have pixels, and reads them back", () => {
    let doc = answered(addPoint(NOTHING, positive, false), 1, answer(square(1)));
    doc = addPoint(select(doc, 0), positive, false);
    const saved = toSaved(doc);
    expect(saved.length).toBe(1);
    expect(toSaved(fromSaved(saved))).toEqual(saved);
  });
});

describe("history", () => {
  it("goes back and forth without end", () => {
    let history = start(0);
    for (let at = 1; at <= 500; at++) history = step(history, at);
    for (let at = 499; at >= 0; at--) {
      history = undo(history);
      expect(history.present).toBe(at);
    }
    expect(undo(history)).toBe(history);
    for (let at = 1; at <= 500; at++) history = redo(history);
    expect(history.present).toBe(500);
    expect(redo(history)).toBe(history);
  });

  it("forgets what was undone when something else is done", () => {
    const history = step(undo(step(step(start(0), 1), 2)), 3);
    expect([...history.past, history.present]).toEqual([0, 1, 3]);
    expect(history.future).toEqual([]);
  });

  it("counts an answer to the step that asked", () => {
    const history = amend(step(start("empty"), "click"), "click and mask");
    expect(history.past).toEqual(["empty"]);
    expect(redo(undo(history)).present).toBe("click and mask");
  });

  it("makes no step of nothing", () => {
    const history = start(1);
    expect(step(history, 1)).toBe(history);
  });
});
