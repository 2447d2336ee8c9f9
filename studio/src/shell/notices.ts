/** What the user is told in passing, and errors that stay until they are dismissed. */
import { signal } from "@preact/signals";
import type { Problem } from "../server/problem";

export interface Notice {
  id: number;
  kind: "problem" | "word";
  text: string;
  problem: Problem | null;
  times: number;
}

export const notices = signal<readonly Notice[]>([]);

let made = 0;

/** Shows a problem. The same problem again is counted, not stacked. A lost server has its own bar. */
export function notify(problem: Problem): void {
  if (problem.code === "unreachable") return;
  const same = notices.value.find((notice) => notice.problem?.detail === problem.detail);
  if (same !== undefined) {
    notices.value = notices.value.map((notice) => (notice === same ? { ...same, times: same.times + 1 } : notice));
    return;
  }
  add({ kind: "problem", text: problem.title, problem });
}

/** Shows a word for four seconds. */
export function say(text: string): void {
  const id = add({ kind: "word", text, problem: null });
  setTimeout(() => dismiss(id), 4000);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

function add(notice: Omit<Notice, "id" | "times">): number {
  const id = ++made;
  notices.value = [...notices.value.slice(-3), { ...notice, id, times: 1 }];
  return id;
}
