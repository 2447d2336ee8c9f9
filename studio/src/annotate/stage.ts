/** The stage of the annotate view: one for all images, so that its canvases are made once. */
import { StageState } from "../view/stage";

export const stage = new StageState();

export function redraw(): void {
  stage.redraw();
}
