/** Which tiles of a huge image are wanted. Tiles are 512 pixels; level 0 is full size, each further level is half. */
import type { Size } from "../api";
import { toImage, type Viewport } from "./viewport";

export const TILE = 512;
/** Images above this many pixels are not sent whole. */
export const WHOLE = 16_000_000;

export interface Tile {
  level: number;
  column: number;
  row: number;
}

/** The number of levels of an image: the last one is a single tile. */
export function levels(image: Size): number {
  return 1 + Math.max(0, Math.ceil(Math.log2(Math.max(image.width, image.height) / TILE)));
}

/** The level whose pixels are at least as fine as those of the screen. */
export function levelFor(view: Viewport, image: Size, pixelRatio: number): number {
  const wanted = Math.floor(Math.log2(1 / (view.scale * pixelRatio)) + 1e-6);
  return Math.min(Math.max(wanted, 0), levels(image) - 1);
}

/** The tiles of the level that are on the screen, those nearest to its middle first. */
export function visibleTiles(view: Viewport, image: Size, screen: Size, pixelRatio: number): Tile[] {
  const level = levelFor(view, image, pixelRatio);
  const side = TILE * 2 ** level;
  const low = toImage(view, { x: 0, y: 0 });
  const high = toImage(view, { x: screen.width, y: screen.height });
  const columns = Math.ceil(image.width / side);
  const rows = Math.ceil(image.height / side);
  const first = { column: Math.max(0, Math.floor(low.x / side)), row: Math.max(0, Math.floor(low.y / side)) };
  const last = {
    column: Math.min(columns - 1, Math.floor(high.x / side)),
    row: Math.min(rows - 1, Math.floor(high.y / side)),
  };
  const tiles: Tile[] = [];
  for (let row = first.row; row <= last.row; row++) {
    for (let column = first.column; column <= last.column; column++) tiles.push({ level, column, row });
  }
  const middle = { column: (low.x + high.x) / 2 / side - 0.5, row: (low.y + high.y) / 2 / side - 0.5 };
  const distance = (tile: Tile) => (tile.column - middle.column) ** 2 + (tile.row - middle.row) ** 2;
  return tiles.sort((a, b) => distance(a) - distance(b));
}
