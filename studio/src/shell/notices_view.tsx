/** Notices at the lower right, and the bar that says that the server is lost. */
import { advice, type Problem } from "../server/problem";
import { reachable } from "../server/request";
import { Icon } from "./icons";
import { dismiss, notices } from "./notices";

export function Notices() {
  return (
    <section class="notices" aria-live="polite" aria-label="Messages">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.kind}`} role={notice.kind === "problem" ? "alert" : undefined}>
          <div>
            <b>
              {notice.text}
              {notice.times > 1 && ` (${notice.times} times)`}
            </b>
            {notice.problem !== null && <Details problem={notice.problem} />}
          </div>
          <button type="button" class="square" onClick={() => dismiss(notice.id)}>
            <Icon name="close" />
            <span class="unseen">Dismiss</span>
          </button>
        </div>
      ))}
    </section>
  );
}

/** What, which file, what was expected and found, and what to do. */
export function Details({ problem }: { problem: Problem }) {
  const todo = advice(problem);
  return (
    <>
      <p>{problem.detail}</p>
      {(problem.file ?? problem.expected ?? problem.found) !== undefined && (
        <dl class="parts">
          {problem.file !== undefined && problem.file !== null && (
            <>
              <dt>file</dt>
              <dd>{problem.file}</dd>
            </>
          )}
          {problem.expected !== undefined && problem.expected !== null && (
            <>
              <dt>expected</dt>
              <dd>{problem.expected}</dd>
            </>
          )}
          {problem.found !== undefined && problem.found !== null && (
            <>
              <dt>found</dt>
              <dd>{problem.found}</dd>
            </>
          )}
        </dl>
      )}
      {todo !== null && <p class="todo">{todo}</p>}
    </>
  );
}

export function Lost() {
  if (reachable.value) return null;
  return (
    <div class="lost" role="alert">
      <b>The server does not answer.</b> Trying again. Edits are kept in this browser and saved when it is back; if it
      was stopped, start <code>maskwright studio</code> again.
    </div>
  );
}
