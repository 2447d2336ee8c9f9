/**
 * `npm run check`: types, lint, tests, and that the committed page is what the sources build, byte for byte, and not
 * larger than it may be.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LARGEST = 150 * 1024;
const folder = fileURLToPath(new URL(".", import.meta.url));
const committed = join(folder, "../crates/maskwright-studio/page");

function run(name, args, env = {}) {
  console.log(`> ${name} ${args.join(" ")}`);
  const done = spawnSync(join(folder, "node_modules/.bin", name), args, {
    cwd: folder,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

run("tsc", ["--noEmit"]);
run("biome", ["check", "."]);
run("vitest", ["run"]);
const built = mkdtempSync(join(tmpdir(), "studio-page-"));
try {
  run("vite", ["build", "--logLevel", "warn"], { STUDIO_OUT: built });
  const names = readdirSync(built).sort();
  const known = readdirSync(committed).sort();
  if (names.join() !== known.join()) fail(`the page's files: expected ${names.join(", ")}, found ${known.join(", ")}`);
  let size = 0;
  for (const name of names) {
    const content = readFileSync(join(built, name));
    if (!content.equals(readFileSync(join(committed, name))))
      fail(`${join(committed, name)} is not what the sources build`);
    size += gzipSync(content, { level: 9 }).length;
  }
  if (size > LARGEST) fail(`the page: expected at most ${LARGEST} bytes compressed, found ${size}`);
  console.log(`The committed page is what the sources build: ${size} bytes compressed.`);
} finally {
  rmSync(built, { recursive: true, force: true });
}

function fail(text) {
  rmSync(built, { recursive: true, force: true });
  console.error(`${text}; run \`npm run build\` in studio/ and commit what it writes`);
  process.exit(1);
}
