/** What was saved when, and what waits. */
import { useEffect, useState } from "preact/hooks";
import { waiting } from "../annotate/drafts";
import { lastSave, savedHere, saving } from "../annotate/outbox";
import { queue } from "../annotate/queue_state";
import { state } from "../server/events";
import { reachable } from "../server/request";
import { ago, counted, span, whole } from "./figures";
import { hashOf } from "./route";

export function Footer() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  const saved = lastSave.value;
  const shown = Math.max(now, saved?.time ?? 0);
  const corrections = state.value?.corrections;
  return (
    <footer class="foot">
      <output class={!reachable.value ? "bad" : saved === null ? "" : "ok"}>
        {!reachable.value
          ? "● the server does not answer"
          : saving.value.size > 0
            ? "● saving…"
            : saved === null
              ? "○ nothing saved yet"
              : `● saved ${ago(saved.time, shown)}`}
      </output>
      {saved !== null && <span class="path">{saved.file}</span>}
      {corrections !== undefined && (
        <span class="path wide">
          {counted(corrections.objects, "object")} in {counted(corrections.images, "image")} · {corrections.folder}
        </span>
      )}
      {corrections !== undefined && corrections.left_out.length > 0 && (
        <span class="warn wide" title={corrections.left_out.join("; ")}>
          objects overlap, which {corrections.format} cannot hold
        </span>
      )}
      <span class="grow" />
      <Waiting />
      <Pace />
    </footer>
  );
}

/** Edits that are in this browser alone. */
function Waiting() {
  const drafts = [...waiting.value.values()].filter((draft) => !saving.value.has(draft.key));
  const first = drafts[0];
  if (first === undefined) return null;
  return (
    <a class="warn" href={hashOf("annotate", [first.index])} title={drafts.map((draft) => draft.id).join(", ")}>
      {drafts.length === 1 ? "1 image has" : `${drafts.length} images have`} unsaved edits
    </a>
  );
}

const begun = Date.now();

/** What is left, and how long it takes at this pace; said only when there is a pace. */
function Pace() {
  const waits = queue.value;
  if (waits === null) return null;
  const done = savedHere.value.size;
  const remaining = Math.max(waits.total - done, 0);
  // Where no image waits, there is no pace.
  if (waits.total === 0) return null;
  const each = done >= 5 ? (Date.now() - begun) / 1000 / done : null;
  return (
    <span class="wide">
      {whole(remaining)} left{each === null ? "" : ` · about ${span(each * remaining)} at your pace`}
    </span>
  );
}
