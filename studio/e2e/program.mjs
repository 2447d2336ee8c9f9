/** The program itself as the server of a walk, so that it can be killed in the middle and started again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const STARTS_WITHIN = 60_000;

/** `demo` is the folder that `maskwright demo` wrote. Its model is used, and a copy of its data in which one mask is damaged. */
export async function startProgram({ program, demo, port = 7860 }) {
  const folder = await mkdtemp(join(tmpdir(), "studio-run-"));
  const files = await readdir(join(demo, "hq"));
  const checkpoint = files.find((name) => name.startsWith("sam_hq_epoch_") && name.endsWith(".safetensors"));
  if (checkpoint === undefined) throw new Error(`${demo}/hq: expected sam_hq_epoch_N.safetensors, found ${files}`);
  const own = join(folder, "data");
  await cp(join(demo, "data"), own, { recursive: true });
  await writeFile(join(own, "train", "masks", (await readdir(join(own, "train", "masks"))).sort()[7]), "no mask\n");
  let child = null;
  const begin = async (at) => {
    const flags = ["--runs", join(folder, "runs"), "--corrections", join(folder, "corrections"), "--no-open"];
    const data = ["studio", join(own, "data.toml"), "--checkpoint", join(demo, "hq", checkpoint)];
    child = spawn(program, [...data, ...flags, "--port", String(at)], { stdio: ["ignore", "pipe", "pipe"] });
    return new Promise((resolve, reject) => {
      let text = "";
      const late = setTimeout(() => reject(new Error(`${program} said no address: ${text}`)), STARTS_WITHIN);
      const listen = (part) => {
        text += part;
        const found = /http:\/\/\S+/.exec(text);
        if (found === null) return;
        clearTimeout(late);
        resolve(new URL("/", found[0]).href);
      };
      child.stdout.on("data", listen);
      child.stderr.on("data", listen);
      child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${text}`)));
    });
  };
  const address = await begin(port);
  const stop = async () => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    // Not asked to end: killed, as by a lack of memory.
    child.kill("SIGKILL");
    await gone;
  };
  return {
    address,
    stop,
    again: () => begin(Number(new URL(address).port)),
    end: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
