/** How masks and prompts look on a stage. Contexts are in CSS pixels; masks in pixels of the image. */
import type { CroppedMask, Point } from "../api";
import { pathOf } from "../mask/path";
import type { Vertex } from "../mask/raster";
import { toScreen, type Viewport } from "./viewport";

export type MaskStyle = "both" | "outline" | "fill" | "none";

export interface Look {
  style: MaskStyle;
  /** Of the fill, 0 to 1. */
  opacity: number;
}

/** Runs `draw` with the image's pixels as the unit. */
export function inImage(context: CanvasRenderingContext2D, view: Viewport, draw: () => void): void {
  context.save();
  context.translate(view.x, view.y);
  context.scale(view.scale, view.scale);
  draw();
  context.restore();
}

/** A mask, filled and with its outline: a dark line below the coloured one keeps it visible on any picture. */
export function paintMask(
  context: CanvasRenderingContext2D,
  view: Viewport,
  mask: CroppedMask,
  colour: string,
  look: Look,
  strong = true,
): void {
  if (look.style === "none") return;
  const path = pathOf(mask);
  inImage(context, view, () => {
    if (look.style !== "outline") {
      context.globalAlpha = look.opacity * (strong ? 1 : 0.7);
      context.fillStyle = colour;
      context.fill(path, "evenodd");
    }
    if (look.style === "fill") return;
    context.lineJoin = "round";
    context.globalAlpha = strong ? 0.55 : 0.35;
    context.strokeStyle = "#05070a";
    context.lineWidth = (strong ? 4 : 3) / view.scale;
    context.stroke(path);
    context.globalAlpha = strong ? 1 : 0.75;
    context.strokeStyle = colour;
    context.lineWidth = (strong ? 2 : 1.25) / view.scale;
    context.stroke(path);
  });
}

/** A click: a green plus or a red minus, told apart by more than the colour. */
export function paintPoint(context: CanvasRenderingContext2D, view: Viewport, point: Point): void {
  const { x, y } = toScreen(view, point);
  context.beginPath();
  context.arc(x, y, 8, 0, 2 * Math.PI);
  context.fillStyle = point.positive ? "#7fdba3" : "#ff8a80";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "#05070a";
  context.stroke();
  context.beginPath();
  context.moveTo(x - 4, y);
  context.lineTo(x + 4, y);
  if (point.positive) {
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
  }
  context.stroke();
}

export function paintBox(
  context: CanvasRenderingContext2D,
  view: Viewport,
  box: readonly [number, number, number, number],
  colour: string,
): void {
  const a = toScreen(view, { x: box[0], y: box[1] });
  const b = toScreen(view, { x: box[2], y: box[3] });
  for (const [style, width, dash] of [
    ["#05070a", 3, []],
    [colour, 1.5, [6, 4]],
  ] as [string, number, number[]][]) {
    context.setLineDash(dash);
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
  }
  context.setLineDash([]);
}

/** A line through points of the image, as while a lasso or polygon is drawn. */
export function paintLine(
  context: CanvasRenderingContext2D,
  view: Viewport,
  line: readonly Vertex[],
  colour: string,
  closed: boolean,
): void {
  context.beginPath();
  line.forEach((vertex, index) => {
    const { x, y } = toScreen(view, vertex);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  if (closed) context.closePath();
  context.lineJoin = "round";
  context.strokeStyle = "#05070a";
  context.lineWidth = 3.5;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = 1.75;
  context.stroke();
}

/** Corners of a polygon, as handles. */
export function paintHandles(
  context: CanvasRenderingContext2D,
  view: Viewport,
  ring: readonly Vertex[],
  colour: string,
  marked: number,
): void {
  ring.forEach((vertex, index) => {
    const { x, y } = toScreen(view, vertex);
    const side = index === marked ? 6 : 4;
    context.fillStyle = index === marked ? "#ffffff" : colour;
    context.strokeStyle = "#05070a";
    context.lineWidth = 1.5;
    context.beginPath();
    context.rect(x - side, y - side, 2 * side, 2 * side);
    context.fill();
    context.stroke();
  });
}

/** A crosshair that the arrow keys move. */
export function paintCrosshair(context: CanvasRenderingContext2D, view: Viewport, at: Vertex): void {
  const { x, y } = toScreen(view, at);
  for (const [style, width] of [
    ["#05070a", 4],
    ["#ffffff", 1.5],
  ] as [string, number][]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as [number, number][]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 16 * dx, y + 16 * dy);
    }
    context.stroke();
  }
}
