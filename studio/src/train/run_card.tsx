/** One run: how far it is, and what can be done with it. */
import type { Job, RunRow } from "../api";
import * as calls from "../server/calls";
import { live, setJob } from "../server/events";
import { problemOf } from "../server/problem";
import { fraction, goesOn, left, share } from "../shell/figures";
import { chooseModel } from "../shell/header";
import { notify } from "../shell/notices";
import { hashOf } from "../shell/route";
import { readRuns, toggleRun } from "./runs";

const PAUSE = "It stands still at once and keeps its memory: the processor is free for clicking";
const STOP = "It saves its state and ends; it can go on later, also on another machine";

export function RunCard({ row, colour, shown }: { row: RunRow; colour: string; shown: boolean }) {
  const job = live.value.jobs.find((each) => each.run === row.name) ?? null;
  const running = job !== null && goesOn(job);
  const inUse = row.checkpoint !== null && live.value.model?.checkpoint === row.checkpoint;
  return (
    <article class={shown ? "run on" : "run"}>
      <header>
        <label class="check">
          <input type="checkbox" checked={shown} onChange={() => toggleRun(row.name)} />
          <i class="swatch" style={{ background: shown ? colour : "transparent" }} />
          <b>{row.name}</b>
        </label>
        <span class={`tag ${running ? "running" : row.state}`}>{running ? job.state : stateText(row, job)}</span>
        <span class="grow" />
        <a href={hashOf("results", [row.name])}>{row.iou === null ? "results" : `IoU ${share(row.iou)}`}</a>
      </header>
      {job !== null && running ? (
        <Progress job={job} />
      ) : (
        <p class="muted">
          {row.epochs_done} of {row.epochs} epochs{row.best_epoch === null ? "" : `, best ${row.best_epoch + 1}`}
        </p>
      )}
      {job?.state === "failed" && <p class="bad">{job.last_line}</p>}
      <div class="both">
        {running && job.state === "running" && (
          <button type="button" title={PAUSE} onClick={() => void act(calls.pauseJob(job.id))}>
            Pause
          </button>
        )}
        {running && (
          <button
            type="button"
            title={STOP}
            disabled={job.state === "stopping"}
            onClick={() => void act(calls.stopJob(job.id))}
          >
            Stop after this step
          </button>
        )}
        {job?.can_resume === true && (
          <button type="button" onClick={() => void act(calls.resumeJob(job.id))}>
            {job.state === "paused" ? "Go on" : "Resume"}
          </button>
        )}
        {row.checkpoint !== null && (
          <button
            type="button"
            class={running || inUse ? "" : "primary"}
            disabled={inUse || live.value.modelLoading}
            onClick={() => void chooseModel(row.checkpoint ?? "")}
          >
            {inUse ? "Answers clicks" : live.value.modelLoading ? "Loading…" : "Use for clicking"}
          </button>
        )}
      </div>
    </article>
  );
}

function stateText(row: RunRow, job: Job | null): string {
  return job === null || job.state === "finished" ? row.state : job.state;
}

async function act(change: Promise<Job>): Promise<void> {
  try {
    setJob(await change);
    await readRuns();
  } catch (error) {
    notify(problemOf(error));
  }
}

function Progress({ job }: { job: Job }) {
  return (
    <div class="going">
      <progress value={fraction(job)} max={1} aria-label={`${job.run}: progress`} />
      <span>
        {job.epochs === 0
          ? "beginning…"
          : `epoch ${Math.min(job.epoch + 1, job.epochs)} of ${job.epochs} · step ${job.step} of ${job.steps}`}
        {left(job.seconds_left)}
      </span>
      <small class="path">{job.last_line}</small>
    </div>
  );
}
