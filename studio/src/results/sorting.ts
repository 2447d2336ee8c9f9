/** Orders of the results' tables. */
import type { RunDetails, RunRow } from "../api";

export type Column =
  | "name"
  | "state"
  | "epochs_done"
  | "best_epoch"
  | "before_iou"
  | "iou"
  | "boundary_iou"
  | "started";

/** The rows by a column; rows without a value come last in both directions. */
export function sorted(rows: readonly RunRow[], column: Column, down: boolean): RunRow[] {
  return [...rows].sort((a, b) => {
    const one = a[column];
    const two = b[column];
    if (one === null || two === null) return (one === null ? 1 : 0) - (two === null ? 1 : 0);
    const order =
      typeof one === "number" && typeof two === "number"
        ? one - two
        : String(one).localeCompare(String(two), "en", { numeric: true });
    return down ? -order : order;
  });
}

export type ImageResult = RunDetails["images"][number];

/**
 * The images by how much they changed, those that lost most first or last. Where no image has a result from before, as
 * in a first run, by what they have now.
 */
export function byChange(images: readonly ImageResult[], worst: boolean): ImageResult[] {
  const known = images.filter((image) => image.now !== null);
  const both = known.filter((image) => image.before !== null);
  const change = (image: ImageResult) => (image.now ?? 0) - (image.before ?? 0);
  return (both.length > 0 ? both : known).sort((a, b) => (worst ? change(a) - change(b) : change(b) - change(a)));
}

/** Whether less of a figure is better: clicks, losses, times. */
export function lessIsBetter(name: string): boolean {
  return /click|noc|loss|error|second|time/i.test(name);
}

/** How many got better, worse, or changed by less than `still`. */
export function tally(images: readonly ImageResult[], still = 0.005): { better: number; worse: number; same: number } {
  const count = { better: 0, worse: 0, same: 0 };
  for (const { before, now } of images) {
    if (before === null || now === null) continue;
    if (Math.abs(now - before) < still) count.same++;
    else if (now > before) count.better++;
    else count.worse++;
  }
  return count;
}
