/**
 * The page by keyboard alone, by touch alone, at three widths, and for eyes that need contrast. Against the mock: it
 * knows where the objects of its pictures are.
 */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "../mock/server.mjs";
import { open } from "./browser.mjs";
import { annotate, place, saved, story } from "./page.mjs";

const mock = await start({ images: 60 });
const base = mock.address;
const IMAGE = 2;
const { world } = mock;
const size = world.size(IMAGE);
const target = world.scene(IMAGE).shapes.at(-1);

async function step(name, browser, work) {
  await work(browser.page);
  assert.deepEqual(browser.complaints, [], `${name}: the browser complains`);
  console.log(`ok   ${name}`);
}

/** Presses arrow keys until the crosshair is at a pixel: it begins in the middle, steps are 24 pixels of the screen. */
async function walk(page, from, to, scale) {
  const far = Math.max(1, 24 / scale);
  for (const [axis, less, more] of [
    ["x", "ArrowLeft", "ArrowRight"],
    ["y", "ArrowUp", "ArrowDown"],
  ]) {
    const steps = Math.round((to[axis] - from[axis]) / far);
    for (let at = 0; at < Math.abs(steps); at++) await page.keyboard.press(steps < 0 ? less : more);
  }
}

async function byKeyboard(page) {
  await annotate(page, base, IMAGE, world.row(IMAGE).id);
  const [a, b] = [await place(page, size, { x: 0, y: 0 }), await place(page, size, { x: 100, y: 0 })];
  const scale = (b.x - a.x) / 100;
  const middle = { x: size.width / 2, y: size.height / 2 };
  await page.keyboard.press("ArrowLeft");
  await walk(page, middle, target, scale);
  await page.keyboard.press("f");
  await story(page, "1 click");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("d");
  await story(page, "2 clicks");
  await page.keyboard.press("b");
  await page.keyboard.press("f");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("f");
  await story(page, "by hand");
  await page.keyboard.press("Enter");
  await page.keyboard.press("p");
  for (const key of ["ArrowUp", "ArrowRight", "ArrowRight"]) {
    await page.keyboard.press("f");
    for (let at = 0; at < 3; at++) await page.keyboard.press(key);
  }
  await page.keyboard.press("f");
  await page.keyboard.press("Enter");
  await story(page, "polygon, 4 corners");
  await page.keyboard.press("Space");
  await saved(page, base, IMAGE, 2);
  await page.waitForFunction((index) => !location.hash.endsWith(`/${index}`), IMAGE);
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.keyboard.press("Shift+D");
  await page.locator(".grid .cell").first().waitFor();
  await page.locator(".grid").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.locator(".image-view").waitFor();
  assert.ok(page.url().includes("#/data/1"));
}

async function byTouch(page) {
  const image = 5;
  const row = world.row(image);
  const shape = world.scene(image).shapes.at(-1);
  await annotate(page, base, image, row.id);
  const session = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(({ x, y }, id) => ({ x, y, id })) });
  const at = await place(page, row.size, shape);
  await touch("touchStart", at);
  await touch("touchEnd");
  await story(page, "1 click");
  await touch("touchStart", { x: at.x + 20, y: at.y });
  await page.waitForTimeout(700);
  await touch("touchEnd");
  await story(page, "2 clicks");
  // Two fingers that part: the picture grows, and nothing is clicked.
  const before = await page.screenshot({ clip: { x: at.x - 60, y: at.y - 60, width: 120, height: 120 } });
  await touch("touchStart", { x: at.x - 30, y: at.y }, { x: at.x + 30, y: at.y });
  for (let far = 30; far <= 90; far += 10) {
    await touch("touchMove", { x: at.x - far, y: at.y }, { x: at.x + far, y: at.y });
  }
  await touch("touchEnd");
  await page.waitForTimeout(200);
  const after = await page.screenshot({ clip: { x: at.x - 60, y: at.y - 60, width: 120, height: 120 } });
  assert.ok(!before.equals(after), "two fingers zoom");
  await story(page, "2 clicks");
  await page.getByRole("button", { name: "Brush" }).tap();
  await touch("touchStart", at);
  for (let x = 0; x < 40; x += 8) await touch("touchMove", { x: at.x + x, y: at.y + 10 });
  await touch("touchEnd");
  await story(page, "by hand");
  // Two touches within a third of a second are one double tap to the browser.
  await page.waitForTimeout(400);
  await page.getByRole("button", { name: "Save and next" }).tap();
  await saved(page, base, image, 1);
}

const VIEWS = ["data", "data/4", "data/doctor", "annotate/2", "train", "results", "results/base", "results/compare/4"];

/** Text whose contrast with what is behind it is below 4.5 (3 for large text), as WCAG 2 AA has it. */
function faint() {
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    const unit = text.startsWith("color(") ? 1 : 255;
    return { rgb: numbers.slice(0, 3).map((value) => value / unit), alpha: numbers[3] ?? 1 };
  };
  const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const colour = parse(style.backgroundColor);
      if (colour.alpha > 0.9) return colour.rgb;
    }
    return null;
  };
  const found = new Set();
  for (const element of document.querySelectorAll("#app *")) {
    const text = [...element.childNodes]
      .filter((node) => node.nodeType === 3)
      .map((node) => node.data.trim())
      .join("");
    const box = element.getBoundingClientRect();
    if (
      text === "" ||
      box.width < 2 ||
      box.height < 2 ||
      element.closest(":disabled, .unseen, .waits, .entry") !== null
    )
      continue;
    const back = behind(element);
    if (back === null) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color).rgb), light(back)].sort((one, two) => two - one);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = Number.parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5))
      found.add(`${ratio.toFixed(2)}: ${element.tagName} ${element.className} "${text.slice(0, 30)}"`);
  }
  return [...found];
}

async function looks(page) {
  for (const theme of ["dark", "light"]) {
    await page.goto(base);
    await page.evaluate((name) => localStorage.setItem("maskwright.theme", JSON.stringify(name)), theme);
    for (const view of VIEWS) {
      await page.goto(`${base}#/${view}`);
      await page.reload();
      await page.locator("nav.views").waitFor();
      await page.waitForTimeout(500);
      assert.deepEqual(await page.evaluate(faint), [], `${view} in ${theme}: text with too little contrast`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${view}: ${wide} pixels wider than the window`);
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll("button, a[href], input, select")]
          .filter((element) => {
            const text = element.textContent.trim() + (element.ariaLabel ?? "") + (element.title ?? "");
            return text === "" && element.labels?.length !== 1;
          })
          .map((element) => element.outerHTML.slice(0, 120)),
      );
      assert.deepEqual(nameless, [], `${view}: controls without a name`);
    }
  }
}

let browser = null;
try {
  browser = await open();
  await step("by keyboard alone", browser, byKeyboard);
  await browser.close();
  browser = await open({ width: 820, height: 1100, touch: true });
  await step("by touch alone", browser, byTouch);
  await browser.close();
  for (const [width, height] of [
    [400, 800],
    [900, 700],
    [1440, 900],
  ]) {
    browser = await open({ width, height });
    await step(`contrast, names and width at ${width}`, browser, looks);
    await browser.close();
  }
} catch (error) {
  await browser?.page.screenshot({ path: join(tmpdir(), "studio-reach.png") }).catch(() => {});
  console.error(browser?.complaints.join("\n"));
  console.error(error);
  process.exitCode = 1;
  await browser?.close().catch(() => {});
} finally {
  await mock.stop();
}
