/** The annotate view: the queue, the stage with its tools, the objects. */

import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { contains } from "../mask/runs";
import * as calls from "../server/calls";
import { connections, onEvent } from "../server/events";
import { bind } from "../shell/keys";
import { go, hashOf, route } from "../shell/route";
import type { Tool } from "../view/gestures";
import { pictureOf } from "../view/picture";
import { Stage } from "../view/stage";
import { Banners } from "./banners";
import { Found } from "./found";
import { ANNOTATE_KEYS } from "./keys";
import { toggle } from "./look";
import { Objects } from "./objects";
import { overlay, watch } from "./overlay";
import { QueueList } from "./queue_list";
import { entries, neighbour, readQueue } from "./queue_state";
import * as session from "./session";
import { stage } from "./stage";
import { Toolbar } from "./toolbar";
import { sketch, TOOLS, toolName } from "./tools";

/** While the masks of "everything" are looked through, a tap takes one out or back in. */
const pickFound: Tool = {
  drags: () => false,
  tap: ({ at }) => {
    const hits = (session.everything.value ?? [])
      .map((proposal, index) => ({ proposal, index }))
      .filter(({ proposal }) => contains(proposal.mask, at.x, at.y))
      .sort((a, b) => a.proposal.area - b.proposal.area);
    if (hits[0] !== undefined) toggle(hits[0].index);
  },
};

export function Annotate() {
  useEffect(() => bind(ANNOTATE_KEYS), []);
  useEffect(() => {
    void readQueue();
    session.showPicture();
    return onEvent((event) => {
      if (event.type === "set_changed") {
        void readQueue();
        void session.recheck();
      }
      if (event.type === "queue" && event.measured === event.total) void readQueue();
    });
  }, []);
  useEffect(
    () =>
      effect(() => {
        stage.show(session.picture.value);
        const looking = session.everything.value !== null;
        stage.tool = session.loading.value ? null : looking ? pickFound : TOOLS[toolName.value];
        stage.overlay = overlay;
      }),
    [],
  );
  // What the overlay reads makes it draw anew.
  useEffect(
    () =>
      effect(() => {
        watch();
        stage.redraw();
      }),
    [],
  );
  useEffect(() => () => stage.show(null), []);
  const wanted = Number(route.value.rest[0] ?? Number.NaN);
  const listed = session.row.value?.index ?? entries.value[0]?.index;
  useEffect(() => {
    if (Number.isInteger(wanted) && wanted >= 0) void session.open(wanted).then(ahead);
    else if (listed !== undefined) go(hashOf("annotate", [listed]), true);
  }, [wanted, listed, connections.value]);
  useEffect(() => session.showPicture(), [connections.value]);
  const failure = session.picture.value?.failure.value ?? null;
  return (
    <>
      <QueueList />
      <section class="stage" aria-label="Image">
        <Banners />
        <Stage state={stage} label={label()} cursor={cursor()} />
        {session.loading.value && <div class="veil">Loading…</div>}
        {session.row.value?.refused != null && (
          <div class="veil bad" role="alert">
            <b>{session.row.value.id} cannot be read</b>
            <span>{session.row.value.refused}</span>
          </div>
        )}
        {failure !== null && (
          <div class="veil bad" role="alert">
            <b>The picture cannot be shown</b>
            <span>{failure}</span>
          </div>
        )}
        {session.everything.value !== null ? <Found /> : <Toolbar />}
      </section>
      <Objects />
    </>
  );
}

function label(): string {
  const record = session.row.value;
  const count = session.doc.value.items.length;
  return record === null ? "No image" : `${record.id}, ${count} objects. Arrow keys move a crosshair, F presses.`;
}

function cursor(): string {
  if (session.everything.value !== null) return "pointer";
  const tool = toolName.value;
  if (tool === "hand") return "grab";
  return (tool === "brush" || tool === "eraser") && sketch.value !== null ? "none" : "crosshair";
}

/** Decodes the next image while this one is looked at. */
async function ahead(): Promise<void> {
  const next = neighbour(1);
  if (next === null || session.row.value === null) return;
  try {
    const record = await calls.row(next);
    if (record.refused === null && session.row.value !== null) {
      pictureOf(record);
      // The one on the stage stays the newest.
      pictureOf(session.row.value);
    }
  } catch {
    // It is read again, and told about, when it is opened.
  }
}
