/**
 * The records of a filter, read in pages when they come on the screen. Pages that left it before they arrived are given
 * up, and of those read the newest are kept.
 */
import { signal } from "@preact/signals";
import type { RecordRow, Records } from "../api";
import { isAbort, problemOf } from "../server/problem";
import { notify } from "../shell/notices";

export const PAGE = 120;
const KEPT = 40;

export class Pages {
  readonly total = signal<number | null>(null);
  /** Counts what arrived: a view that reads it is drawn anew. */
  readonly version = signal(0);
  private pages = new Map<number, RecordRow[]>();
  private asking = new Map<number, AbortController>();

  constructor(private readonly read: (offset: number, limit: number, stop: AbortSignal) => Promise<Records>) {}

  /** The record in a cell of the grid; undefined while it is not read. */
  at(cell: number): RecordRow | undefined {
    return this.pages.get(Math.floor(cell / PAGE))?.[cell % PAGE];
  }

  /** Asks for the cells from `first` up to `last`, and gives up others. */
  want(first: number, last: number): void {
    const from = Math.floor(first / PAGE);
    const to = Math.floor(Math.max(last - 1, first) / PAGE);
    for (const [page, stop] of this.asking) {
      if (page < from || page > to) {
        stop.abort();
        this.asking.delete(page);
      }
    }
    for (let page = from; page <= to; page++) {
      const rows = this.pages.get(page);
      if (rows === undefined) void this.ask(page);
      else {
        this.pages.delete(page);
        this.pages.set(page, rows);
      }
    }
  }

  private async ask(page: number): Promise<void> {
    if (this.asking.has(page)) return;
    const stop = new AbortController();
    this.asking.set(page, stop);
    try {
      const found = await this.read(page * PAGE, PAGE, stop.signal);
      if (stop.signal.aborted) return;
      this.pages.set(page, found.rows);
      this.total.value = found.total;
      for (const oldest of this.pages.keys()) {
        if (this.pages.size <= KEPT) break;
        this.pages.delete(oldest);
      }
      this.version.value++;
    } catch (error) {
      if (!isAbort(error)) {
        this.total.value ??= 0;
        notify(problemOf(error));
      }
    } finally {
      if (this.asking.get(page) === stop) this.asking.delete(page);
    }
  }

  close(): void {
    for (const stop of this.asking.values()) stop.abort();
    this.asking.clear();
  }
}
