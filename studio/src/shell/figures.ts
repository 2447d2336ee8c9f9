/** Figures as text. */
import type { Job } from "../api";

/** A count with thin spaces between thousands. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** A count with its noun, which is written for one and for many. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${whole(value)} ${value === 1 ? one : many}`;
}

/** A share such as an IoU, with `digits` decimals; a dash where there is none. */
export function share(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

/** A difference with its sign. */
export function signed(value: number, digits = 3): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return `±${text}`;
  return `${value > 0 ? "+" : "\u2212"}${text}`;
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size >= 100 || unit === 0 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

/** A time span such as "4 min". */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.max(Math.round(seconds), 0)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

export function left(seconds: number | null): string {
  return seconds === null ? "" : ` · ${span(seconds)} left`;
}

/** How long ago a time is. */
export function ago(then: number, now: number): string {
  const seconds = (now - then) / 1000;
  return seconds < 3 ? "just now" : `${span(seconds)} ago`;
}

/** How much of a job is done, 0 to 1. Epochs count from 0, and `epoch` is the one that runs. */
export function fraction(job: Pick<Job, "epoch" | "epochs" | "step" | "steps">): number {
  if (job.epochs <= 0) return 0;
  const within = job.steps > 0 ? Math.min(job.step / job.steps, 1) : 0;
  return Math.min((job.epoch + within) / job.epochs, 1);
}

/** Whether a process works on a job, be it that it stands still for now. */
export function goesOn(job: Pick<Job, "state">): boolean {
  return job.state === "running" || job.state === "paused" || job.state === "stopping";
}
