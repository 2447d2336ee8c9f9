/**
 * Where an image lies on the screen: `screen = image * scale + offset`, in CSS pixels. Values are never changed, a move
 * makes a new one.
 */
import type { Size } from "../api";
import type { Vertex } from "../mask/raster";

export interface Viewport {
  scale: number;
  x: number;
  y: number;
}

/** The most that is zoomed in: one pixel of the image on 48 of the screen. */
export const MOST_SCALE = 48;

/**
 * The whole image, in the middle of what is above `foot`, with a margin; small images are not blown up above 4x.
 */
export function fit(image: Size, screen: Size, margin = 24, foot = 0): Viewport {
  const room = {
    width: Math.max(screen.width - 2 * margin, 40),
    height: Math.max(screen.height - foot - 2 * margin, 40),
  };
  const scale = Math.min(room.width / image.width, room.height / image.height, 4);
  return {
    scale,
    x: (screen.width - image.width * scale) / 2,
    y: (screen.height - foot - image.height * scale) / 2,
  };
}

export function toImage(view: Viewport, point: Vertex): Vertex {
  return { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale };
}

export function toScreen(view: Viewport, point: Vertex): Vertex {
  return { x: point.x * view.scale + view.x, y: point.y * view.scale + view.y };
}

/** Zoomed by `factor` about a point of the screen, which stays on its pixel of the image. */
export function zoom(view: Viewport, factor: number, about: Vertex, image: Size, screen: Size): Viewport {
  const least = Math.min(fit(image, screen).scale / 4, 1);
  const scale = Math.min(Math.max(view.scale * factor, least), MOST_SCALE);
  const under = toImage(view, about);
  return hold({ scale, x: about.x - under.x * scale, y: about.y - under.y * scale }, image, screen);
}

export function pan(view: Viewport, dx: number, dy: number, image: Size, screen: Size): Viewport {
  return hold({ scale: view.scale, x: view.x + dx, y: view.y + dy }, image, screen);
}

/** Keeps at least 48 pixels of the image on the screen, so that it cannot be lost. */
function hold(view: Viewport, image: Size, screen: Size): Viewport {
  const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most);
  return {
    scale: view.scale,
    x: clamp(view.x, 48 - image.width * view.scale, screen.width - 48),
    y: clamp(view.y, 48 - image.height * view.scale, screen.height - 48),
  };
}

/** A wheel's turn as a factor of zoom: a notch of a mouse is about 1.2. */
export function wheelFactor(delta: number): number {
  return Math.exp(-Math.max(-240, Math.min(240, delta)) * 0.0018);
}

export interface WheelLike {
  deltaX: number;
  deltaY: number;
  deltaMode: number;
  ctrlKey: boolean;
}

/**
 * Whether a wheel event zooms. Browsers do not tell a touchpad from a mouse: a pinch comes with `ctrlKey`, a mouse's
 * wheel turns in notches of lines or of 100 or 120 pixels and never sideways. The rest is two fingers that pan.
 */
export function wheelZooms(event: WheelLike): boolean {
  if (event.ctrlKey) return true;
  if (event.deltaX !== 0) return false;
  if (event.deltaMode !== 0) return true;
  const turn = Math.abs(event.deltaY);
  return turn >= 100 && (turn % 100 === 0 || turn % 120 === 0);
}
