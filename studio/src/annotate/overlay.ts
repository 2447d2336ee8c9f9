/** What the annotate view draws over the picture: masks, prompts, what is being drawn, the brush's circle. */
import type { Size } from "../api";
import { pathOf } from "../mask/path";
import type { Vertex } from "../mask/raster";
import { isEmpty } from "../mask/runs";
import {
  inImage,
  type Look,
  paintBox,
  paintCrosshair,
  paintHandles,
  paintLine,
  paintMask,
  paintPoint,
} from "../view/paint";
import { toScreen, type Viewport } from "../view/viewport";
import { COLOURS, type Item } from "./document";
import { kept, look } from "./look";
import { held, openRing, ringsNow } from "./polygon";
import * as session from "./session";
import { crosshair, hover, radius, sketch, toolName } from "./tools";

/** The colour of an object that is not begun yet. */
const NEW = COLOURS[0];

/** Reads every signal that the overlay shows: an effect around it runs when any of them changes. */
export function watch(): void {
  for (const shown of [session.doc, session.everything, look, kept, sketch, hover, radius, toolName]) void shown.value;
  for (const shown of [openRing, held, crosshair, session.conflict]) void shown.value;
}

export function overlay(context: CanvasRenderingContext2D, view: Viewport, screen: Size): void {
  const how = look.value;
  const edited = session.item.value;
  const drawn = sketch.value;
  const found = session.everything.value;
  if (found !== null) {
    paintFound(context, view, how);
    return;
  }
  paintResting(context, view, screen, how, edited);
  for (const object of session.conflict.value?.objects ?? []) {
    paintMask(context, view, object.mask, "#ffffff", { style: "outline", opacity: 0 }, false);
  }
  const brushing = drawn?.kind === "add" || drawn?.kind === "erase";
  if (brushing) paintStroke(context, view, screen, edited, how);
  else if (edited !== null && !edited.hidden && !isEmpty(edited.mask)) {
    paintMask(context, view, edited.mask, edited.colour, how);
  }
  const colour = edited?.colour ?? NEW;
  if (edited?.box != null) paintBox(context, view, edited.box, colour);
  for (const point of edited?.points ?? []) paintPoint(context, view, point);
  if (drawn !== null && drawn.line.length > 1 && !brushing) {
    const [a, b] = drawn.line as [Vertex, Vertex];
    if (drawn.kind === "box") paintBox(context, view, [a.x, a.y, b.x, b.y], colour);
    else paintLine(context, view, drawn.line, colour, true);
  }
  paintPolygon(context, view, colour);
  const tool = toolName.value;
  const at = hover.value;
  if (at !== null && (tool === "brush" || tool === "eraser")) paintBrush(context, view, at);
  if (at !== null && tool === "box" && drawn === null) paintGuides(context, view, at, screen);
  if (crosshair.value !== null) paintCrosshair(context, view, crosshair.value);
}

let resting: { canvas: HTMLCanvasElement; key: readonly unknown[] } | null = null;

/**
 * The masks that are not edited. They are drawn once and then copied, for as long as neither they nor the view change: a
 * moving brush draws its circle and the edited mask alone, however many objects there are.
 */
function paintResting(
  context: CanvasRenderingContext2D,
  view: Viewport,
  screen: Size,
  how: Look,
  edited: Item | null,
): void {
  const items = session.doc.value.items.filter((item) => !item.hidden && !isEmpty(item.mask) && item !== edited);
  if (items.length === 0) return;
  const { width, height } = context.canvas;
  const shown = items.flatMap((item) => [item.mask, item.colour]);
  const key = [width, height, view.scale, view.x, view.y, how.style, how.opacity, ...shown];
  const same =
    resting !== null && resting.key.length === key.length && resting.key.every((each, at) => each === key[at]);
  if (!same) {
    const canvas = resting?.canvas ?? document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const inner = canvas.getContext("2d");
    if (inner === null) return;
    const ratio = width / Math.max(screen.width, 1);
    inner.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const item of items) paintMask(inner, view, item.mask, item.colour, how, false);
    resting = { canvas, key };
  }
  if (resting !== null) context.drawImage(resting.canvas, 0, 0, screen.width, screen.height);
}

function paintFound(context: CanvasRenderingContext2D, view: Viewport, how: Look): void {
  const chosen = kept.value;
  (session.everything.value ?? []).forEach((proposal, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? NEW;
    if (chosen.has(index)) paintMask(context, view, proposal.mask, colour, how);
    else paintMask(context, view, proposal.mask, "#96a2b2", { style: "outline", opacity: 0 }, false);
  });
}

let layer: HTMLCanvasElement | null = null;

/**
 * The edited mask while the brush moves. The stroke is drawn as a thick line on a layer of its own with the mask, so
 * that both together have one shade and one outline, at the price of a line however large the mask is.
 */
function paintStroke(
  context: CanvasRenderingContext2D,
  view: Viewport,
  screen: Size,
  edited: Item | null,
  how: Look,
): void {
  const drawn = sketch.value;
  if (drawn === null) return;
  const ratio = context.canvas.width / Math.max(screen.width, 1);
  layer ??= document.createElement("canvas");
  if (layer.width !== context.canvas.width) layer.width = context.canvas.width;
  if (layer.height !== context.canvas.height) layer.height = context.canvas.height;
  const inner = layer.getContext("2d");
  if (inner === null) return;
  const mask = edited !== null && !edited.hidden && !isEmpty(edited.mask) ? pathOf(edited.mask) : null;
  const colour = edited?.colour ?? NEW;
  const line = new Path2D();
  drawn.line.forEach((vertex, index) => {
    if (index === 0) line.moveTo(vertex.x, vertex.y);
    // A line to its own begin is a dot: a tap of the brush.
    line.lineTo(vertex.x, vertex.y);
  });
  const shape = (grown: number) => {
    inner.setTransform(1, 0, 0, 1, 0, 0);
    inner.globalCompositeOperation = "source-over";
    inner.clearRect(0, 0, inner.canvas.width, inner.canvas.height);
    inner.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    inner.fillStyle = colour;
    inner.strokeStyle = colour;
    inner.lineCap = "round";
    inner.lineJoin = "round";
    if (mask !== null) {
      inner.fill(mask, "evenodd");
      inner.lineWidth = (2 * grown) / view.scale;
      if (grown > 0) inner.stroke(mask);
    }
    inner.globalCompositeOperation = drawn.kind === "add" ? "source-over" : "destination-out";
    const reach = drawn.kind === "add" ? grown : -grown;
    inner.lineWidth = Math.max(2 * radius.value + (2 * reach) / view.scale, 0.01);
    inner.stroke(line);
  };
  const put = (alpha: number) => {
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = alpha;
    context.drawImage(inner.canvas, 0, 0);
    context.restore();
  };
  shape(1);
  put(how.style === "outline" ? 0.2 : Math.min(how.opacity + 0.12, 1));
}

function paintPolygon(context: CanvasRenderingContext2D, view: Viewport, colour: string): void {
  const ring = openRing.value;
  if (ring.length > 0) {
    const at = hover.value;
    paintLine(context, view, at === null ? ring : [...ring, at], colour, false);
    paintHandles(context, view, ring, colour, 0);
  }
  if (toolName.value !== "polygon") return;
  const hold = held.value;
  ringsNow().forEach((vertices, index) => {
    if (hold !== null) paintLine(context, view, vertices, colour, true);
    paintHandles(context, view, vertices, colour, hold?.ring === index ? hold.corner : -1);
  });
}

function paintBrush(context: CanvasRenderingContext2D, view: Viewport, at: Vertex): void {
  inImage(context, view, () => {
    context.beginPath();
    context.arc(at.x, at.y, radius.value, 0, 2 * Math.PI);
    context.strokeStyle = "#05070a";
    context.lineWidth = 3 / view.scale;
    context.stroke();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.25 / view.scale;
    context.stroke();
  });
}

/** Two lines through the pen, to begin a box at an object's edges. */
function paintGuides(context: CanvasRenderingContext2D, view: Viewport, at: Vertex, screen: Size): void {
  const { x, y } = toScreen(view, at);
  context.strokeStyle = "rgba(255, 255, 255, 0.45)";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, screen.height);
  context.moveTo(0, y);
  context.lineTo(screen.width, y);
  context.stroke();
}
