/**
 * The tools of the stage. A tool keeps what is drawn until the pen is lifted, and then makes one step of it; the
 * keyboard's crosshair presses the same tools (`pressAt`), so all of them work without a pointer.
 */
import { signal } from "@preact/signals";
import type { Size } from "../api";
import type { Vertex } from "../mask/raster";
import { contains, isEmpty } from "../mask/runs";
import { live } from "../server/events";
import { say } from "../shell/notices";
import type { Pen, Tool } from "../view/gestures";
import { addPoint, type Box, brushed, dropPoint, lassoed, setBox } from "./document";
import { polygonTool } from "./polygon";
import * as session from "./session";
import { redraw, stage } from "./stage";

export type ToolName = "click" | "box" | "lasso" | "brush" | "eraser" | "polygon" | "hand";

export const toolName = signal<ToolName>("click");
/** The brush's radius in pixels of the image. */
export const radius = signal(12);
export const LEAST_RADIUS = 0.5;
export const MOST_RADIUS = 500;

/** What is being drawn: a box's two corners, or the line of a lasso or brush. */
export interface Sketch {
  kind: "box" | "lasso" | "add" | "erase";
  line: Vertex[];
  /** Whether it was begun with the second button. */
  second: boolean;
}
export const sketch = signal<Sketch | null>(null);
/** Where the pen is, for the brush's circle. */
export const hover = signal<Vertex | null>(null);

function size(): Size | null {
  return stage.picture?.size ?? null;
}

/** Without a model, prompts have no answer: say what does work. */
function needsModel(): boolean {
  if (live.value.model !== null) return true;
  say(live.value.modelLoading ? "The model is still loading" : "No model: brush, lasso and polygon work without one");
  return false;
}

function within(at: Vertex): boolean {
  const image = size();
  return image !== null && at.x >= 0 && at.y >= 0 && at.x < image.width && at.y < image.height;
}

const click: Tool = {
  drags: () => false,
  tap: (pen) => {
    if (!within(pen.at) || !needsModel()) return;
    const again = session.withPrevious.value;
    session.apply(addPoint(session.doc.value, { ...pen.at, positive: !pen.second }, again));
    void session.predict();
  },
};

/** A drag that keeps its line until the pen is lifted. */
function dragging(kind: (pen: Pen) => Sketch["kind"], done: (drawn: Sketch) => void): Tool {
  return {
    drags: () => size() !== null,
    down: (pen) => {
      sketch.value = { kind: kind(pen), line: [pen.at], second: pen.second };
      hover.value = pen.at;
    },
    move: (pen) => {
      const drawn = sketch.value;
      hover.value = pen.at;
      if (drawn === null) return;
      if (drawn.kind === "box") drawn.line = [drawn.line[0] as Vertex, pen.at];
      else drawn.line.push(pen.at);
      redraw();
    },
    up: (pen) => {
      const drawn = sketch.value;
      sketch.value = null;
      // A finger that is lifted is nowhere.
      if (pen.touch) hover.value = null;
      if (drawn !== null) done(drawn);
    },
    cancel: () => {
      sketch.value = null;
    },
    hover: (pen) => {
      hover.value = pen?.at ?? null;
    },
  };
}

const box = dragging(
  () => "box",
  ({ line }) => {
    const [a, b] = line;
    const image = size();
    if (a === undefined || b === undefined || image === null || !needsModel()) return;
    const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    const drawn: Box = [
      clamp(Math.min(a.x, b.x), image.width),
      clamp(Math.min(a.y, b.y), image.height),
      clamp(Math.max(a.x, b.x), image.width),
      clamp(Math.max(a.y, b.y), image.height),
    ];
    if (drawn[2] - drawn[0] < 2 || drawn[3] - drawn[1] < 2)
      return say("Drag from one corner of the object to the other");
    session.apply(setBox(session.doc.value, drawn));
    void session.predict();
  },
);

const lasso = dragging(
  () => "lasso",
  ({ line, second }) => {
    const image = size();
    if (image === null || line.length < 3) return;
    session.apply(lassoed(session.doc.value, line, second ? 0 : 1, image));
  },
);

function brush(erases: boolean): Tool {
  return dragging(
    (pen) => (pen.second !== erases ? "erase" : "add"),
    ({ kind, line }) => {
      const image = size();
      if (image === null) return;
      const value = kind === "add" ? 1 : 0;
      const target = session.item.value;
      if (value === 0 && (target === null || isEmpty(target.mask))) {
        return say("Nothing to erase: select an object first");
      }
      session.apply(brushed(session.doc.value, line, radius.value, value, image));
    },
  );
}

const hand: Tool = {
  drags: () => false,
  tap: (pen) => selectAt(pen.at),
};

/** Makes the smallest object below a point the one that is edited. */
export function selectAt(at: Vertex): void {
  const under = session.doc.value.items
    .filter((item) => !item.hidden && contains(item.mask, at.x, at.y))
    .sort((a, b) => a.mask.width * a.mask.height - b.mask.width * b.mask.height)[0];
  if (under !== undefined) session.pick(under.id);
}

export const TOOLS: Record<ToolName, Tool> = {
  click,
  box,
  lasso,
  brush: brush(false),
  eraser: brush(true),
  polygon: polygonTool,
  hand,
};

export function useTool(name: ToolName): void {
  TOOLS[toolName.value].cancel?.();
  toolName.value = name;
}

export function resizeBrush(factor: number): void {
  radius.value = Math.min(Math.max(radius.value * factor, LEAST_RADIUS), MOST_RADIUS);
}

/** Takes back the last click of the object, and asks again. */
export function dropLastPoint(): void {
  const item = session.item.value;
  if (item === null || item.points.length === 0) return say("The object has no click to take back");
  session.apply(dropPoint(session.doc.value, item.points.length - 1));
  void session.predict();
}

/** The crosshair of the keyboard; null until an arrow key shows it. */
export const crosshair = signal<Vertex | null>(null);

export function moveCrosshair(dx: number, dy: number, fine: boolean): void {
  const image = size();
  if (image === null) return;
  const far = fine ? 1 : Math.max(1, 24 / stage.view.scale);
  const from = crosshair.value ?? { x: Math.floor(image.width / 2) + 0.5, y: Math.floor(image.height / 2) + 0.5 };
  const to = {
    x: Math.min(Math.max(from.x + dx * far, 0.5), image.width - 0.5),
    y: Math.min(Math.max(from.y + dy * far, 0.5), image.height - 0.5),
  };
  crosshair.value = crosshair.value === null ? from : to;
  if (sketch.value !== null) TOOLS[toolName.value].move?.(penAt(to, false));
  else hover.value = to;
}

/** Presses the tool at the crosshair: a tap, or a drag's begin and then its end. */
export function pressAt(second: boolean): void {
  const at = crosshair.value;
  if (at === null) return say("Arrow keys show a crosshair; F then presses the tool there");
  const tool = TOOLS[toolName.value];
  const pen = penAt(at, second);
  if (sketch.value !== null) tool.up?.(pen);
  else if (toolName.value !== "polygon" && tool.drags(pen)) tool.down?.(pen);
  else tool.tap?.(pen);
}

function penAt(at: Vertex, second: boolean): Pen {
  const { scale, x, y } = stage.view;
  return { at, screen: { x: at.x * scale + x, y: at.y * scale + y }, second, shift: false, touch: false };
}
