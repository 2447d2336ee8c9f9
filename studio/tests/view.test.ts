import { describe, expect, it } from "vitest";
import { levelFor, levels, visibleTiles } from "../src/view/tiles";
import { fit, MOST_SCALE, pan, toImage, toScreen, wheelZooms, zoom } from "../src/view/viewport";

const IMAGE = { height: 600, width: 900 };
const SCREEN = { height: 500, width: 800 };

describe("viewport", () => {
  it("shows the whole image in the middle, above what covers the bottom", () => {
    const view = fit(IMAGE, SCREEN, 20, 100);
    const low = toScreen(view, { x: 0, y: 0 });
    const high = toScreen(view, { x: IMAGE.width, y: IMAGE.height });
    expect(low.x).toBeGreaterThanOrEqual(20 - 1e-9);
    expect(high.y).toBeLessThanOrEqual(400 - 20 + 1e-9);
    expect(low.x).toBeCloseTo(SCREEN.width - high.x, 9);
    expect(low.y).toBeCloseTo(400 - high.y, 9);
  });

  it("goes to the screen and back", () => {
    const view = { scale: 1.7, x: -31, y: 12 };
    const back = toImage(view, toScreen(view, { x: 123.25, y: 4.5 }));
    expect(back.x).toBeCloseTo(123.25, 9);
    expect(back.y).toBeCloseTo(4.5, 9);
  });

  it("zooms about the pointer", () => {
    const view = fit(IMAGE, SCREEN);
    const about = { x: 300, y: 200 };
    const before = toImage(view, about);
    const after = toImage(zoom(view, 3, about, IMAGE, SCREEN), about);
    expect(after.x).toBeCloseTo(before.x, 9);
    expect(after.y).toBeCloseTo(before.y, 9);
  });

  it("stops at single pixels, and never loses the image", () => {
    let view = fit(IMAGE, SCREEN);
    for (let turn = 0; turn < 60; turn++) view = zoom(view, 1.5, { x: 1, y: 1 }, IMAGE, SCREEN);
    expect(view.scale).toBe(MOST_SCALE);
    view = pan(fit(IMAGE, SCREEN), 1e6, -1e6, IMAGE, SCREEN);
    expect(view.x).toBe(SCREEN.width - 48);
    expect(view.y + IMAGE.height * view.scale).toBeCloseTo(48, 9);
  });

  it("tells a mouse's wheel from a touchpad", () => {
    const event = { deltaX: 0, deltaY: 0, deltaMode: 0, ctrlKey: false };
    expect(wheelZooms({ ...event, deltaY: 120 })).toBe(true);
    expect(wheelZooms({ ...event, deltaY: -100 })).toBe(true);
    expect(wheelZooms({ ...event, deltaY: 3, deltaMode: 1 })).toBe(true);
    expect(wheelZooms({ ...event, deltaY: 7.5, ctrlKey: true })).toBe(true);
    expect(wheelZooms({ ...event, deltaY: 14 })).toBe(false);
    expect(wheelZooms({ ...event, deltaX: 3, deltaY: 100 })).toBe(false);
  });
});

describe("tiles", () => {
  const HUGE = { height: 9000, width: 12000 };

  it("have levels down to a single one", () => {
    expect(levels({ height: 512, width: 512 })).toBe(1);
    expect(levels({ height: 513, width: 10 })).toBe(2);
    expect(levels(HUGE)).toBe(6);
  });

  it("are as fine as the screen", () => {
    expect(levelFor({ scale: 1, x: 0, y: 0 }, HUGE, 1)).toBe(0);
    expect(levelFor({ scale: 0.5, x: 0, y: 0 }, HUGE, 1)).toBe(1);
    expect(levelFor({ scale: 0.5, x: 0, y: 0 }, HUGE, 2)).toBe(0);
    expect(levelFor({ scale: 0.3, x: 0, y: 0 }, HUGE, 1)).toBe(1);
    expect(levelFor({ scale: 1e-4, x: 0, y: 0 }, HUGE, 1)).toBe(5);
  });

  it("cover the screen, from its middle outwards, and no more", () => {
    const tiles = visibleTiles({ scale: 1, x: -1000, y: -2000 }, HUGE, { height: 600, width: 900 }, 1);
    const names = tiles.map(({ column, row }) => `${column},${row}`).sort();
    expect(names).toEqual(["1,3", "1,4", "1,5", "2,3", "2,4", "2,5", "3,3", "3,4", "3,5"]);
    expect(tiles[0]).toEqual({ level: 0, column: 2, row: 4 });
  });

  it("end at the image's border", () => {
    const tiles = visibleTiles({ scale: 1, x: 0, y: 0 }, { height: 700, width: 600 }, { height: 4000, width: 4000 }, 1);
    expect(tiles.length).toBe(4);
  });
});
