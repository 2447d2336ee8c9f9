/** What the walks through the page do again and again. */
import assert from "node:assert/strict";

/** The JSON of an address, asked by the page itself: with its cookies and its origin. */
export function ask(page, path) {
  return page.evaluate(async (address) => {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`);
    return response.json();
  }, path);
}

/** Opens an image in the annotate view and waits until it can be edited. */
export async function annotate(page, base, index, id) {
  await page.goto(`${base}#/annotate/${index}`);
  await page.locator(".side dd.path", { hasText: id }).waitFor();
  await page.locator(".veil").waitFor({ state: "detached" });
  // The view is fitted when the picture's size is known; a click before that would miss.
  await page.waitForTimeout(400);
}

/** Where a pixel of the image is on the screen, while the whole image is shown. */
export async function place(page, size, at) {
  const canvas = await page.locator(".stage .canvases canvas").last().boundingBox();
  const foot = await page.locator(".dock").evaluate((dock) => dock.offsetHeight + 12);
  const margin = canvas.width < 600 ? 8 : 20;
  const room = { width: canvas.width - 2 * margin, height: canvas.height - foot - 2 * margin };
  const scale = Math.min(room.width / size.width, room.height / size.height, 4);
  return {
    x: canvas.x + (canvas.width - size.width * scale) / 2 + at.x * scale,
    y: canvas.y + (canvas.height - foot - size.height * scale) / 2 + at.y * scale,
  };
}

/** A point well inside a mask: the middle of its longest run. */
export function inside(mask) {
  let [best, at, value] = [{ length: 0, start: 0 }, 0, 0];
  for (const run of mask.runs) {
    // A run may go on in the next row: only its part in the first row counts.
    const length = Math.min(run, mask.width - (at % mask.width));
    if (value === 1 && length > best.length) best = { length, start: at };
    at += run;
    value ^= 1;
  }
  const middle = best.start + Math.floor(best.length / 2);
  return { x: mask.x + (middle % mask.width) + 0.5, y: mask.y + Math.floor(middle / mask.width) + 0.5 };
}

/** The names and stories of the objects in the list. */
export function objects(page) {
  return page
    .locator(".objects .object")
    .evaluateAll((rows) =>
      rows.map((row) => ({ name: row.querySelector("input").value, story: row.querySelector("small").textContent })),
    );
}

export async function story(page, wanted) {
  await page.locator(".objects .object small", { hasText: wanted }).first().waitFor({ timeout: 60_000 });
}

export async function saved(page, base, index, count) {
  for (let wait = 0; wait < 100; wait++) {
    const now = await ask(page, `${base}api/records/${index}/corrections`);
    if (now.objects.length === count) return now;
    await page.waitForTimeout(100);
  }
  assert.fail(`image ${index}: expected ${count} saved objects`);
}

/** The bytes of the page's heap, after what is not used was collected. */
export async function heap(page) {
  const session = await page.context().newCDPSession(page);
  try {
    for (let turn = 0; turn < 3; turn++) await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  } finally {
    await session.detach();
  }
}
