/** What a run would cost, by the server's dry run; asked again half a second after the last change. */
import { useEffect, useState } from "preact/hooks";
import type { Forecast, TrainRequest } from "../api";
import * as calls from "../server/calls";
import { isAbort, type Problem, problemOf } from "../server/problem";
import { bytes, span } from "../shell/figures";
import { Details } from "../shell/notices_view";

const PAUSE = 500;

export function ForecastCard({ request, valid }: { request: TrainRequest; valid: boolean }) {
  const [forecast, setForecast] = useState<Forecast | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [waits, setWaits] = useState(false);
  // The name is no part of it: only whether it can be used.
  const key = JSON.stringify({ data: request.data, values: request.values });
  useEffect(() => {
    if (!valid) return;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      setWaits(true);
      try {
        setForecast(await calls.forecast(request, stop.signal));
        setProblem(null);
      } catch (error) {
        if (!isAbort(error)) setProblem(problemOf(error));
      } finally {
        if (!stop.signal.aborted) setWaits(false);
      }
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, valid]);
  if (problem !== null) {
    return (
      <div class="notice problem" role="alert">
        <div>
          <b>{problem.title}</b>
          <Details problem={problem} />
        </div>
      </div>
    );
  }
  if (forecast === null) return <p class="muted forecast">Forecast…</p>;
  return (
    <div class={waits ? "forecast waits" : "forecast"} aria-live="polite">
      {forecast.refusal !== null && <p class="bad">{forecast.refusal}</p>}
      <dl class="pairs">
        <Figure name="memory" value={forecast.memory_bytes} text={bytes} />
        <Figure name="cache on disk" value={forecast.cache_bytes} text={bytes} />
        <Figure name="time" value={forecast.seconds} text={span} />
      </dl>
      {forecast.text !== "" && (
        <details>
          <summary>all lines of the dry run</summary>
          <pre>{forecast.text}</pre>
        </details>
      )}
    </div>
  );
}

function Figure({ name, value, text }: { name: string; value: number | null; text: (value: number) => string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value === null ? "–" : text(value)}</dd>
    </>
  );
}
