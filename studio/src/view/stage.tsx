/**
 * Two canvases, the picture and what is drawn over it, with zoom, pan and the tools' gestures. Drawing waits for the
 * next frame, so that a hundred moves between two frames are drawn once.
 */
import { useEffect, useRef } from "preact/hooks";
import type { Size } from "../api";
import { Gestures, type Tool } from "./gestures";
import type { Picture } from "./picture";
import { fit, type Viewport, zoom } from "./viewport";

/** What draws over the picture. The context's unit is the CSS pixel. */
export type Overlay = (context: CanvasRenderingContext2D, view: Viewport, screen: Size) => void;

export class StageState {
  picture: Picture | null = null;
  tool: Tool | null = null;
  overlay: Overlay = () => {};
  view: Viewport = { scale: 1, x: 0, y: 0 };
  screen: Size = { width: 0, height: 0 };
  /** The height that tools cover at the bottom, in CSS pixels. */
  foot = 0;
  /** Whether the view was never moved: it then follows the window's size. */
  fitted = true;
  onview: () => void = () => {};
  private base: HTMLCanvasElement | null = null;
  private top: HTMLCanvasElement | null = null;
  private frame = 0;
  private stale = { base: true, top: true };

  show(picture: Picture | null): void {
    if (picture === this.picture) return;
    if (this.picture !== null) this.picture.onchange = () => {};
    this.picture = picture;
    if (picture !== null) {
      picture.onchange = () => {
        if (this.fitted) this.fit();
        this.redraw(true);
      };
    }
    this.fitted = true;
    this.fit();
  }

  fit(): void {
    const size = this.picture?.size;
    if (size == null || this.screen.width === 0) return;
    this.fitted = true;
    this.view = fit(size, this.screen, this.screen.width < 600 ? 8 : 20, this.foot);
    this.onview();
    this.redraw(true);
  }

  /** Leaves room for what covers the bottom of the stage; follows its height. */
  leaveRoom(element: HTMLElement): () => void {
    const sized = new ResizeObserver(() => {
      this.foot = element.offsetHeight + 12;
      if (this.fitted) this.fit();
    });
    sized.observe(element);
    return () => {
      sized.disconnect();
      this.foot = 0;
    };
  }

  setView(view: Viewport): void {
    this.view = view;
    this.fitted = false;
    this.onview();
    this.redraw(true);
  }

  /** Zooms about the middle of the stage. */
  zoomBy(factor: number): void {
    const size = this.picture?.size;
    if (size == null) return;
    const middle = { x: this.screen.width / 2, y: this.screen.height / 2 };
    this.setView(zoom(this.view, factor, middle, size, this.screen));
  }

  zoomTo(scale: number): void {
    this.zoomBy(scale / this.view.scale);
  }

  /** Draws anew with the next frame: the overlay, or the picture as well. */
  redraw(all = false): void {
    this.stale.top = true;
    if (all) this.stale.base = true;
    if (this.frame !== 0 || this.base === null) return;
    this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    this.frame = 0;
    const ratio = window.devicePixelRatio || 1;
    const base = this.base?.getContext("2d", { alpha: true });
    const top = this.top?.getContext("2d");
    if (base == null || top == null) return;
    if (this.stale.base) {
      if (this.picture === null) base.clearRect(0, 0, base.canvas.width, base.canvas.height);
      else this.picture.draw(base, this.view, this.screen, ratio);
    }
    if (this.stale.top) {
      top.setTransform(1, 0, 0, 1, 0, 0);
      top.clearRect(0, 0, top.canvas.width, top.canvas.height);
      top.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (this.picture?.size != null) this.overlay(top, this.view, this.screen);
    }
    this.stale = { base: false, top: false };
  }

  /** Binds the canvases; the function that is returned lets go of them. */
  attach(box: HTMLElement, base: HTMLCanvasElement, top: HTMLCanvasElement): () => void {
    this.base = base;
    this.top = top;
    const gestures = new Gestures(top, {
      tool: () => this.tool,
      view: () => this.view,
      setView: (view) => this.setView(view),
      image: () => this.picture?.size ?? null,
      screen: () => this.screen,
    });
    const sized = new ResizeObserver(() => this.resize(box));
    sized.observe(box);
    this.resize(box);
    return () => {
      sized.disconnect();
      gestures.close();
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      this.base = null;
      this.top = null;
    };
  }

  private resize(box: HTMLElement): void {
    const ratio = window.devicePixelRatio || 1;
    this.screen = { width: box.clientWidth, height: box.clientHeight };
    for (const canvas of [this.base, this.top]) {
      if (canvas === null) continue;
      canvas.width = Math.round(this.screen.width * ratio);
      canvas.height = Math.round(this.screen.height * ratio);
    }
    if (this.fitted) this.fit();
    this.redraw(true);
  }
}

/** The stage on the page. `label` is what a screen reader says. */
export function Stage({ state, label, cursor }: { state: StageState; label: string; cursor?: string }) {
  const box = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const top = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (box.current === null || base.current === null || top.current === null) return;
    return state.attach(box.current, base.current, top.current);
  }, [state]);
  return (
    <div class="canvases" ref={box}>
      <canvas ref={base} aria-hidden="true" />
      <canvas ref={top} tabIndex={0} role="application" aria-label={label} style={{ cursor: cursor ?? "default" }} />
    </div>
  );
}
