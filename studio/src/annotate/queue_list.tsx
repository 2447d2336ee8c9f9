/** The queue at the left: what to annotate next, and why. */
import { useEffect, useRef } from "preact/hooks";
import type { QueueEntry } from "../api";
import { Thumb } from "../data/thumb";
import * as calls from "../server/calls";
import { live } from "../server/events";
import { problemOf } from "../server/problem";
import { notify } from "../shell/notices";
import { hashOf } from "../shell/route";
import { waiting } from "./drafts";
import { savedHere } from "./outbox";
import { entries, labelled, order, queue, readQueue, setOrder } from "./queue_state";
import { row } from "./session";

export function QueueList() {
  const list = entries.value;
  const drafts = new Set([...waiting.value.values()].map((draft) => draft.index));
  return (
    <aside class="queue" aria-label="Queue">
      <h3>
        Queue
        <select
          aria-label="Order of the queue"
          value={order.value}
          onChange={(event) => setOrder(event.currentTarget.value === "name" ? "name" : "doubt")}
        >
          <option value="doubt">by doubt</option>
          <option value="name">by name</option>
        </select>
      </h3>
      {order.value === "doubt" && <Measured />}
      {labelled.value.length > 0 && <p class="muted small-text">Every image has a mask: all are listed.</p>}
      {list.length === 0 && <p class="muted">{queue.value === null ? "Reading…" : "No image waits."}</p>}
      <ol>
        {list.map((entry) => (
          <Entry
            key={entry.index}
            entry={entry}
            here={row.value?.index === entry.index}
            saved={savedHere.value.get(entry.index)}
            draft={drafts.has(entry.index)}
          />
        ))}
      </ol>
    </aside>
  );
}

interface EntryProps {
  entry: QueueEntry;
  here: boolean;
  saved: number | undefined;
  draft: boolean;
}

function Entry({ entry, here, saved, draft }: EntryProps) {
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (here) element.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [here]);
  const note =
    saved !== undefined && !draft
      ? saved === 1
        ? "saved, 1 object"
        : `saved, ${saved} objects`
      : here
        ? "editing"
        : entry.why;
  return (
    <li ref={element}>
      <a
        href={hashOf("annotate", [entry.index])}
        class="entry"
        aria-current={here ? "true" : undefined}
        title={entry.why === "" ? entry.id : `${entry.id}: ${entry.why}`}
      >
        <Thumb index={entry.index} side={160} />
        <span class="note">{note}</span>
        <i class={draft ? "dot draft" : saved !== undefined ? "dot done" : "dot"} />
        <span class="unseen">
          {entry.id}
          {draft ? ", has edits that are not saved" : ""}
        </span>
      </a>
    </li>
  );
}

/** How often the order is read anew while images are measured, in milliseconds. */
const ANEW = 5000;

/** How far the studio's own pass over the images is; it can be stopped. */
function Measured() {
  const now = live.value.queue ?? queue.value;
  const going = now !== null && now.measured > 0 && now.measured < now.total;
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(() => {
      if (!document.hidden) void readQueue();
    }, ANEW);
    return () => clearInterval(timer);
  }, [going]);
  if (now === null || now.total === 0 || now.measured >= now.total) return null;
  const set = async (enabled: boolean) => {
    try {
      await calls.measure(enabled);
      await readQueue();
    } catch (error) {
      notify(problemOf(error));
    }
  };
  return (
    <div class="measured">
      <progress value={now.measured} max={now.total} aria-label="Images measured" />
      <span>
        {now.measured} of {now.total} measured
      </span>
      <span class="both">
        <button type="button" class="small" onClick={() => void set(true)}>
          Measure
        </button>
        <button type="button" class="small" onClick={() => void set(false)}>
          Pause
        </button>
      </span>
    </div>
  );
}
