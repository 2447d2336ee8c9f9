/**
 * The picture below the masks. Images up to 16 megapixels are sent whole; of larger ones the tiles that are on the
 * screen, over a small version of the whole. Decoded pictures are closed when they leave, not left to the collector.
 */
import { signal } from "@preact/signals";
import type { RecordRow, Size } from "../api";
import * as calls from "../server/calls";
import { isAbort, problemOf } from "../server/problem";
import { blob } from "../server/request";
import { notify } from "../shell/notices";
import { TILE, type Tile, visibleTiles, WHOLE } from "./tiles";
import type { Viewport } from "./viewport";

/** Decoded tiles that are kept: 64 are 64 MiB. */
const TILES_KEPT = 64;
const TILES_AT_ONCE = 4;
const BACKDROP = 1600;
/** Above this scale single pixels are shown as squares. */
const SMOOTH_UNTIL = 2;

export class Picture {
  private whole: ImageBitmap | null = null;
  private rough: ImageBitmap | null = null;
  private tiles = new Map<string, ImageBitmap>();
  private loading = new Set<string>();
  private failed = new Set<string>();
  private readonly stop = new AbortController();
  private closed = false;
  size: Size | null;
  /** Why it cannot be shown. */
  readonly failure = signal<string | null>(null);
  /** Called when something more can be drawn. */
  onchange: () => void = () => {};

  constructor(readonly row: RecordRow) {
    this.size = row.size;
    if (this.tiled) void this.load(calls.image(row.index, BACKDROP), "rough");
    else {
      void this.load(calls.thumbnail(row.index, 320), "rough");
      void this.load(calls.image(row.index), "whole");
    }
  }

  get tiled(): boolean {
    return this.size !== null && this.size.width * this.size.height > WHOLE;
  }

  /** Whether the picture is there at its full resolution (of tiled ones: at that of the screen). */
  get sharp(): boolean {
    return this.whole !== null || (this.tiled && this.rough !== null && this.loading.size === 0);
  }

  private async load(path: string, slot: "whole" | "rough"): Promise<void> {
    try {
      const bitmap = await createImageBitmap(await blob(path, this.stop.signal));
      if (this.closed || (slot === "rough" && this.whole !== null)) {
        bitmap.close();
        return;
      }
      this[slot] = bitmap;
      if (slot === "whole") {
        this.size ??= { width: bitmap.width, height: bitmap.height };
        this.rough?.close();
        this.rough = null;
      }
      this.onchange();
    } catch (error) {
      if (isAbort(error) || this.closed) return;
      if (slot === "rough" && !this.tiled) return;
      this.failure.value = problemOf(error).detail;
      this.onchange();
    }
  }

  /** Draws the picture as `view` wants it. The canvas has `ratio` pixels for each CSS pixel of `screen`. */
  draw(context: CanvasRenderingContext2D, view: Viewport, screen: Size, ratio: number): void {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (this.size === null) return;
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    context.imageSmoothingEnabled = view.scale <= SMOOTH_UNTIL;
    context.imageSmoothingQuality = "high";
    const back = this.whole ?? this.rough;
    if (back !== null) {
      if (back === this.rough) context.imageSmoothingEnabled = true;
      context.drawImage(back, 0, 0, this.size.width, this.size.height);
    }
    if (this.tiled) {
      context.imageSmoothingEnabled = view.scale <= SMOOTH_UNTIL;
      this.drawTiles(context, view, screen, ratio);
    }
  }

  private drawTiles(context: CanvasRenderingContext2D, view: Viewport, screen: Size, ratio: number): void {
    const size = this.size as Size;
    for (const tile of visibleTiles(view, size, screen, ratio)) {
      const name = nameOf(tile);
      const bitmap = this.tiles.get(name);
      if (bitmap === undefined) {
        this.ask(tile);
        continue;
      }
      // Used now, so it is the last to be thrown away.
      this.tiles.delete(name);
      this.tiles.set(name, bitmap);
      const side = 2 ** tile.level;
      context.drawImage(
        bitmap,
        tile.column * TILE * side,
        tile.row * TILE * side,
        bitmap.width * side,
        bitmap.height * side,
      );
    }
  }

  private ask(tile: Tile): void {
    const name = nameOf(tile);
    if (this.loading.has(name) || this.failed.has(name) || this.loading.size >= TILES_AT_ONCE) return;
    this.loading.add(name);
    blob(calls.tile(this.row.index, tile.level, tile.column, tile.row), this.stop.signal)
      .then(createImageBitmap)
      .then((bitmap) => {
        if (this.closed) {
          bitmap.close();
          return;
        }
        this.tiles.set(name, bitmap);
        for (const [oldest, old] of this.tiles) {
          if (this.tiles.size <= TILES_KEPT) break;
          old.close();
          this.tiles.delete(oldest);
        }
      })
      .catch((error: unknown) => {
        if (isAbort(error) || this.closed) return;
        this.failed.add(name);
        notify(problemOf(error));
      })
      .finally(() => {
        this.loading.delete(name);
        if (!this.closed) this.onchange();
      });
  }

  close(): void {
    this.closed = true;
    this.stop.abort();
    this.whole?.close();
    this.rough?.close();
    for (const bitmap of this.tiles.values()) bitmap.close();
    this.tiles.clear();
    this.onchange = () => {};
  }
}

function nameOf(tile: Tile): string {
  return `${tile.level}/${tile.column}/${tile.row}`;
}

/** The pictures used last: the one on the screen, the one before and the next one. */
const KEPT = 3;
const kept = new Map<number, Picture>();

/** The picture of a record; made ahead when it was asked for before. */
export function pictureOf(row: RecordRow): Picture {
  let picture = kept.get(row.index);
  if (picture !== undefined && picture.failure.value !== null) {
    picture.close();
    picture = undefined;
  }
  picture ??= new Picture(row);
  kept.delete(row.index);
  kept.set(row.index, picture);
  for (const [oldest, old] of kept) {
    if (kept.size <= KEPT) break;
    old.close();
    kept.delete(oldest);
  }
  return picture;
}

/** Forgets all pictures: the data below changed. */
export function forgetPictures(): void {
  for (const picture of kept.values()) picture.close();
  kept.clear();
}
