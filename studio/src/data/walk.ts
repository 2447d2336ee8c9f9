/** From image to image in the order of the grid, with its filter. */
import * as calls from "../server/calls";
import { state } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { notify, say } from "../shell/notices";

/** Where the image that is shown stands in which filter's grid. */
let here: { query: string; cell: number; index: number } | null = null;

export function remember(query: string, cell: number, index: number): void {
  here = { query, cell, index };
}

/** The image beside `index`. An image that was not come to from the grid has its neighbours in the set. */
export async function beside(index: number, by: 1 | -1, query: string): Promise<number | null> {
  const known = here !== null && here.index === index && here.query === query;
  const cell = (known && here !== null ? here.cell : index) + by;
  if (cell < 0) return end();
  if (!known) return cell < (state.value?.set.images ?? 0) ? cell : end();
  try {
    const found = await calls.records(`${query}&offset=${cell}&limit=1`);
    const row = found.rows[0];
    if (row === undefined) return end();
    remember(query, cell, row.index);
    return row.index;
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
    return null;
  }
}

function end(): null {
  say("No more images there");
  return null;
}
