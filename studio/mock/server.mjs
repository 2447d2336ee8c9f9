/**
 * A server for developing and testing the page without the program: the addresses, headers and events of the real one,
 * over invented pictures. `node mock/server.mjs`, with PORT, MOCK_IMAGES and STUDIO_OUT (the built page) as settings.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { everything, predict } from "./model.mjs";
import { png } from "./png.mjs";
import { render } from "./scene.mjs";
import { begin, details, FORM, forecast, go, runRow } from "./training.mjs";
import { model, World } from "./world.mjs";

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KINDS = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const page = process.env.STUDIO_OUT ?? fileURLToPath(new URL("../../crates/maskwright-studio/page/", import.meta.url));

class Problem extends Error {
  constructor(status, code, detail, more = {}) {
    super(detail);
    this.body = { type: "about:blank", title: "The request cannot be answered", status, detail, code, ...more };
  }
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Starts the mock; the answer has its address and a way to end it. */
export async function start({ port = 0, images = 240, delay = 15 } = {}) {
  const world = new World(images);
  const listen = async (at) => {
    const server = createServer((request, response) => {
      answer(world, request, response, delay).catch((error) => {
        const body =
          error instanceof Problem ? error.body : new Problem(500, "other", String(error?.stack ?? error)).body;
        if (!response.headersSent) response.writeHead(body.status, { "Content-Type": "application/problem+json" });
        response.end(JSON.stringify(body));
      });
    });
    await new Promise((resolve) => server.listen(at, "127.0.0.1", resolve));
    return server;
  };
  let server = await listen(port);
  const used = server.address().port;
  return {
    address: `http://127.0.0.1:${used}/`,
    world,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
    // A server that was started again: it has what was saved, at the same address.
    again: async () => {
      server = await listen(used);
    },
  };
}

async function answer(world, request, response, delay) {
  const url = new URL(request.url, "http://localhost");
  response.setHeader("Content-Security-Policy", CSP);
  response.setHeader("X-Content-Type-Options", "nosniff");
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  if (request.method !== "GET") {
    if (request.headers["x-maskwright"] !== "1") throw new Problem(403, "usage", "the header X-Maskwright is missing");
    if (!request.headers["content-type"]?.startsWith("application/json"))
      throw new Problem(415, "usage", "expected JSON");
  }
  if (url.pathname === "/api/events") return events(world, url, request, response);
  const body = request.method === "GET" ? null : JSON.parse((await whole(request)) || "{}");
  await pause(delay);
  const found = await route(world, request.method, url, body, request.headers["x-maskwright-client"] ?? "");
  if (Buffer.isBuffer(found)) {
    response.writeHead(200, { "Content-Type": "image/png", "Cache-Control": "max-age=60" });
    return response.end(found);
  }
  response.writeHead(found === undefined ? 202 : 200, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
  });
  response.end(found === undefined ? "" : JSON.stringify(found));
}

async function file(path, response) {
  const name = path === "/" ? "index.html" : path.slice(1);
  if (!/^[a-z]+\.[a-z]+$/.test(name)) throw new Problem(404, "file_missing", `there is no ${path}`);
  try {
    const content = await readFile(`${page}/${name}`);
    response.writeHead(200, { "Content-Type": KINDS[name.split(".")[1]] ?? "application/octet-stream" });
    response.end(content);
  } catch {
    throw new Problem(404, "file_missing", `there is no ${path}`);
  }
}

async function whole(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

function events(world, url, request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": here\n\n");
  const key = Symbol(url.searchParams.get("client") ?? "");
  world.listeners.set(key, (event) => response.write(`data: ${JSON.stringify(event)}\n\n`));
  const beat = setInterval(() => response.write(": still\n\n"), 15_000);
  request.on("close", () => {
    clearInterval(beat);
    world.listeners.delete(key);
  });
}

async function route(world, method, url, body, client) {
  const [, , first, second, third, ...rest] = url.pathname.split("/");
  switch (`${method} ${first}`) {
    case "GET state":
      return world.state();
    case "GET records":
      if (second === undefined) return world.records(url.searchParams);
      return record(world, Number(second), third, rest, url.searchParams);
    case "POST records":
    case "PUT records":
      return change(world, Number(second), third, body, client);
    case "GET queue":
      return queue(world, url.searchParams);
    case "POST queue":
      return {};
    case "GET doctor":
      return {
        state: world.doctorState,
        done: world.images,
        total: world.images,
        findings: world.doctorState === "ready" ? world.findings() : [],
        error: null,
      };
    case "POST doctor":
      if (second === "fix") {
        world.fixed = true;
        world.send({ type: "set_changed" });
        return {};
      }
      return examine(world);
    case "GET train":
      return FORM;
    case "POST train":
      if (second === "forecast") return forecast(world, body);
      if (world.runs.some((run) => run.name === body.name))
        throw new Problem(409, "run", `there is a run ${body.name} already`);
      return begin(world, body.name);
    case "GET jobs":
      return world.jobs;
    case "POST jobs":
      return jobs(world, second, third);
    case "GET runs":
      return runs(world, second, rest.at(-1));
    case "GET checkpoints":
      return world.runs.filter((run) => run.done > 0).map((run) => ({ name: run.name, path: runRow(run).checkpoint }));
    case "POST model":
      return load(world, body.checkpoint);
    case "POST compare":
      return compare(world, body);
    default:
      throw new Problem(404, "usage", `there is no ${method} ${url.pathname}`);
  }
}

function known(world, index) {
  if (!Number.isInteger(index) || index < 0 || index >= world.images) {
    throw new Problem(404, "data", `there is no image ${index}`, {
      expected: `0 to ${world.images - 1}`,
      found: String(index),
    });
  }
}

function record(world, index, what, rest, query) {
  known(world, index);
  const size = world.size(index);
  const scaled = (width) => {
    const wide = Math.max(1, Math.min(width, size.width));
    const high = Math.max(1, Math.round((size.height * wide) / size.width));
    return png(wide, high, render(world.scene(index), wide, high, 0, 0, size.width / wide));
  };
  switch (what) {
    case undefined:
      return world.row(index);
    case "thumbnail": {
      const side = Number(query.get("side") ?? 256);
      return scaled(Math.round(side * Math.min(1, size.width / size.height)));
    }
    case "image":
      return scaled(Number(query.get("width") ?? size.width));
    case "tile": {
      const [level, column, line] = rest.map(Number);
      const step = 2 ** level;
      const wide = Math.min(512, Math.ceil((size.width - column * 512 * step) / step));
      const high = Math.min(512, Math.ceil((size.height - line * 512 * step) / step));
      if (!(wide > 0 && high > 0)) throw new Problem(404, "data", "there is no such tile");
      return png(wide, high, render(world.scene(index), wide, high, column * 512 * step, line * 512 * step, step));
    }
    case "masks":
      return world
        .truth(index)
        .map((mask, object) => ({ object, category: world.row(index).categories[0] ?? null, mask }));
    case "view": {
      const zoom = (Number(query.get("scale_min")) + Number(query.get("scale_max"))) / 2;
      return png(512, 512, render(world.scene(index), 512, 512, 0, 0, size.width / 512 / zoom));
    }
    case "corrections":
      return world.corrections.get(index) ?? { revision: 0, objects: [] };
    default:
      throw new Problem(404, "usage", `an image has no ${what}`);
  }
}

async function change(world, index, what, body, client) {
  known(world, index);
  switch (what) {
    case "embedding":
      setTimeout(() => world.send({ type: "embedding", index, state: "ready", error: null }), 120);
      return { state: "making" };
    case "predict": {
      const begun = performance.now();
      if (world.model === null) throw new Problem(409, "model", "no model is loaded");
      const proposals = world.predict(index, body);
      return { proposals, milliseconds: performance.now() - begun, embedding: "ready" };
    }
    case "everything":
      return everything(world.scene(index), world.size(index));
    case "open":
      world.send({ type: "opened", index, client: body.client });
      return {};
    case "corrections": {
      const current = world.corrections.get(index) ?? { revision: 0, objects: [] };
      if (current.revision !== body.revision) {
        throw new Problem(409, "conflict", "another window saved this image first", { current });
      }
      const revision = current.revision + 1;
      world.corrections.set(index, { revision, objects: body.objects });
      world.send({ type: "saved", index, revision, client });
      return { revision, file: `corrections/instances/${world.row(index).id}.png`, milliseconds: 3, not_held: null };
    }
    default:
      throw new Problem(404, "usage", `an image has no ${what}`);
  }
}

function queue(world, query) {
  const limit = Number(query.get("limit") ?? 100);
  const entries = [];
  for (let index = 0; index < world.images && entries.length < limit; index++) {
    const row = world.row(index);
    if (row.objects !== 0 || row.corrected > 0) continue;
    const score = 1 - (row.predicted_iou ?? 0.5);
    const why = row.predicted_iou === null ? "not measured yet" : `predicted IoU ${row.predicted_iou.toFixed(2)}`;
    entries.push({ index, id: row.id, score, why });
  }
  if (query.get("order") === "doubt") entries.sort((a, b) => b.score - a.score);
  return {
    order: query.get("order") ?? "name",
    measured: Math.floor(entries.length * 0.8),
    total: entries.length,
    entries,
  };
}

function examine(world) {
  world.doctorState = "running";
  let done = 0;
  const timer = setInterval(() => {
    done = Math.min(done + world.images / 10, world.images);
    if (done >= world.images) {
      clearInterval(timer);
      world.doctorState = "ready";
    }
    world.send({ type: "doctor", done: Math.round(done), total: world.images, state: world.doctorState });
  }, 60);
  return {};
}

function jobs(world, id, what) {
  const job = world.jobs.find((each) => each.id === id);
  const run = world.runs.find((each) => each.name === job?.run);
  if (job === undefined || run === undefined) throw new Problem(404, "run", `there is no job ${id}`);
  if (what === "resume" && job.state === "paused") job.state = "running";
  else if (what === "resume") return go(world, run, job.id);
  if (what === "resume") return job;
  if (what === "pause") {
    job.state = "paused";
    job.can_resume = true;
    return job;
  }
  job.state = "stopping";
  return job;
}

function runs(world, name, picture) {
  if (name === undefined) return world.runs.map(runRow);
  const run = world.runs.find((each) => each.name === name);
  if (run === undefined) throw new Problem(404, "run", `there is no run ${name}`);
  if (picture === undefined) return details(world, run);
  const index = 4 * Number(/\d+/.exec(picture)?.[0] ?? 0);
  const size = world.size(index);
  return png(300, 200, render(world.scene(index), 300, 200, 0, 0, size.width / 300));
}

function load(world, checkpoint) {
  const run = world.runs.find((each) => runRow(each).checkpoint === checkpoint || each.name === checkpoint);
  if (run === undefined) throw new Problem(404, "model", `there is no checkpoint ${checkpoint}`);
  setTimeout(() => {
    world.model = model(run.name, run.before === null ? 0.09 : 0.01);
    world.send({ type: "model", model: world.model.info, loading: false, error: null });
  }, 300);
  return undefined;
}

function compare(world, body) {
  known(world, body.index);
  const one = (path) =>
    predict(world.scene(body.index), world.size(body.index), body.prompts, path.includes("base") ? 0.09 : 0.01)[0];
  return { a: one(body.a), b: one(body.b) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await start({ port: Number(process.env.PORT ?? 8377), images: Number(process.env.MOCK_IMAGES ?? 240) });
  console.log(mock.address);
}
