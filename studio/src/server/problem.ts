/** What went wrong with a request, with the fields of problem+json. */
import type { Corrections } from "../api";

export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  file?: string;
  expected?: string;
  found?: string;
  /** The newer corrections, of a conflict. */
  current?: Corrections;
}

export class RequestError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "RequestError";
  }

  /** Whether the server could not be reached at all. */
  get lost(): boolean {
    return this.problem.status === 0;
  }
}

/** The problem of any error; those of the page's own code too. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { title: "The page failed", status: -1, detail, code: "page" };
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** What to do about it, where the page knows. */
export function advice(problem: Problem): string | null {
  switch (problem.code) {
    case "unreachable":
      return "Edits are kept here and are saved when the server answers again. If it was stopped, start maskwright studio again.";
    case "conflict":
      return "Another window saved this image first. Open it to choose which objects stay.";
    case "file_missing":
      return "Put the file back, or take its line out of the data file.";
    case "file":
      return "Check the disk's free space and the folder's permissions, then save again: nothing was changed.";
    case "disk_full":
      return "Make room on the disk, then save again: what was there before is untouched, and the edits are kept here.";
    case "no_model":
      return "Start the studio with --checkpoint FILE, or train a model; brush, lasso and polygon work without one.";
    case "missing":
      return "It was removed meanwhile; reload the page to see what is there.";
    case "model":
      return "Choose another model at the top of the page.";
    case "busy":
      return "Wait until the work before it is done, and try again.";
    default:
      return problem.status >= 500 ? "The server's terminal may say more." : null;
  }
}

/** Reads an answer that is no success. */
export async function readProblem(response: Response): Promise<Problem> {
  const general: Problem = {
    title: response.statusText || "The request failed",
    status: response.status,
    detail: `the server answered ${response.status}`,
    code: "other",
  };
  const kind = response.headers.get("content-type") ?? "";
  if (!kind.includes("json")) return general;
  try {
    return { ...general, ...((await response.json()) as Partial<Problem>) };
  } catch {
    return general;
  }
}
