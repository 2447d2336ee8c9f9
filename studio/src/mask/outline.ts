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
    for (let column = 0; column < width; column++) {
      const here = row * width + column;
      if (data[here] !== 1 || walked[here] === 1 || inside(column, row - 1)) continue;
      const ring: Vertex[] = [];
      let x = column;
      let y = row;
      let heading = 0;
      do {
        if (heading === 0) walked[y * width + x] = 1;
        x += STEP_X[heading] ?? 0;
        y += STEP_Y[heading] ?? 0;
        const next = turn(inside, x, y, heading);
        if (next !== heading) ring.push({ x: mask.x + x, y: mask.y + y });
        heading = next;
      } while (x !== column || y !== row || heading !== 0);
      rings.push(ring);
    }
  }
  return rings;
}

/** The heading after the corner (x, y): right where the pixel ahead at the right is outside, left where both are inside. */
function turn(inside: (x: number, y: number) => boolean, x: number, y: number, heading: number): number {
  // The two pixels ahead of the corner, at the right and at the left of the walk.
  const [right, left] = [
    [inside(x, y), inside(x, y - 1)],
    [inside(x - 1, y), inside(x, y)],
    [inside(x - 1, y - 1), inside(x - 1, y)],
    [inside(x, y - 1), inside(x - 1, y - 1)],
  ][heading] as [boolean, boolean];
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
