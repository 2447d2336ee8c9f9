import { describe, expect, it } from "vitest";
import type { CroppedMask, Size } from "../src/api";
import { outline, simplify } from "../src/mask/outline";
import { fill, stroke, type Vertex } from "../src/mask/raster";
import { area, contains, decode, EMPTY, encode, iou, overlap, regionFor } from "../src/mask/runs";
import { randomMask } from "./random";

const IMAGE: Size = { height: 40, width: 60 };

/** The definition: a byte for each pixel of the image. */
function whole(mask: CroppedMask, image: Size): Uint8Array {
  const out = new Uint8Array(image.width * image.height);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) if (contains(mask, x, y)) out[y * image.width + x] = 1;
  }
  return out;
}

function count(pixels: Uint8Array): number {
  return pixels.reduce((sum, value) => sum + value, 0);
}

describe("runs", () => {
  it("begin with background and go row by row", () => {
    const mask: CroppedMask = { x: 3, y: 2, width: 3, height: 2, runs: [1, 2, 2, 1] };
    expect([...decode(mask).data]).toEqual([0, 1, 1, 0, 0, 1]);
    expect(area(mask)).toBe(3);
    expect(contains(mask, 4, 2)).toBe(true);
    expect(contains(mask, 3, 2)).toBe(false);
    expect(contains(mask, 5.9, 3.9)).toBe(true);
  });

  it("that do not fill their box are refused", () => {
    expect(() => decode({ x: 0, y: 0, width: 2, height: 2, runs: [3] })).toThrow(/expected runs over 2 x 2 pixels/);
    expect(() => decode({ x: 0, y: 0, width: 2, height: 2, runs: [0, 5] })).toThrow(/found 5/);
  });

  it("come back as they were, cut to their box", () => {
    for (let seed = 0; seed < 40; seed++) {
      const mask = randomMask(seed, IMAGE);
      const again = encode(decode(mask));
      expect(whole(again, IMAGE)).toEqual(whole(mask, IMAGE));
      expect(area(again)).toBe(count(whole(mask, IMAGE)));
      if (again.width === 0) continue;
      // No row or column at the border of the box is empty.
      const { width, height, data } = decode(again);
      expect(data.subarray(0, width)).toContain(1);
      expect(data.subarray((height - 1) * width)).toContain(1);
      expect([...Array(height).keys()].some((y) => data[y * width] === 1)).toBe(true);
      expect([...Array(height).keys()].some((y) => data[y * width + width - 1] === 1)).toBe(true);
    }
  });

  it("of nothing are the empty mask", () => {
    expect(encode({ x: 4, y: 4, width: 2, height: 1, data: new Uint8Array(2) })).toEqual(EMPTY);
  });

  it("keep their pixels in a larger region", () => {
    for (let seed = 0; seed < 20; seed++) {
      const mask = randomMask(seed, IMAGE);
      const region = regionFor(mask, [-5, 2, 70, 9], IMAGE);
      expect(whole(encode(region), IMAGE)).toEqual(whole(mask, IMAGE));
      expect(region.x).toBe(0);
      expect(region.x + region.width).toBe(IMAGE.width);
    }
  });

  it("overlap as their pixels do", () => {
    for (let seed = 0; seed < 30; seed++) {
      const [a, b] = [randomMask(seed, IMAGE), randomMask(seed + 99, IMAGE)];
      const [one, two] = [whole(a, IMAGE), whole(b, IMAGE)];
      const both = one.filter((value, at) => value === 1 && two[at] === 1).length;
      const either = one.filter((value, at) => value === 1 || two[at] === 1).length;
      expect(overlap(a, b)).toEqual({ both, either });
      expect(iou(a, b)).toBeCloseTo(either === 0 ? 1 : both / either, 12);
    }
  });
});

describe("brush", () => {
  /** The definition: a pixel belongs to the stroke when its centre is within the radius of the line. */
  function near(path: Vertex[], radius: number, x: number, y: number): boolean {
    return path.some((a, at) => {
      const b = path[at + 1] ?? a;
      for (let t = 0; t <= 1; t += 1 / 512) {
        if (Math.hypot(a.x + t * (b.x - a.x) - x, a.y + t * (b.y - a.y) - y) <= radius) return true;
      }
      return false;
    });
  }

  it("sets what is near its line, clipped to the image", () => {
    const path = [
      { x: 5.5, y: 5.5 },
      { x: 58.5, y: 20.5 },
      { x: 66, y: 20.5 },
    ];
    const mask = stroke(EMPTY, path, 4.03, 1, IMAGE);
    const pixels = whole(mask, IMAGE);
    for (let y = 0; y < IMAGE.height; y++) {
      for (let x = 0; x < IMAGE.width; x++) {
        expect(pixels[y * IMAGE.width + x] === 1, `${x}, ${y}`).toBe(near(path, 4.03, x + 0.5, y + 0.5));
      }
    }
  });

  it("of less than a pixel still sets the pixel below it", () => {
    expect(area(stroke(EMPTY, [{ x: 7.5, y: 7.5 }], 0.5, 1, IMAGE))).toBe(1);
  });

  it("takes away what it added", () => {
    const path = [{ x: 20, y: 20 }];
    const added = stroke(EMPTY, path, 6, 1, IMAGE);
    expect(stroke(added, path, 6, 0, IMAGE)).toEqual(EMPTY);
  });

  it("leaves the mask elsewhere as it was", () => {
    const before = randomMask(5, IMAGE);
    const after = stroke(before, [{ x: 10, y: 10 }], 3, 0, IMAGE);
    const [one, two] = [whole(before, IMAGE), whole(after, IMAGE)];
    for (let y = 0; y < IMAGE.height; y++) {
      for (let x = 0; x < IMAGE.width; x++) {
        const inside = Math.hypot(x + 0.5 - 10, y + 0.5 - 10) <= 3;
        expect(two[y * IMAGE.width + x]).toBe(inside ? 0 : one[y * IMAGE.width + x]);
      }
    }
  });
});

describe("polygons", () => {
  it("own the pixels whose centres are inside", () => {
    const square = [
      { x: 2, y: 3 },
      { x: 10, y: 3 },
      { x: 10, y: 7.6 },
      { x: 2, y: 7.6 },
    ];
    expect(fill(EMPTY, [square], 1, IMAGE)).toEqual({ x: 2, y: 3, width: 8, height: 5, runs: [0, 40] });
  });

  it("have holes where a ring is in a ring", () => {
    const ring = (from: number, to: number) => [
      { x: from, y: from },
      { x: to, y: from },
      { x: to, y: to },
      { x: from, y: to },
    ];
    expect(area(fill(EMPTY, [ring(5, 25), ring(10, 15)], 1, IMAGE))).toBe(400 - 25);
  });

  it("are clipped to the image", () => {
    const large = [
      { x: -50, y: -50 },
      { x: 150, y: -50 },
      { x: 150, y: 150 },
      { x: -50, y: 150 },
    ];
    expect(area(fill(EMPTY, [large], 1, IMAGE))).toBe(IMAGE.width * IMAGE.height);
  });
});

describe("outline", () => {
  it("filled is the mask, for masks with holes, islands and touching corners", () => {
    for (let seed = 0; seed < 60; seed++) {
      const mask = encode(decode(randomMask(seed, { height: 12, width: 17 })));
      const again = fill(EMPTY, outline(mask), 1, { height: 12, width: 17 });
      expect(again, `seed ${seed}`).toEqual(mask);
    }
  });

  it("of a rectangle has four corners", () => {
    expect(outline({ x: 4, y: 5, width: 6, height: 2, runs: [0, 12] })).toEqual([
      [
        { x: 10, y: 5 },
        { x: 10, y: 7 },
        { x: 4, y: 7 },
        { x: 4, y: 5 },
      ],
    ]);
  });

  it("simplified stays within the tolerance and loses corners", () => {
    const disc = stroke(EMPTY, [{ x: 20, y: 20 }], 15, 1, IMAGE);
    const ring = outline(disc)[0] as Vertex[];
    const simple = simplify(ring, 0.75);
    expect(simple.length).toBeLessThan(ring.length / 2);
    expect(iou(fill(EMPTY, [simple], 1, IMAGE), disc)).toBeGreaterThan(0.95);
  });
});
