/** The doctor's findings, with the pictures they are about, and its fixes, shown as a diff before they are applied. */
import { useEffect, useState } from "preact/hooks";
import type { DoctorState, Finding } from "../api";
import * as calls from "../server/calls";
import { connections, live, onEvent } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { Dialog } from "../shell/dialog";
import { whole } from "../shell/figures";
import { notify, say } from "../shell/notices";
import { hashOf } from "../shell/route";
import { Diff } from "./diff";
import { ALL, toQuery } from "./filter";
import { Tabs } from "./tabs";
import { Thumb } from "./thumb";

const PICTURES = 8;

export function Doctor() {
  const [now, setNow] = useState<DoctorState | null>(null);
  const [fixing, setFixing] = useState<Finding | null>(null);
  const read = (stop?: AbortSignal) =>
    calls.doctor(stop).then(setNow, (error: unknown) => {
      if (!isAbort(error)) notify(problemOf(error));
    });
  useEffect(() => {
    const stop = new AbortController();
    void read(stop.signal);
    const end = onEvent((event) => {
      if (event.type === "doctor" && event.state !== "running") void read(stop.signal);
    });
    return () => {
      stop.abort();
      end();
    };
  }, [connections.value, live.value.changes]);
  const start = async () => {
    try {
      await calls.startDoctor();
      await read();
    } catch (error) {
      notify(problemOf(error));
    }
  };
  const progress = live.value.doctor;
  const running = now?.state === "running";
  const done = running && progress !== null ? progress.done : (now?.done ?? 0);
  const total = running && progress !== null ? progress.total : (now?.total ?? 0);
  return (
    <>
      <Tabs here="doctor" />
      <div class="doctor">
        <div class="bar">
          <button
            type="button"
            class={now?.state === "none" ? "primary" : ""}
            disabled={running}
            onClick={() => void start()}
          >
            {now?.state === "ready" ? "Examine again" : "Examine the set"}
          </button>
          {running && (
            <>
              <progress value={done} max={Math.max(total, 1)} aria-label="Images examined" />
              <span class="muted">
                {whole(done)} of {whole(total)} images
              </span>
            </>
          )}
          {now?.state === "ready" && (
            <span class="muted">
              {now.findings.length === 0
                ? `${whole(now.total)} images, nothing to mend`
                : `${now.findings.length} findings in ${whole(now.total)} images`}
            </span>
          )}
        </div>
        {now?.state === "none" && (
          <p class="muted intro">
            The doctor reads every image and mask and says what would harm a training: masks that are empty, inverted or
            shifted, images twice in the set, edges that are cut. Nothing is changed before you see the change.
          </p>
        )}
        {now?.state === "failed" && (
          <div class="notice problem" role="alert">
            <div>
              <b>The examination failed</b>
              <p>{now.error}</p>
            </div>
          </div>
        )}
        {(now?.findings ?? []).map((finding, at) => (
          <FindingCard key={`${finding.code}-${at}`} finding={finding} onfix={() => setFixing(finding)} />
        ))}
      </div>
      {fixing?.fix != null && (
        <FixDialog
          fix={fixing.fix}
          onclose={() => setFixing(null)}
          ondone={() => {
            setFixing(null);
            void read();
          }}
        />
      )}
    </>
  );
}

function FindingCard({ finding, onfix }: { finding: Finding; onfix: () => void }) {
  return (
    <article class={`finding ${finding.severity}`}>
      <header>
        <span class={`tag ${finding.severity}`}>{finding.severity}</span>
        <code>{finding.code}</code>
        <span class="grow" />
        {finding.fix !== null && (
          <button type="button" onClick={onfix}>
            Fix: {finding.fix.text}
          </button>
        )}
      </header>
      <p>{finding.text}</p>
      {finding.records.length > 0 && (
        <div class="strip">
          {finding.records.slice(0, PICTURES).map((index) => (
            <a key={index} href={hashOf("data", [index])} aria-label={`image ${index}`}>
              <Thumb index={index} side={160} />
            </a>
          ))}
          <a class="all" href={hashOf("data", [], toQuery({ ...ALL, finding: finding.code }))}>
            in the grid
          </a>
        </div>
      )}
    </article>
  );
}

interface FixProps {
  fix: { id: string; text: string; diff: string };
  onclose: () => void;
  ondone: () => void;
}

function FixDialog({ fix, onclose, ondone }: FixProps) {
  const [busy, setBusy] = useState(false);
  const apply = async () => {
    setBusy(true);
    try {
      await calls.fix(fix.id);
      say("The data file was rewritten");
      ondone();
    } catch (error) {
      notify(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={fix.text} wide onclose={onclose}>
      <Diff text={fix.diff} />
      <p class="muted">The data file is written whole or not at all. Images and masks stay as they are.</p>
      <div class="both end">
        <button type="submit">Leave it</button>
        <button type="button" class="primary" disabled={busy} onClick={() => void apply()}>
          Apply to the data file
        </button>
      </div>
    </Dialog>
  );
}
