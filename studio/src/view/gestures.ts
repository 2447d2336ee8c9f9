/**
 * Pointers, wheel and touch on a stage, as what a tool understands: a tap or a drag, with the first or the second
 * button. Two fingers and the middle button move the view whatever the tool; with a finger, holding still is the second
 * button.
 */
import type { Size } from "../api";
import type { Vertex } from "../mask/raster";
import { pan, toImage, type Viewport, wheelFactor, wheelZooms, zoom } from "./viewport";

/** Where the pen is, in pixels of the image and of the screen. */
export interface Pen {
  at: Vertex;
  screen: Vertex;
  /** Right button, Alt, or a long press. */
  second: boolean;
  shift: boolean;
  touch: boolean;
}

export interface Tool {
  /** Whether a drag that begins here belongs to the tool; the view is moved otherwise. */
  drags(pen: Pen): boolean;
  down?(pen: Pen): void;
  move?(pen: Pen): void;
  up?(pen: Pen): void;
  cancel?(): void;
  tap?(pen: Pen): void;
  twice?(pen: Pen): void;
  hover?(pen: Pen | null): void;
}

/** What the gestures act on. */
export interface Target {
  tool(): Tool | null;
  view(): Viewport;
  setView(view: Viewport): void;
  image(): Size | null;
  screen(): Size;
}

const TAP_REACH = { mouse: 4, touch: 10 };
const LONG_PRESS = 450;
const TWICE = 320;

type Phase = "idle" | "pressed" | "tool" | "pan" | "pinch";

export class Gestures {
  private phase: Phase = "idle";
  private pointers = new Map<number, Vertex>();
  private begin: Pen | null = null;
  private last: Vertex = { x: 0, y: 0 };
  private timer = 0;
  private lastTap = { time: 0, x: 0, y: 0 };
  private readonly ends = new AbortController();

  constructor(
    private readonly element: HTMLElement,
    private readonly target: Target,
  ) {
    const options = { signal: this.ends.signal };
    element.addEventListener("pointerdown", (event) => this.down(event), options);
    element.addEventListener("pointermove", (event) => this.move(event), options);
    element.addEventListener("pointerup", (event) => this.up(event), options);
    element.addEventListener("pointercancel", (event) => this.lost(event), options);
    element.addEventListener("pointerleave", () => this.target.tool()?.hover?.(null), options);
    element.addEventListener("contextmenu", (event) => event.preventDefault(), options);
    element.addEventListener("wheel", (event) => this.wheel(event), { ...options, passive: false });
  }

  close(): void {
    clearTimeout(this.timer);
    this.ends.abort();
  }

  private place(event: MouseEvent): Vertex {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private pen(event: PointerEvent): Pen {
    const screen = this.place(event);
    return {
      at: toImage(this.target.view(), screen),
      screen,
      second: event.button === 2 || (event.buttons & 2) !== 0 || event.altKey,
      shift: event.shiftKey,
      touch: event.pointerType === "touch",
    };
  }

  private down(event: PointerEvent): void {
    const screen = this.place(event);
    this.pointers.set(event.pointerId, screen);
    this.element.setPointerCapture(event.pointerId);
    this.last = screen;
    if (this.pointers.size === 2) {
      this.stopTool();
      this.phase = "pinch";
      return;
    }
    if (this.pointers.size > 2) return;
    if (event.button === 1) {
      event.preventDefault();
      this.phase = "pan";
      return;
    }
    const pen = this.pen(event);
    const tool = this.target.tool();
    this.begin = pen;
    this.phase = "pressed";
    if (tool?.drags(pen) === true) {
      this.phase = "tool";
      tool.down?.(pen);
    } else if (pen.touch) {
      this.timer = window.setTimeout(() => this.longPress(), LONG_PRESS);
    }
  }

  private longPress(): void {
    if (this.phase !== "pressed" || this.begin === null) return;
    this.phase = "idle";
    this.target.tool()?.tap?.({ ...this.begin, second: true });
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType !== "touch") this.target.tool()?.hover?.(this.pen(event));
      return;
    }
    const screen = this.place(event);
    if (this.phase === "pinch") this.pinch(event.pointerId, screen);
    this.pointers.set(event.pointerId, screen);
    if (this.phase === "tool") {
      const tool = this.target.tool();
      // A quick stroke has more points than frames; without them its curve has corners.
      const events = event.getCoalescedEvents?.() ?? [];
      const second = this.begin?.second ?? false;
      for (const each of events.length > 0 ? events : [event]) tool?.move?.({ ...this.pen(each), second });
      return;
    }
    if (this.phase === "pressed" && this.begin !== null) {
      const reach = this.begin.touch ? TAP_REACH.touch : TAP_REACH.mouse;
      if (Math.hypot(screen.x - this.begin.screen.x, screen.y - this.begin.screen.y) < reach) return;
      clearTimeout(this.timer);
      this.phase = "pan";
    }
    if (this.phase === "pan") this.shift(screen.x - this.last.x, screen.y - this.last.y);
    this.last = screen;
  }

  private shift(dx: number, dy: number): void {
    const image = this.target.image();
    if (image !== null) this.target.setView(pan(this.target.view(), dx, dy, image, this.target.screen()));
  }

  private pinch(moved: number, to: Vertex): void {
    const from = this.pointers.get(moved);
    const other = [...this.pointers].find(([id]) => id !== moved)?.[1];
    const image = this.target.image();
    if (from === undefined || other === undefined || image === null) return;
    const before = Math.hypot(from.x - other.x, from.y - other.y);
    const now = Math.hypot(to.x - other.x, to.y - other.y);
    const about = { x: (from.x + other.x) / 2, y: (from.y + other.y) / 2 };
    this.shift((to.x - from.x) / 2, (to.y - from.y) / 2);
    if (before < 4 || now < 4) return;
    this.target.setView(zoom(this.target.view(), now / before, about, image, this.target.screen()));
  }

  private up(event: PointerEvent): void {
    clearTimeout(this.timer);
    this.pointers.delete(event.pointerId);
    const pen = this.pen(event);
    const tool = this.target.tool();
    if (this.phase === "tool") tool?.up?.({ ...pen, second: this.begin?.second ?? false });
    if (this.phase === "pressed" && this.begin !== null) this.tapped(tool, { ...pen, second: this.begin.second });
    if (this.pointers.size === 0) this.phase = "idle";
    else if (this.phase !== "pinch") this.phase = "pan";
    this.begin = null;
  }

  private tapped(tool: Tool | null, pen: Pen): void {
    const now = performance.now();
    const near = Math.hypot(pen.screen.x - this.lastTap.x, pen.screen.y - this.lastTap.y) < 12;
    const twice = near && now - this.lastTap.time < TWICE && tool?.twice !== undefined;
    this.lastTap = { time: twice ? 0 : now, ...pen.screen };
    if (twice) tool?.twice?.(pen);
    else tool?.tap?.(pen);
  }

  private lost(event: PointerEvent): void {
    clearTimeout(this.timer);
    this.pointers.delete(event.pointerId);
    this.stopTool();
    this.phase = "idle";
  }

  private stopTool(): void {
    clearTimeout(this.timer);
    if (this.phase === "tool") this.target.tool()?.cancel?.();
    this.begin = null;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const image = this.target.image();
    if (image === null) return;
    if (wheelZooms(event)) {
      // A pinch on a touchpad turns the wheel by little.
      const delta = event.deltaY * (event.ctrlKey ? 6 : event.deltaMode === 1 ? 33 : 1);
      this.target.setView(zoom(this.target.view(), wheelFactor(delta), this.place(event), image, this.target.screen()));
    } else this.shift(-event.deltaX, -event.deltaY);
  }
}
