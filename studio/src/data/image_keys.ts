/** The keys of the image view. */
import type { Binding } from "../shell/keys";

export interface Actions {
  step: (by: 1 | -1) => void;
  style: () => void;
  zoom: (factor: number) => void;
  fit: () => void;
  pixel: () => void;
  pan: (dx: number, dy: number) => void;
  annotate: () => void;
  close: () => void;
}

export function imageKeys(actions: Actions): readonly Binding[] {
  const key = (keys: readonly string[], what: string, run: () => void): Binding => ({
    keys,
    what,
    group: "Image",
    run,
  });
  return [
    key(["PageDown", "n"], "next image", () => actions.step(1)),
    key(["PageUp", "Shift+n"], "image before", () => actions.step(-1)),
    key(["a"], "annotate it", actions.annotate),
    key(["Escape"], "back to the grid", actions.close),
    key(["o"], "outline, fill or both", actions.style),
    key(["+", "="], "zoom in", () => actions.zoom(1.3)),
    key(["-"], "zoom out", () => actions.zoom(1 / 1.3)),
    key(["0"], "whole image", actions.fit),
    key(["1"], "one pixel on one", actions.pixel),
    key(["ArrowLeft"], "move the view left", () => actions.pan(60, 0)),
    key(["ArrowRight"], "move the view right", () => actions.pan(-60, 0)),
    key(["ArrowUp"], "move the view up", () => actions.pan(0, 60)),
    key(["ArrowDown"], "move the view down", () => actions.pan(0, -60)),
  ];
}
