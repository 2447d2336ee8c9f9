/**
 * Masks as the server sends them: cut to their box and run-length coded, row by row, beginning with background.
 *
 * All drawing and editing is done on a `Region`: the same box with a byte for each pixel (0 or 1).
 */
import type { CroppedMask, Size } from "../api";

/** A rectangle of a mask with one byte for each pixel, row-major; `x` and `y` are its place in the image. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
  data: Uint8Array;
}

export const EMPTY: CroppedMask = Object.freeze({ x: 0, y: 0, width: 0, height: 0, runs: [] });

/** Whether no pixel is set. */
export function isEmpty(mask: CroppedMask): boolean {
  return mask.width === 0 || mask.height === 0;
}

/** The pixels of a mask. Throws when its runs do not fill its box exactly. */
export function decode(mask: CroppedMask): Region {
  const { x, y, width, height, runs } = mask;
  const data = new Uint8Array(width * height);
  let at = 0;
  let value = 0;
  for (const run of runs) {
    if (run < 0 || at + run > data.length) throw new RangeError(overrun(mask));
    if (value === 1) data.fill(1, at, at + run);
    at += run;
    value ^= 1;
  }
  if (at !== data.length) throw new RangeError(overrun(mask));
  return { x, y, width, height, data };
}

function overrun(mask: CroppedMask): string {
  const sum = mask.runs.reduce((total, run) => total + run, 0);
  return `mask: expected runs over ${mask.width} x ${mask.height} pixels, found ${sum}`;
}

/** The mask of a region, cut to the smallest box that holds all of its pixels. */
export function encode(region: Region): CroppedMask {
  const box = tightBox(region);
  if (box === null) return EMPTY;
  const [left, top, right, bottom] = box;
  const runs: number[] = [];
  let value = 0;
  let run = 0;
  for (let row = top; row < bottom; row++) {
    const pixels = region.data.subarray(row * region.width + left, row * region.width + right);
    // From change to change: looking for a byte is far quicker than a loop, which counts with 100 megapixels.
    for (let at = 0; at < pixels.length; ) {
      const change = pixels.indexOf(value ^ 1, at);
      const end = change < 0 ? pixels.length : change;
      run += end - at;
      at = end;
      if (change < 0) break;
      runs.push(run);
      run = 0;
      value ^= 1;
    }
  }
  runs.push(run);
  return { x: region.x + left, y: region.y + top, width: right - left, height: bottom - top, runs };
}

/** Left, top, right and bottom (both exclusive) of the set pixels, in the region's own pixels. */
function tightBox(region: Region): [number, number, number, number] | null {
  const { width, height, data } = region;
  let left = width;
  let right = 0;
  let top = -1;
  let bottom = 0;
  for (let row = 0; row < height; row++) {
    const start = row * width;
    const first = data.indexOf(1, start);
    if (first < 0) break;
    if (first >= start + width) continue;
    const last = data.lastIndexOf(1, start + width - 1);
    if (top < 0) top = row;
    bottom = row + 1;
    left = Math.min(left, first - start);
    right = Math.max(right, last - start + 1);
  }
  return top < 0 ? null : [left, top, right, bottom];
}

/** The number of pixels that are set. */
export function area(mask: CroppedMask): number {
  let sum = 0;
  for (let index = 1; index < mask.runs.length; index += 2) sum += mask.runs[index] ?? 0;
  return sum;
}

/** Whether the pixel at column `x`, row `y` of the image is set. */
export function contains(mask: CroppedMask, x: number, y: number): boolean {
  const column = Math.floor(x) - mask.x;
  const row = Math.floor(y) - mask.y;
  if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) return false;
  const target = row * mask.width + column;
  let at = 0;
  for (let index = 0; index < mask.runs.length; index++) {
    at += mask.runs[index] ?? 0;
    if (target < at) return index % 2 === 1;
  }
  return false;
}

/** The mask's pixels in a larger rectangle (clipped to the image), with room for an edit there. */
export function regionFor(mask: CroppedMask, box: [number, number, number, number], image: Size): Region {
  const clip = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  const empty = isEmpty(mask);
  const left = clip(Math.floor(empty ? box[0] : Math.min(box[0], mask.x)), image.width);
  const top = clip(Math.floor(empty ? box[1] : Math.min(box[1], mask.y)), image.height);
  const right = clip(Math.ceil(empty ? box[2] : Math.max(box[2], mask.x + mask.width)), image.width);
  const bottom = clip(Math.ceil(empty ? box[3] : Math.max(box[3], mask.y + mask.height)), image.height);
  const region: Region = {
    x: left,
    y: top,
    width: Math.max(right - left, 0),
    height: Math.max(bottom - top, 0),
    data: new Uint8Array(Math.max(right - left, 0) * Math.max(bottom - top, 0)),
  };
  if (!empty) copyInto(region, decode(mask));
  return region;
}

function copyInto(target: Region, source: Region): void {
  const from = Math.max(target.x - source.x, 0);
  const to = Math.min(target.x + target.width - source.x, source.width);
  if (to <= from) return;
  for (let row = 0; row < source.height; row++) {
    const targetRow = source.y + row - target.y;
    if (targetRow < 0 || targetRow >= target.height) continue;
    const cut = source.data.subarray(row * source.width + from, row * source.width + to);
    target.data.set(cut, targetRow * target.width + source.x + from - target.x);
  }
}

/** Pixels that both masks have, and that either has. */
export function overlap(a: CroppedMask, b: CroppedMask): { both: number; either: number } {
  const sum = area(a) + area(b);
  const left = Math.max(a.x, b.x);
  const top = Math.max(a.y, b.y);
  const right = Math.min(a.x + a.width, b.x + b.width);
  const bottom = Math.min(a.y + a.height, b.y + b.height);
  if (right <= left || bottom <= top) return { both: 0, either: sum };
  const first = decode(a);
  const second = decode(b);
  let both = 0;
  for (let y = top; y < bottom; y++) {
    const one = (y - a.y) * a.width - a.x;
    const two = (y - b.y) * b.width - b.x;
    for (let x = left; x < right; x++) both += (first.data[one + x] ?? 0) & (second.data[two + x] ?? 0);
  }
  return { both, either: sum - both };
}

/** Intersection over union; 1 when both are empty. */
export function iou(a: CroppedMask, b: CroppedMask): number {
  const { both, either } = overlap(a, b);
  return either === 0 ? 1 : both / either;
}
