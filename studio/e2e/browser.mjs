/** Debian's Chromium with a profile of its own, and a page that collects everything it complains of. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-precise-memory-info",
];

/** A browser with a fresh profile, or with the one in `profile`: what a browser keeps outlives its process. */
export async function open({ width = 1440, height = 900, profile = null, touch = false } = {}) {
  const folder = profile ?? (await mkdtemp(join(tmpdir(), "studio-")));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport: { width, height },
    hasTouch: touch,
  });
  const complaints = [];
  const watch = (page) => {
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => complaints.push(`error: ${error.stack ?? error.message}`));
    // A violation of the content policy is a console error, too; the event has what was blocked.
    void page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
    });
  };
  const page = context.pages()[0] ?? (await context.newPage());
  watch(page);
  context.on("page", watch);
  return {
    context,
    page,
    complaints,
    folder,
    close: async () => {
      await context.close();
      if (profile === null) await rm(folder, { recursive: true, force: true });
    },
  };
}
