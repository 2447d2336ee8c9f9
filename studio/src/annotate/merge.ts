/** Two lists of objects of one image: whether they are the same, and both together. */
import type { CroppedMask, SavedObject } from "../api";
import { type Doc, fromSaved } from "./document";

/** Whether two lists have the same objects; what the model said of them does not count. */
export function sameSaved(a: readonly SavedObject[], b: readonly SavedObject[]): boolean {
  const text = (objects: readonly SavedObject[]) =>
    JSON.stringify(objects.map(({ name, colour, mask }) => [name, colour, maskText(mask)]));
  return text(a) === text(b);
}

/** All objects of both, without those of theirs that are here already. */
export function union(mine: Doc, theirs: readonly SavedObject[]): Doc {
  const known = new Set(mine.items.map((item) => maskText(item.mask)));
  const more = fromSaved(theirs.filter((object) => !known.has(maskText(object.mask)))).items;
  let next = mine.next;
  const added = more.map((item) => ({ ...item, id: next++ }));
  return { items: [...mine.items, ...added], active: mine.active, next };
}

/** A mask as text, with its fields in one order: those of an answer come as the server wrote them. */
function maskText({ x, y, width, height, runs }: CroppedMask): string {
  return JSON.stringify([x, y, width, height, runs]);
}
