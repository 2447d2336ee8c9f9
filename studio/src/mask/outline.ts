/**
 * The border of a mask as closed rings along the edges of pixels: filled by the even-odd rule they are exactly the
 * mask, stroked they are its outline. `simplify` makes few-cornered rings of them, for editing as polygons.
 */
import type { CroppedMask } from "../api";
import type { Vertex } from "./raster";
import { decode, isEmpty } from "./runs";

// Directions of a walk with the mask's inside at the right hand: east, south, west, north.
const STEP_X = [1, 0, -1, 0] as const;
const STEP_Y = [0, 1, 0, -1] as const;

/** The rings of a mask, corners only, in pixels of the image. Outer rings run clockwise, holes the other way. */
export function outline(mask: CroppedMask): Vertex[][] {
  if (isEmpty(mask)) return [];
  const { width, height, data } = decode(mask);
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
  // A walk passes each upper edge of a pixel once, eastwards: one mark for each finds every ring.
  const walked = new Uint8Array(width * height);
  const rings: Vertex[][] = [];
  for (let row = 0; row < height; row++) {
    const end = (row + 1) * width;
    for (let here = data.indexOf(1, row * width); here >= 0 && here < end; ) {
      // Below a pixel of the mask there is no upper edge: on to the next pixel that has background above.
      const open = row === 0 ? here : data.indexOf(0, here - width) + width;
      if (open < here || open >= end) break;
      const free = open > here ? data.indexOf(1, open) : here;
      if (free !== open) {
        here = free;
        continue;
      }
      if (walked[open] === 0) rings.push(walk(mask, inside, walked, open - row * width, row));
      here = data.indexOf(1, open + 1);
    }
  }
  return rings;
}

/** The ring that begins with the upper edge of a pixel, eastwards. */
function walk(
  mask: CroppedMask,
  inside: (x: number, y: number) => boolean,
  walked: Uint8Array,
  column: number,
  row: number,
): Vertex[] {
  const ring: Vertex[] = [];
  let x = column;
  let y = row;
  let heading = 0;
  do {
    if (heading === 0) walked[y * mask.width + x] = 1;
    x += STEP_X[heading] ?? 0;
    y += STEP_Y[heading] ?? 0;
    const next = turn(inside, x, y, heading);
    if (next !== heading) ring.push({ x: mask.x + x, y: mask.y + y });
    heading = next;
  } while (x !== column || y !== row || heading !== 0);
  return ring;
}

/** The heading after the corner (x, y): right where the pixel ahead at the right is outside, left where both are inside. */
function turn(inside: (x: number, y: number) => boolean, x: number, y: number, heading: number): number {
  // The two pixels ahead of the corner, at the right and at the left of the walk.
  const right = inside(heading === 0 || heading === 3 ? x : x - 1, heading < 2 ? y : y - 1);
  const left = inside(heading < 2 ? x : x - 1, heading === 1 || heading === 2 ? y : y - 1);
  if (!right) return (heading + 1) % 4;
  return left ? (heading + 3) % 4 : heading;
}

/** A ring with only the corners that are farther than `tolerance` pixels from the rest (Douglas and Peucker, 1973). */
export function simplify(ring: Vertex[], tolerance: number): Vertex[] {
  if (ring.length <= 4) return ring;
  // A ring has no ends: it is cut at its first corner and at the one farthest from that.
  let far = 0;
  let most = -1;
  const origin = ring[0] as Vertex;
  ring.forEach((vertex, index) => {
    const distance = (vertex.x - origin.x) ** 2 + (vertex.y - origin.y) ** 2;
    if (distance > most) {
      most = distance;
      far = index;
    }
  });
  const first = thin(ring.slice(0, far + 1), tolerance);
  const second = thin([...ring.slice(far), origin], tolerance);
  return [...first.slice(0, -1), ...second.slice(0, -1)];
}

function thin(line: Vertex[], tolerance: number): Vertex[] {
  const keep = new Uint8Array(line.length);
  keep[0] = 1;
  keep[line.length - 1] = 1;
  const parts: [number, number][] = [[0, line.length - 1]];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const [from, to] = part;
    let worst = tolerance;
    let at = -1;
    for (let index = from + 1; index < to; index++) {
      const distance = toSegment(line[index] as Vertex, line[from] as Vertex, line[to] as Vertex);
      if (distance > worst) {
        worst = distance;
        at = index;
      }
    }
    if (at < 0) continue;
    keep[at] = 1;
    parts.push([from, at], [at, to]);
  }
  return line.filter((_, index) => keep[index] === 1);
}

/** How far a point is from the line between two others, in pixels. */
export function toSegment(point: Vertex, a: Vertex, b: Vertex): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const square = dx * dx + dy * dy;
  const along = square === 0 ? 0 : Math.min(Math.max(((point.x - a.x) * dx + (point.y - a.y) * dy) / square, 0), 1);
  return Math.hypot(point.x - a.x - along * dx, point.y - a.y - along * dy);
}
