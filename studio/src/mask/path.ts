/** Masks as paths that a canvas fills and strokes; made once for each mask, and gone with it. */
import type { CroppedMask } from "../api";
import { outline } from "./outline";
import type { Vertex } from "./raster";

const made = new WeakMap<CroppedMask, Path2D>();

/** The path of a mask, in pixels of the image; to be filled by the even-odd rule. */
export function pathOf(mask: CroppedMask): Path2D {
  let path = made.get(mask);
  if (path === undefined) {
    path = ringsPath(outline(mask));
    made.set(mask, path);
  }
  return path;
}

/** A path of closed rings. */
export function ringsPath(rings: Vertex[][]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    ring.forEach((vertex, index) => {
      if (index === 0) path.moveTo(vertex.x, vertex.y);
      else path.lineTo(vertex.x, vertex.y);
    });
    path.closePath();
  }
  return path;
}
