import type { CroppedMask, Size } from "../src/api";

/** A generator that gives the same values for the same seed. */
export function generator(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A mask of random runs somewhere in the image; some are empty, some single pixels. */
export function randomMask(seed: number, image: Size): CroppedMask {
  const next = generator(seed);
  const width = 1 + Math.floor(next() * image.width);
  const height = 1 + Math.floor(next() * image.height);
  const x = Math.floor(next() * (image.width - width + 1));
  const y = Math.floor(next() * (image.height - height + 1));
  const runs: number[] = [];
  const longest = 1 + Math.floor(next() * 12);
  let left = width * height;
  while (left > 0) {
    const run = Math.min(left, runs.length === 0 ? Math.floor(next() * longest) : 1 + Math.floor(next() * longest));
    runs.push(run);
    left -= run;
  }
  return { x, y, width, height, runs };
}
