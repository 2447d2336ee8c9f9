/**
 * The objects of an image while they are edited. A document is never changed: each edit returns a new one that shares
 * what it left as it was, which is what undo steps are made of.
 */
import type { Answer, CroppedMask, Point, PromptRequest, Proposal, SavedObject, Size } from "../api";
import { fill, stroke, type Vertex } from "../mask/raster";
import { EMPTY, isEmpty } from "../mask/runs";

export type Box = [number, number, number, number];

/** One object: its mask, and the prompts that the model was last given for it. */
export interface Item {
  id: number;
  name: string;
  colour: string;
  hidden: boolean;
  mask: CroppedMask;
  points: readonly Point[];
  box: Box | null;
  /** A mask that goes to the model with the clicks: what was drawn by hand is not lost by the next click. */
  base: CroppedMask | null;
  /** The corners, while the mask is that of a polygon. */
  polygon: readonly (readonly Vertex[])[] | null;
  proposals: readonly Proposal[];
  chosen: number;
  /** Clicks and boxes that were given over all, for the record. */
  clicks: number;
  predictedIou: number | null;
  /** Whether the prompts are newer than the mask: the model has not answered yet. */
  asks: boolean;
  /** How the mask was made last. */
  made: "new" | "model" | "hand" | "polygon" | "everything" | "set" | "saved";
}

export interface Doc {
  items: readonly Item[];
  /** The id of the object that is edited; 0: the next prompt begins a new one. */
  active: number;
  next: number;
}

export const NOTHING: Doc = { items: [], active: 0, next: 1 };

/** Apart in hue and in lightness, and visible on photographs. */
export const COLOURS = [
  "#7fb0ff",
  "#ffb454",
  "#7fdba3",
  "#ff8fb3",
  "#c9a0ff",
  "#5fd4e0",
  "#f5e663",
  "#ff8a80",
] as const;

export function active(doc: Doc): Item | null {
  return doc.items.find((item) => item.id === doc.active) ?? null;
}

/** The objects that have pixels, as they are saved. */
export function toSaved(doc: Doc): SavedObject[] {
  return doc.items
    .filter((item) => !isEmpty(item.mask))
    .map(({ name, colour, mask, clicks, predictedIou }) => ({
      name,
      colour,
      mask,
      clicks,
      predicted_iou: predictedIou,
    }));
}

export function fromSaved(objects: readonly SavedObject[]): Doc {
  return add(
    NOTHING,
    objects.map((object) => ({
      name: object.name,
      colour: object.colour,
      mask: object.mask,
      clicks: object.clicks,
      predictedIou: object.predicted_iou,
      made: "saved" as const,
    })),
  );
}

/** With more objects after the others; none of them becomes the one that is edited. */
export function add(doc: Doc, more: readonly Partial<Item>[]): Doc {
  const items = [...doc.items];
  let next = doc.next;
  for (const part of more) {
    items.push(fresh(next, part));
    next++;
  }
  return { items, active: doc.active, next };
}

function fresh(id: number, part: Partial<Item>): Item {
  return {
    name: `object ${id}`,
    colour: COLOURS[(id - 1) % COLOURS.length] ?? COLOURS[0],
    hidden: false,
    mask: EMPTY,
    points: [],
    box: null,
    base: null,
    polygon: null,
    proposals: [],
    chosen: 0,
    clicks: 0,
    predictedIou: null,
    asks: false,
    made: "new",
    ...part,
    id,
  };
}

/** The document with the edited object changed; begins one when none is edited. */
function edit(doc: Doc, change: (item: Item) => Partial<Item>): Doc {
  const base = active(doc) === null ? begin(doc) : doc;
  return {
    ...base,
    items: base.items.map((item) => (item.id === base.active ? { ...item, ...change(item) } : item)),
  };
}

function begin(doc: Doc): Doc {
  const grown = add(doc, [{}]);
  return { ...grown, active: doc.next };
}

export function select(doc: Doc, id: number): Doc {
  return doc.active === id ? doc : { ...doc, active: id };
}

export function remove(doc: Doc, id: number): Doc {
  const items = doc.items.filter((item) => item.id !== id);
  return items.length === doc.items.length ? doc : { ...doc, items, active: doc.active === id ? 0 : doc.active };
}

export function change(doc: Doc, id: number, part: Pick<Partial<Item>, "name" | "colour" | "hidden">): Doc {
  return { ...doc, items: doc.items.map((item) => (item.id === id ? { ...item, ...part } : item)) };
}

/** A click. `again`: the mask so far goes to the model as well. */
export function addPoint(doc: Doc, point: Point, again: boolean): Doc {
  return edit(doc, (item) => ({
    points: [...item.points, point],
    clicks: item.clicks + 1,
    base: again && !isEmpty(item.mask) ? item.mask : item.base,
    asks: true,
  }));
}

export function setBox(doc: Doc, box: Box): Doc {
  return edit(doc, (item) => ({ box, clicks: item.clicks + 1, asks: true }));
}

/** Without the click at this place in the list. An object without any prompt has the mask that it had before them. */
export function dropPoint(doc: Doc, index: number): Doc {
  return edit(doc, (item) => {
    const points = item.points.filter((_, at) => at !== index);
    if (points.length > 0 || item.box !== null) return { points, asks: true };
    const mask = item.base ?? EMPTY;
    return { points, mask, proposals: [], predictedIou: null, asks: false, made: isEmpty(mask) ? "new" : "hand" };
  });
}

/** What is asked of the model for an object; null when it has no prompt. */
export function request(item: Item): PromptRequest | null {
  if (item.points.length === 0 && item.box === null) return null;
  const alone = item.points.length === 1 && item.box === null && item.base === null;
  return { points: [...item.points], box: item.box, previous: item.base, proposals: alone };
}

/** The model's answer for an object, which may have been deleted meanwhile. */
export function answered(doc: Doc, id: number, answer: Answer): Doc {
  const best = answer.proposals[0];
  if (best === undefined) return doc;
  return {
    ...doc,
    items: doc.items.map((item) =>
      item.id === id
        ? {
            ...item,
            mask: best.mask,
            predictedIou: best.predicted_iou,
            proposals: answer.proposals.length > 1 ? answer.proposals : [],
            chosen: 0,
            polygon: null,
            asks: false,
            made: "model",
          }
        : item,
    ),
  };
}

/** Another one of the proposals. */
export function choose(doc: Doc, index: number): Doc {
  const item = active(doc);
  const proposal = item?.proposals[index];
  if (item === null || proposal === undefined || index === item.chosen) return doc;
  return edit(doc, () => ({ mask: proposal.mask, predictedIou: proposal.predicted_iou, chosen: index }));
}

/** A mask by hand: what the model said before is part of it, so its prompts are done with. */
function byHand(mask: CroppedMask, polygon: Item["polygon"]): Partial<Item> {
  return {
    mask,
    base: isEmpty(mask) ? null : mask,
    points: [],
    box: null,
    proposals: [],
    chosen: 0,
    predictedIou: null,
    polygon,
    asks: false,
    made: polygon === null ? "hand" : "polygon",
  };
}

export function brushed(doc: Doc, path: Vertex[], radius: number, value: 0 | 1, image: Size): Doc {
  return edit(doc, (item) => byHand(stroke(item.mask, path, radius, value, image), null));
}

export function lassoed(doc: Doc, ring: Vertex[], value: 0 | 1, image: Size): Doc {
  return edit(doc, (item) => byHand(fill(item.mask, [ring], value, image), null));
}

/** The object's mask becomes that of a polygon. */
export function shaped(doc: Doc, rings: readonly (readonly Vertex[])[], image: Size): Doc {
  const drawn = rings.filter((ring) => ring.length >= 3);
  return edit(doc, () =>
    byHand(
      fill(
        EMPTY,
        drawn.map((ring) => [...ring]),
        1,
        image,
      ),
      drawn.length === 0 ? null : drawn,
    ),
  );
}
