/**
 * The whole loop in a real browser: click a mask, correct it, save, reload, train, click with the new model. Any error in
 * the console, and any violation of the content policy, fails it. Against the mock; against a server that runs, at
 * STUDIO_URL; or with the program STUDIO_PROGRAM on the demo's folder STUDIO_DEMO, which is then killed in the middle, too.
 *
 * STUDIO_WALK: images for the measure of memory (200). STUDIO_TRAIN_SECONDS: the longest that a training may take (600).
 * STUDIO_EPOCHS: how many epochs are trained (12, of the program 150: so many that there is time to pause).
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "../mock/server.mjs";
import { open } from "./browser.mjs";
import { annotate, ask, heap, inside, objects, place, saved, story } from "./page.mjs";
import { startProgram } from "./program.mjs";

const WALK = Number(process.env.STUDIO_WALK ?? 200);
const TRAIN_SECONDS = Number(process.env.STUDIO_TRAIN_SECONDS ?? 600);
const { STUDIO_URL, STUDIO_PROGRAM, STUDIO_DEMO } = process.env;
/** The server, where this walk may kill it; null where somebody else started it. */
const server =
  STUDIO_PROGRAM !== undefined
    ? await startProgram({ program: STUDIO_PROGRAM, demo: STUDIO_DEMO ?? "maskwright-demo" })
    : STUDIO_URL === undefined
      ? await start({ images: 240 })
      : null;
const base = server?.address ?? new URL("/", STUDIO_URL).href;
const profile = await mkdtemp(join(tmpdir(), "studio-"));
let browser = await open({ profile });
let { page } = browser;
const calm = () => assert.deepEqual(browser.complaints, [], "the browser complains");

async function step(name, work) {
  const begun = performance.now();
  await work();
  calm();
  console.log(`ok   ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
}

/** Images that can be read, with a point on an object: of the set's mask where there is one, else the middle. */
async function subjects(count) {
  const found = [];
  const { rows } = await ask(page, `${base}api/records?offset=0&limit=60`);
  for (const row of rows) {
    if (found.length === count) break;
    if (row.refused !== null || row.size === null || row.corrected > 0) continue;
    if (row.size.width * row.size.height > 4e6) continue;
    const masks = row.objects > 0 ? await ask(page, `${base}api/records/${row.index}/masks`) : [];
    const mask = masks.find((each) => each.mask.width > 0)?.mask;
    const point = mask === undefined ? { x: row.size.width / 2, y: row.size.height / 2 } : inside(mask);
    found.push({ ...row, point });
  }
  assert.equal(found.length, count, "the set has too few images without corrections for this walk");
  return found;
}

async function clickMask(subject) {
  await annotate(page, base, subject.index, subject.id);
  const at = await place(page, subject.size, subject.point);
  await page.keyboard.press("v");
  await page.mouse.click(at.x, at.y);
  await page.locator("[data-answer]").waitFor({ timeout: 120_000 });
  await story(page, "1 click");
  return at;
}

try {
  let first;
  let second;
  let third;
  await step("opens, and shows the queue or the data", async () => {
    const begun = performance.now();
    await page.goto(base);
    await page.locator("nav.views").waitFor();
    await page.locator(".view-annotate .queue").waitFor();
    console.log(`     shown after ${Math.round(performance.now() - begun)} ms`);
    [first, second, third] = await subjects(3);
  });

  await step("a click makes a mask; the brush corrects it; undo and redo go both ways", async () => {
    const at = await clickMask(first);
    const milliseconds = await page.locator("[data-answer]").getAttribute("data-answer");
    console.log(`     answered in ${milliseconds} ms`);
    await page.keyboard.press("b");
    await page.mouse.move(at.x - 30, at.y);
    await page.mouse.down();
    await page.mouse.move(at.x + 10, at.y - 20, { steps: 6 });
    await page.mouse.move(at.x + 40, at.y, { steps: 6 });
    await page.mouse.up();
    await story(page, "by hand");
    await page.keyboard.press("z");
    await story(page, "1 click");
    await page.keyboard.press("z");
    await page.locator(".objects .object").waitFor({ state: "detached" });
    await page.keyboard.press("y");
    await page.keyboard.press("y");
    await story(page, "by hand");
  });

  await step("saves, and it is still there after a reload", async () => {
    await page.locator(".objects .object input").first().fill("leaf");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+s");
    const now = await saved(page, base, first.index, 1);
    assert.equal(now.objects[0].name, "leaf");
    assert.equal(now.objects[0].clicks, 1);
    await page.locator("footer output.ok").waitFor();
    await page.reload();
    await story(page, "saved");
    assert.equal((await objects(page))[0].name, "leaf");
  });

  await step("an edit that was not saved outlives the browser's crash", async () => {
    await clickMask(second);
    await page.waitForTimeout(300);
    const session = await page.context().newCDPSession(page);
    const gone = new Promise((resolve) => browser.context.once("close", resolve));
    await session.send("Browser.crash").catch(() => {});
    await gone;
    browser = await open({ profile });
    page = browser.page;
    await annotate(page, base, second.index, second.id);
    await page.locator(".banner", { hasText: "are back" }).waitFor();
    await page.locator(".banner button", { hasText: "Go on" }).click();
    await story(page, "1 click");
    await page.keyboard.press("Control+s");
    await saved(page, base, second.index, 1);
  });

  await step("a second window on the image is told, and a conflict ends by choice", async () => {
    await annotate(page, base, second.index, second.id);
    const other = await browser.context.newPage();
    await annotate(other, base, second.index, second.id);
    await page.locator(".banner", { hasText: "Another window has this image open" }).waitFor();
    await other.locator(".banner", { hasText: "Another window has this image open" }).waitFor();
    for (const [window, x] of [
      [other, 3],
      [page, 12],
    ]) {
      await window.bringToFront();
      await window.keyboard.press("Enter");
      await window.keyboard.press("b");
      const at = await place(window, second.size, { x: second.size.width / x, y: second.size.height * 0.8 });
      await window.mouse.click(at.x, at.y);
      await story(window, "by hand");
      await window.keyboard.press("Control+s");
      if (window === other) await saved(page, base, second.index, 2);
    }
    const banner = page.locator(".banner", { hasText: "saved elsewhere" });
    await banner.waitFor();
    await banner.locator("button", { hasText: "All of both" }).click();
    await saved(page, base, second.index, 3);
    await other.close();
    // The refused save is a failed request, which the browser writes to its console.
    browser.complaints.splice(
      0,
      browser.complaints.length,
      ...browser.complaints.filter((text) => !text.includes("409")),
    );
  });

  if (server !== null) {
    await step("what is saved while the server is gone waits, and is sent when it is back", async () => {
      const { point, size } = third;
      await clickMask(third);
      await server.stop();
      await page.locator(".lost").waitFor();
      await page.keyboard.press("Enter");
      await page.keyboard.press("b");
      const at = await place(page, size, { x: point.x / 2, y: point.y / 2 });
      await page.mouse.click(at.x, at.y);
      await story(page, "by hand");
      await page.keyboard.press("Control+s");
      await page.locator("footer .warn", { hasText: "unsaved" }).waitFor();
      await server.again();
      await page.locator(".lost").waitFor({ state: "detached", timeout: 20_000 });
      await saved(page, base, third.index, 2);
      await page.locator("footer .warn").waitFor({ state: "detached" });
      const lost = (text) =>
        /ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/.test(text);
      browser.complaints.splice(0, browser.complaints.length, ...browser.complaints.filter((text) => !lost(text)));
    });
  }

  await step("the doctor finds what is damaged, shows the fix, and a click applies it", async () => {
    await page.goto(`${base}#/data/doctor`);
    await page.getByRole("button", { name: /^Examine/ }).click();
    const fixes = page.locator("article.finding").getByRole("button", { name: /^Fix: / });
    await fixes.first().waitFor({ timeout: 120_000 });
    const before = await fixes.count();
    await fixes.first().click();
    await page.locator("dialog .diff").waitFor();
    await page.getByRole("button", { name: "Apply to the data file" }).click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.waitForFunction(
      (before) => document.querySelectorAll("article.finding header button").length < before,
      before,
      { timeout: 120_000 },
    );
  });

  let run;
  await step("trains a model on what was saved", async () => {
    await page.goto(`${base}#/train`);
    const begin = page.getByRole("button", { name: /^Start / });
    await begin.waitFor();
    await page.getByLabel("Search the settings").fill("--max-epoch-num");
    await page
      .locator(".settings .field input")
      .first()
      .fill(process.env.STUDIO_EPOCHS ?? (STUDIO_PROGRAM === undefined ? "12" : "150"));
    run = (await begin.textContent()).replace("Start ", "").trim();
    await begin.click();
    const card = page.locator("article.run", { hasText: run }).first();
    await card.locator(".tag", { hasText: /running|finished/ }).waitFor({ timeout: 30_000 });
    await card.getByRole("button", { name: "Pause" }).click();
    await card.locator(".tag", { hasText: "paused" }).waitFor();
    const still = await card.locator(".going span").textContent();
    await page.waitForTimeout(1500);
    assert.equal(await card.locator(".going span").textContent(), still, "a paused training goes on");
    await card.getByRole("button", { name: "Go on" }).click();
    await card.locator(".tag.finished").waitFor({ timeout: TRAIN_SECONDS * 1000 });
    await page.locator(".chart .curve").first().waitFor();
  });

  await step("clicks are answered by the new model", async () => {
    const card = page.locator("article.run", { hasText: run }).first();
    await card.getByRole("button", { name: "Use for clicking" }).click();
    await card.getByRole("button", { name: "Answers clicks" }).waitFor({ timeout: 120_000 });
    await clickMask(first.index === third.index ? second : { ...third });
    await page.keyboard.press("Control+s");
  });

  await step("results show the run, and two models on an image", async () => {
    await page.goto(`${base}#/results/${run}`);
    await page.locator(".chart .curve").first().waitFor();
    await page.goto(`${base}#/results/compare/${first.index}?run=${run}`);
    await page.locator(".side dt", { hasText: "both agree" }).waitFor();
    await page.waitForFunction(
      () => /\d\.\d/.test(document.querySelector(".side .pairs dd:last-of-type")?.textContent ?? ""),
      null,
      {
        timeout: 120_000,
      },
    );
  });

  await step(`memory is flat over ${WALK} images`, async () => {
    const { total } = await ask(page, `${base}api/records?offset=0&limit=1`);
    const { rows } = await ask(page, `${base}api/records?offset=0&limit=${Math.min(total, 500)}`);
    const readable = rows.filter((row) => row.refused === null);
    let settled = 0;
    for (let at = 0; at < WALK; at++) {
      const row = readable[at % readable.length];
      await page.goto(`${base}#/annotate/${row.index}`);
      await page.locator(".side dd.path", { hasText: row.id }).waitFor();
      // What the first images bring stays: code that was compiled, the list of the queue.
      if (at === Math.floor(WALK / 4)) settled = await heap(page);
    }
    const end = await heap(page);
    console.log(
      `     ${(settled / 2 ** 20).toFixed(1)} MiB after a quarter, ${(end / 2 ** 20).toFixed(1)} MiB at the end`,
    );
    assert.ok(end < settled * 1.15 + 1.5 * 2 ** 20, `the heap grew from ${settled} to ${end} bytes`);
  });
  console.log("The loop is whole.");
} catch (error) {
  await page.screenshot({ path: join(tmpdir(), "studio-failed.png") }).catch(() => {});
  console.error(browser.complaints.join("\n"));
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.context.close().catch(() => {});
  await rm(profile, { recursive: true, force: true });
  await (server?.end ?? server?.stop)?.().catch(() => {});
}
