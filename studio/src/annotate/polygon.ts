/**
 * Polygons: taps set corners until the ring is closed; then corners are dragged, added on the edges and taken away.
 * Any mask can be made one: its outline, with the corners that matter.
 */
import { signal } from "@preact/signals";
import { outline, simplify, toSegment } from "../mask/outline";
import type { Vertex } from "../mask/raster";
import { isEmpty } from "../mask/runs";
import { say } from "../shell/notices";
import type { Pen, Tool } from "../view/gestures";
import { shaped } from "./document";
import * as session from "./session";
import { stage } from "./stage";

/** Corners of the ring that is not closed yet. */
export const openRing = signal<readonly Vertex[]>([]);
/** The corner that is dragged, and where it is now: the step is made when it is let go. */
export const held = signal<{ ring: number; corner: number; at: Vertex } | null>(null);

/** How near the pen must be to a corner, in CSS pixels. */
const REACH = { mouse: 9, touch: 22 };

type Rings = readonly (readonly Vertex[])[];

/** The rings as they are drawn now, with the dragged corner where it is. */
export function ringsNow(): Rings {
  const rings = session.item.value?.polygon ?? [];
  const hold = held.value;
  if (hold === null) return rings;
  return rings.map((ring, index) =>
    index === hold.ring ? ring.map((vertex, corner) => (corner === hold.corner ? hold.at : vertex)) : ring,
  );
}

function reachOf(pen: Pen): number {
  return (pen.touch ? REACH.touch : REACH.mouse) / stage.view.scale;
}

/** The nearest corner within reach. */
export function cornerAt(rings: Rings, at: Vertex, reach: number): { ring: number; corner: number } | null {
  let best: { ring: number; corner: number } | null = null;
  let least = reach;
  rings.forEach((vertices, ring) => {
    vertices.forEach((vertex, corner) => {
      const distance = Math.hypot(vertex.x - at.x, vertex.y - at.y);
      if (distance <= least) {
        least = distance;
        best = { ring, corner };
      }
    });
  });
  return best;
}

/** The nearest edge within reach, by the corner it begins with. */
export function edgeAt(rings: Rings, at: Vertex, reach: number): { ring: number; corner: number } | null {
  let best: { ring: number; corner: number } | null = null;
  let least = reach;
  rings.forEach((vertices, ring) => {
    vertices.forEach((vertex, corner) => {
      const distance = toSegment(at, vertex, vertices[(corner + 1) % vertices.length] as Vertex);
      if (distance <= least) {
        least = distance;
        best = { ring, corner };
      }
    });
  });
  return best;
}

function reshape(rings: Rings): void {
  const size = stage.picture?.size;
  if (size != null) session.apply(shaped(session.doc.value, rings, size));
}

/** Closes the ring that is drawn; another one of the same object is added to it. */
export function closeRing(): boolean {
  const ring = openRing.value;
  if (ring.length === 0) return false;
  openRing.value = [];
  if (ring.length < 3) {
    say("A polygon has at least three corners");
    return true;
  }
  reshape([...(session.item.value?.polygon ?? []), ring]);
  return true;
}

/** Makes a polygon of the edited object's mask. */
export function toPolygon(): void {
  const item = session.item.value;
  if (item === null || isEmpty(item.mask)) return say("Select an object with a mask first");
  // Half a pixel per 200 of its size keeps a large object's corners few.
  const tolerance = Math.max(0.75, Math.max(item.mask.width, item.mask.height) / 400);
  const rings = outline(item.mask)
    .map((ring) => simplify(ring, tolerance))
    .filter((ring) => ring.length >= 3);
  reshape(rings);
}

export const polygonTool: Tool = {
  drags: (pen) => !pen.second && openRing.value.length === 0 && cornerAt(ringsNow(), pen.at, reachOf(pen)) !== null,
  down: (pen) => {
    const corner = cornerAt(ringsNow(), pen.at, reachOf(pen));
    if (corner !== null) held.value = { ...corner, at: pen.at };
  },
  move: (pen) => {
    if (held.value !== null) held.value = { ...held.value, at: pen.at };
  },
  up: () => {
    const hold = held.value;
    const before = hold === null ? undefined : session.item.value?.polygon?.[hold.ring]?.[hold.corner];
    const rings = ringsNow();
    held.value = null;
    if (hold !== null && before !== undefined && (before.x !== hold.at.x || before.y !== hold.at.y)) reshape(rings);
  },
  cancel: () => {
    held.value = null;
    openRing.value = [];
  },
  tap: (pen) => {
    const reach = reachOf(pen);
    const ring = openRing.value;
    if (pen.second) return takeAway(pen.at, reach);
    const first = ring[0];
    if (first !== undefined && ring.length >= 3 && Math.hypot(first.x - pen.at.x, first.y - pen.at.y) <= reach) {
      closeRing();
      return;
    }
    const rings = ringsNow();
    const edge = ring.length === 0 ? edgeAt(rings, pen.at, reach) : null;
    if (edge === null) openRing.value = [...ring, pen.at];
    else {
      reshape(
        rings.map((vertices, index) =>
          index === edge.ring
            ? [...vertices.slice(0, edge.corner + 1), pen.at, ...vertices.slice(edge.corner + 1)]
            : vertices,
        ),
      );
    }
  },
  twice: () => {
    closeRing();
  },
};

function takeAway(at: Vertex, reach: number): void {
  if (openRing.value.length > 0) {
    openRing.value = openRing.value.slice(0, -1);
    return;
  }
  const rings = ringsNow();
  const corner = cornerAt(rings, at, reach);
  if (corner === null) return;
  const left = rings.map((ring, index) => (index === corner.ring ? ring.filter((_, k) => k !== corner.corner) : ring));
  reshape(left.filter((ring) => ring.length >= 3));
}
