/**
 * What brush, lasso and polygon set in a mask. Coordinates are pixels of the image, x right, y down; the centre of the
 * pixel in column c and row r is (c + 0.5, r + 0.5). A pixel belongs to a shape when its centre does.
 */
import type { CroppedMask, Size } from "../api";
import { encode, type Region, regionFor } from "./runs";

export interface Vertex {
  x: number;
  y: number;
}

/** The mask with a brush's stroke added (`value` 1) or taken away (0). `path` has at least one point. */
export function stroke(mask: CroppedMask, path: Vertex[], radius: number, value: 0 | 1, image: Size): CroppedMask {
  const box = bounds(path);
  const reach = radius + 1;
  const wanted: [number, number, number, number] =
    value === 1 ? [box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach] : boxOf(mask);
  const region = regionFor(mask, wanted, image);
  let before = path[0];
  if (before === undefined) return mask;
  if (path.length === 1) capsule(region, before, before, radius, value);
  for (const point of path.slice(1)) {
    capsule(region, before, point, radius, value);
    before = point;
  }
  return encode(region);
}

/** The mask with the inside of rings added or taken away (even-odd rule, so that a ring in a ring is a hole). */
export function fill(mask: CroppedMask, rings: Vertex[][], value: 0 | 1, image: Size): CroppedMask {
  const wanted: [number, number, number, number] = value === 1 ? bounds(rings.flat()) : boxOf(mask);
  const region = regionFor(mask, wanted, image);
  fillRegion(region, rings, value);
  return encode(region);
}

/** Sets the pixels whose centres are at most `radius` from the line from `a` to `b`. */
function capsule(region: Region, a: Vertex, b: Vertex, radius: number, value: 0 | 1): void {
  const top = Math.max(Math.floor(Math.min(a.y, b.y) - radius), region.y);
  const bottom = Math.min(Math.ceil(Math.max(a.y, b.y) + radius), region.y + region.height);
  const left = Math.max(Math.floor(Math.min(a.x, b.x) - radius), region.x);
  const right = Math.min(Math.ceil(Math.max(a.x, b.x) + radius), region.x + region.width);
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const square = dx * dx + dy * dy;
  const most = radius * radius;
  for (let row = top; row < bottom; row++) {
    const start = (row - region.y) * region.width - region.x;
    for (let column = left; column < right; column++) {
      const px = column + 0.5 - a.x;
      const py = row + 0.5 - a.y;
      const along = square === 0 ? 0 : Math.min(Math.max((px * dx + py * dy) / square, 0), 1);
      const ex = px - along * dx;
      const ey = py - along * dy;
      if (ex * ex + ey * ey <= most) region.data[start + column] = value;
    }
  }
}

function fillRegion(region: Region, rings: Vertex[][], value: 0 | 1): void {
  for (let row = 0; row < region.height; row++) {
    const crossings = crossingsAt(rings, region.y + row + 0.5);
    const start = row * region.width;
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      // From the first centre at or right of one crossing to the last left of the next.
      const from = Math.max(Math.ceil((crossings[pair] ?? 0) - 0.5 - region.x), 0);
      const to = Math.min(Math.ceil((crossings[pair + 1] ?? 0) - 0.5 - region.x), region.width);
      if (to > from) region.data.fill(value, start + from, start + to);
    }
  }
}

/** Where the rings cross a horizontal line, from left to right. */
function crossingsAt(rings: Vertex[][], y: number): number[] {
  const found: number[] = [];
  for (const ring of rings) {
    let before = ring.at(-1);
    for (const vertex of ring) {
      if (before !== undefined && before.y <= y !== vertex.y <= y) {
        found.push(before.x + ((y - before.y) / (vertex.y - before.y)) * (vertex.x - before.x));
      }
      before = vertex;
    }
  }
  return found.sort((a, b) => a - b);
}

/** Left, top, right and bottom of some points. */
export function bounds(points: Vertex[]): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const point of points) {
    box[0] = Math.min(box[0], point.x);
    box[1] = Math.min(box[1], point.y);
    box[2] = Math.max(box[2], point.x);
    box[3] = Math.max(box[3], point.y);
  }
  return box;
}

function boxOf(mask: CroppedMask): [number, number, number, number] {
  return [mask.x, mask.y, mask.x + mask.width, mask.y + mask.height];
}
