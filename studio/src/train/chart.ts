/** Curves as paths: scales, ticks and lines, for a chart of given size. Pure, so that it is tested without a browser. */
import type { Curve } from "../api";

export interface Line {
  run: string;
  colour: string;
  curve: Curve;
}

export interface Scale {
  low: number;
  high: number;
}

/** The range of some values with a little room; a single value gets room around it. */
export function scaleOf(values: readonly number[]): Scale {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return { low: 0, high: 1 };
  const room = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.1, 0.01);
  return { low: low - room, high: high + room };
}

/** Round values inside a scale, at most `most` of them: steps are 1, 2 or 5 times a power of ten. */
export function ticks(scale: Scale, most: number): number[] {
  const rough = (scale.high - scale.low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) ?? power * 10;
  const found: number[] = [];
  for (let at = Math.ceil(scale.low / step); at * step <= scale.high; at++) found.push(at * step);
  return found;
}

/** A tick as text with as many decimals as its step needs. */
export function tickText(value: number, all: readonly number[]): string {
  const step = all.length > 1 ? Math.abs((all[1] as number) - (all[0] as number)) : Math.abs(value);
  const digits = step === 0 ? 0 : Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Math.abs(value) >= 10_000 || digits > 5 ? value.toExponential(0) : value.toFixed(digits);
}

/** Points kept for a line: more than the screen has columns are not seen. */
const MOST_POINTS = 1200;

/** The `d` of a line's path; missing values leave gaps. */
export function pathOf(curve: Curve, across: (x: number) => number, up: (y: number) => number): string {
  const stride = Math.max(1, Math.ceil(curve.x.length / MOST_POINTS));
  let text = "";
  let drawing = false;
  for (let at = 0; at < curve.x.length; at++) {
    // The last point always stays: it is the newest figure.
    if (at % stride !== 0 && at !== curve.x.length - 1) continue;
    const x = curve.x[at];
    const y = curve.y[at];
    if (x === undefined || y === undefined || y === null || !Number.isFinite(y)) {
      drawing = false;
      continue;
    }
    text += `${drawing ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`;
    drawing = true;
  }
  return text;
}

/** The place in a curve that is nearest to `x` and has a value. */
export function nearest(curve: Curve, x: number): { x: number; y: number } | null {
  let best: { x: number; y: number } | null = null;
  let least = Infinity;
  curve.x.forEach((each, at) => {
    const y = curve.y[at];
    if (y === null || y === undefined || Math.abs(each - x) >= least) return;
    least = Math.abs(each - x);
    best = { x: each, y };
  });
  return best;
}

/** Curves of several runs, those of one name together, in the order in which names appear. */
export function byName(
  runs: readonly { run: string; colour: string; curves: readonly Curve[] }[],
): Map<string, Line[]> {
  const found = new Map<string, Line[]>();
  for (const { run, colour, curves } of runs) {
    for (const curve of curves) {
      const lines = found.get(curve.name) ?? [];
      lines.push({ run, colour, curve });
      found.set(curve.name, lines);
    }
  }
  return found;
}
