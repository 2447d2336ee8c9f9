/** The results view: all runs, one of them with its images, or two models on one image. */
import { useEffect } from "preact/hooks";
import { route } from "../shell/route";
import { watchRuns } from "../train/runs";
import { Compare } from "./compare";
import { RunPage } from "./run_page";
import { RunsTable } from "./runs_table";

export function Results() {
  useEffect(() => watchRuns(), []);
  const { rest, query } = route.value;
  if (rest[0] === "compare" && rest[1] !== undefined) {
    return (
      <Compare index={Number(rest[1])} a={query.get("a") ?? ""} b={query.get("b") ?? ""} back={query.get("run")} />
    );
  }
  return rest[0] === undefined ? <RunsTable /> : <RunPage name={rest[0]} />;
}
