/** The set, the model that answers clicks, the jobs that run, and the page's own switches. */
import { useEffect, useState } from "preact/hooks";
import type { CheckpointRow } from "../api";
import * as calls from "../server/calls";
import { live, onEvent, state } from "../server/events";
import { problemOf } from "../server/problem";
import { fraction, goesOn, left, whole } from "./figures";
import { Icon } from "./icons";
import { helpShown } from "./keys";
import { notify, say } from "./notices";
import { hashOf } from "./route";
import { nextTheme, theme } from "./theme";

export function Header() {
  const now = state.value;
  return (
    <header class="top">
      <b class="brand">
        maskwright <span>studio</span>
      </b>
      {now !== null && (
        <span class="chip" title={`${now.set.images} images`}>
          <small>set</small> {now.set.name} <i>{whole(now.set.images)} images</i>
        </span>
      )}
      {now !== null && <ModelChooser />}
      <span class="grow" />
      <Jobs />
      <button type="button" class="square" title={`Theme: ${theme.value}`} onClick={nextTheme}>
        <Icon name={theme.value === "dark" ? "moon" : theme.value === "light" ? "sun" : "system"} />
        <span class="unseen">Theme: {theme.value}. Change it.</span>
      </button>
      <button
        type="button"
        class="square"
        title="All keys (?)"
        onClick={() => {
          helpShown.value = true;
        }}
      >
        <Icon name="keys" />
        <span class="unseen">All keys</span>
      </button>
    </header>
  );
}

function ModelChooser() {
  const [rows, setRows] = useState<CheckpointRow[]>([]);
  const { model, modelLoading } = live.value;
  useEffect(() => {
    const read = () => calls.checkpoints().then(setRows, () => {});
    void read();
    return onEvent((event) => {
      if (event.type === "model" || (event.type === "job" && event.job.state === "finished")) void read();
    });
  }, []);
  const missing = state.value?.model_missing ?? null;
  if (rows.length === 0 && model === null) {
    return (
      <span class="chip warn" title={missing ?? ""}>
        <small>model</small> {modelLoading ? "loading…" : "none"}
      </span>
    );
  }
  const known = rows.some((row) => row.path === model?.checkpoint);
  return (
    <label class="chip" title={model === null ? (missing ?? "") : `${model.checkpoint}, input ${model.input_size}`}>
      <small>model</small>
      <select
        value={model?.checkpoint ?? ""}
        disabled={modelLoading}
        onChange={(event) => void chooseModel(event.currentTarget.value)}
      >
        {model === null && <option value="">none</option>}
        {model !== null && !known && <option value={model.checkpoint}>{model.name}</option>}
        {rows.map((row) => (
          <option key={row.path} value={row.path}>
            {row.name}
          </option>
        ))}
      </select>
      <i>{modelLoading ? "loading…" : (model?.kind ?? "")}</i>
    </label>
  );
}

/** Loads a model for clicking. */
export async function chooseModel(checkpoint: string): Promise<void> {
  if (checkpoint === "") return;
  live.value = { ...live.value, modelLoading: true };
  try {
    await calls.useModel(checkpoint);
    say("The model is loading; clicks are answered by it as soon as it is there");
  } catch (error) {
    live.value = { ...live.value, modelLoading: false };
    notify(problemOf(error));
  }
}

function Jobs() {
  const running = live.value.jobs.filter(goesOn);
  const job = running[0];
  if (job === undefined) return null;
  const share = fraction(job);
  return (
    <a class="pill" href={hashOf("train", [job.run])} title={job.last_line}>
      <span>
        {job.kind === "train" ? "training" : "evaluating"} {job.run}
        {running.length > 1 && ` +${running.length - 1}`}
      </span>
      <progress value={share} max={1} aria-label={`${job.run}: progress`} />
      <span class="muted">
        {job.state === "stopping"
          ? "stopping…"
          : job.state === "paused"
            ? "paused"
            : job.epochs === 0
              ? "beginning…"
              : `epoch ${Math.min(job.epoch + 1, job.epochs)} of ${job.epochs}${left(job.seconds_left)}`}
      </span>
    </a>
  );
}
