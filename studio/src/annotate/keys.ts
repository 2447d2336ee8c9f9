/** The keys of the annotate view. */
import type { Binding } from "../shell/keys";
import { go, hashOf } from "../shell/route";
import { change, choose, remove } from "./document";
import { kept, nextStyle, peeking } from "./look";
import { save } from "./outbox";
import { closeRing, toPolygon } from "./polygon";
import { neighbour, saveAndNext } from "./queue_state";
import { accept, apply, askEverything, doc, everything, item, pick, redoStep, undoStep, withPrevious } from "./session";
import { stage } from "./stage";
import {
  crosshair,
  dropLastPoint,
  moveCrosshair,
  pressAt,
  resizeBrush,
  sketch,
  TOOLS,
  type ToolName,
  toolName,
  useTool,
} from "./tools";

const tool = (key: string, name: ToolName, what: string): Binding => ({
  keys: [key],
  what,
  group: "Tools",
  run: () => useTool(name),
});

const STEPS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function crosshairBy(name: string): void {
  const [dx, dy] = STEPS[name.replace("Shift+", "")] ?? [0, 0];
  moveCrosshair(dx, dy, name.startsWith("Shift+"));
}

/** Ends what is being drawn; without that, the object is done and the next prompt begins another. */
function finish(): void {
  if (everything.value !== null) {
    const found = everything.value;
    accept(found.filter((_, index) => kept.value.has(index)));
  } else if (!closeRing()) pick(0);
}

function giveUp(): void {
  if (everything.value !== null) everything.value = null;
  else if (sketch.value !== null || toolName.value === "polygon") TOOLS[toolName.value].cancel?.();
  else if (crosshair.value !== null) crosshair.value = null;
  else pick(0);
}

function step(by: 1 | -1): void {
  const to = neighbour(by);
  if (to !== null) go(hashOf("annotate", [to]));
}

function nextProposal(): void {
  const edited = item.value;
  if (edited === null || edited.proposals.length === 0) return;
  apply(choose(doc.value, (edited.chosen + 1) % edited.proposals.length));
}

function selectNumber(name: string): void {
  const wanted = doc.value.items[Number(name) - 1];
  if (wanted !== undefined) pick(wanted.id);
}

export const ANNOTATE_KEYS: readonly Binding[] = [
  { keys: ["Space"], what: "save and next image", group: "Images", run: () => void saveAndNext() },
  { keys: ["Ctrl+s"], what: "save", group: "Images", run: () => void save() },
  { keys: ["PageDown", "n"], what: "next image, edits are kept", group: "Images", run: () => step(1) },
  { keys: ["PageUp", "Shift+n"], what: "image before", group: "Images", run: () => step(-1) },
  tool("v", "click", "click: left adds, right removes"),
  tool("x", "box", "box around the object"),
  tool("l", "lasso", "lasso: left adds, right removes"),
  tool("b", "brush", "brush"),
  tool("e", "eraser", "eraser"),
  tool("p", "polygon", "polygon"),
  tool("h", "hand", "hand: tap selects, drag moves"),
  { keys: ["a"], what: "everything: find all objects", group: "Tools", run: () => void askEverything() },
  { keys: ["["], what: "smaller brush", group: "Tools", run: () => resizeBrush(1 / 1.2) },
  { keys: ["]"], what: "larger brush", group: "Tools", run: () => resizeBrush(1.2) },
  { keys: ["z", "Ctrl+z"], what: "undo", group: "Edit", run: undoStep },
  { keys: ["y", "Shift+z", "Ctrl+y", "Ctrl+Shift+z"], what: "redo", group: "Edit", run: redoStep },
  { keys: ["Backspace"], what: "take back the last click", group: "Edit", run: dropLastPoint },
  { keys: ["w"], what: "or did you mean: next proposal", group: "Edit", run: nextProposal },
  {
    keys: ["m"],
    what: "mask so far is a prompt, too",
    group: "Edit",
    run: () => {
      withPrevious.value = !withPrevious.value;
    },
  },
  {
    keys: ["g"],
    what: "mask to polygon",
    group: "Edit",
    run: () => {
      useTool("polygon");
      toPolygon();
    },
  },
  { keys: ["Enter"], what: "object done, next object; closes a polygon", group: "Objects", run: finish },
  { keys: ["Escape"], what: "give up what is being drawn", group: "Objects", run: giveUp },
  {
    keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    shown: ["1", "…", "9"],
    what: "select an object",
    group: "Objects",
    run: selectNumber,
  },
  {
    keys: ["Delete"],
    what: "delete the object",
    group: "Objects",
    run: () => apply(remove(doc.value, doc.value.active)),
  },
  {
    keys: ["t"],
    what: "show or hide the object",
    group: "Objects",
    run: () => {
      const edited = item.value;
      if (edited !== null) apply(change(doc.value, edited.id, { hidden: !edited.hidden }));
    },
  },
  { keys: ["o"], what: "outline, fill or both", group: "View", run: nextStyle },
  {
    keys: ["c"],
    what: "hold: picture without masks",
    group: "View",
    run: () => {
      peeking.value = true;
    },
    release: () => {
      peeking.value = false;
    },
  },
  { keys: ["+", "="], what: "zoom in", group: "View", run: () => stage.zoomBy(1.3) },
  { keys: ["-"], what: "zoom out", group: "View", run: () => stage.zoomBy(1 / 1.3) },
  { keys: ["0"], what: "whole image", group: "View", run: () => stage.fit() },
  {
    keys: Object.keys(STEPS),
    shown: Object.keys(STEPS),
    what: "crosshair",
    group: "Without a mouse",
    run: crosshairBy,
  },
  {
    keys: Object.keys(STEPS).map((key) => `Shift+${key}`),
    shown: ["Shift+…"],
    what: "crosshair by one pixel",
    group: "Without a mouse",
    run: crosshairBy,
  },
  { keys: ["f"], what: "press the tool at the crosshair", group: "Without a mouse", run: () => pressAt(false) },
  { keys: ["d"], what: "press it as the right button", group: "Without a mouse", run: () => pressAt(true) },
];
