/** What stands above the picture when this window is not the only one, or its edits are older than it. */
import { live } from "../server/events";
import { ago, counted } from "../shell/figures";
import { go, hashOf } from "../shell/route";
import { discard, resolve, saving } from "./outbox";
import { nextWaiting } from "./queue_state";
import * as session from "./session";

export function Banners() {
  const conflict = session.conflict.value;
  return (
    <div class="banners">
      {conflict !== null && (
        <div class="banner warn" role="alert">
          <span>
            <b>This image was saved elsewhere</b> since these edits began: {counted(conflict.objects.length, "object")}{" "}
            there (drawn white), {session.doc.value.items.length} here. Which shall stay?
          </span>
          <span class="both">
            <button type="button" onClick={() => resolve("mine")}>
              Mine
            </button>
            <button type="button" onClick={() => resolve("theirs")}>
              Theirs
            </button>
            <button type="button" onClick={() => resolve("both")}>
              All of both
            </button>
          </span>
        </div>
      )}
      {conflict === null && <SavedElsewhere />}
      {session.others.value.length > 0 && conflict === null && <AlsoOpen />}
      {session.restored.value !== null && conflict === null && (
        <div class="banner">
          <span>Edits from {ago(session.restored.value, Date.now())} that were not saved are back.</span>
          <span class="both">
            <button
              type="button"
              onClick={() => {
                session.restored.value = null;
              }}
            >
              Go on with them
            </button>
            <button type="button" onClick={discard}>
              Throw them away
            </button>
          </span>
        </div>
      )}
    </div>
  );
}

function AlsoOpen() {
  const next = nextWaiting();
  return (
    <div class="banner" role="status">
      <span>
        <b>Another window has this image open.</b> Who saves second is asked which objects stay.
      </span>
      <span class="both">
        <button type="button" onClick={session.stayHere}>
          Go on here
        </button>
        {next !== null && (
          <button type="button" onClick={() => go(hashOf("annotate", [next]))}>
            Next image
          </button>
        )}
      </span>
    </div>
  );
}

/** Another window saved what is shown here: without edits it can be read anew at once. */
function SavedElsewhere() {
  const record = session.row.value;
  if (record === null || saving.value.size > 0) return null;
  const newer = live.value.savedElsewhere.get(record.index) ?? 0;
  if (newer <= session.revision.value || session.loading.value) return null;
  return (
    <div class="banner warn" role="status">
      <span>
        <b>Another window saved this image.</b>{" "}
        {session.dirty.value ? "Your edits are kept; saving asks which objects stay." : ""}
      </span>
      {!session.dirty.value && (
        <button
          type="button"
          onClick={() => {
            const { index } = record;
            session.close();
            void session.open(index);
          }}
        >
          Show what was saved
        </button>
      )}
    </div>
  );
}
