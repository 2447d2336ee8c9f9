/** The train view: the form for a new run at the left, what runs and ran at the right. */
import { useEffect, useState } from "preact/hooks";
import type { RunRow } from "../api";
import { live, state } from "../server/events";
import { whole } from "../shell/figures";
import { route } from "../shell/route";
import { Curves } from "./curves";
import { NewRun } from "./new_run";
import { RunCard } from "./run_card";
import { RunPictures } from "./run_pictures";
import { detailsOf, runColour, runs, selected, watchRuns, withJobs } from "./runs";

export function Train() {
  const [open, setOpen] = useState(false);
  useEffect(() => watchRuns(), []);
  const named = route.value.rest[0];
  useEffect(() => {
    if (named !== undefined && !selected.value.includes(named)) selected.value = [...selected.value, named].slice(-6);
  }, [named]);
  const rows = runs.value === null ? null : withJobs(runs.value, live.value.jobs);
  const shown = selected.value.filter((name) => rows?.some((row) => row.name === name) === true);
  return (
    <div class="train">
      <section class={open ? "form open" : "form"} aria-label="New run">
        <button type="button" class="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
          New run…
        </button>
        <NewRun taken={(rows ?? []).map((row) => row.name)} />
      </section>
      <section class="live" aria-label="Runs">
        <Summary row={rows?.find((row) => row.name === shown.at(-1)) ?? null} />
        <div class="cards">
          {(rows ?? []).map((row) => (
            <RunCard key={row.name} row={row} colour={runColour(row.name)} shown={shown.includes(row.name)} />
          ))}
        </div>
        {rows !== null && rows.length === 0 && (
          <p class="muted intro">
            No run yet. A run begins with a preset; {whole(state.value?.corrections.images ?? 0)} corrected images are
            ready for it.
          </p>
        )}
        <Curves
          runs={shown.map((name) => ({
            run: name,
            colour: runColour(name),
            curves: detailsOf(name)?.curves ?? [],
          }))}
        />
        {shown.map((name) => (
          <RunPictures key={name} name={name} details={detailsOf(name)} />
        ))}
      </section>
    </div>
  );
}

function Summary({ row }: { row: RunRow | null }) {
  if (row === null) return null;
  return (
    <div class="tiles">
      <Tile text={`${row.name} · IoU`} now={row.iou} before={row.before_iou} />
      <Tile text="boundary IoU" now={row.boundary_iou} before={null} />
      <div class="tile">
        <span>epochs</span>
        <b>
          {row.epochs_done} <small>of {row.epochs}</small>
        </b>
      </div>
      <div class="tile">
        <span>best epoch</span>
        <b>{row.best_epoch === null ? "–" : row.best_epoch + 1}</b>
      </div>
    </div>
  );
}

function Tile({ text, now, before }: { text: string; now: number | null; before: number | null }) {
  const gain = now !== null && before !== null ? now - before : null;
  return (
    <div class="tile">
      <span>{text}</span>
      <b>
        {now === null ? "–" : now.toFixed(3)}{" "}
        {gain !== null && (
          <small class={gain >= 0 ? "ok" : "bad"}>
            {gain >= 0 ? "+" : "−"}
            {Math.abs(gain).toFixed(3)}
          </small>
        )}
      </b>
    </div>
  );
}
