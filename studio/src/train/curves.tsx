/** The curves of the runs that are shown: a chart for each name, a line for each run. */
import type { Curve } from "../api";
import { byName } from "./chart";
import { Chart } from "./chart_view";

interface Props {
  runs: readonly { run: string; colour: string; curves: readonly Curve[] }[];
}

export function Curves({ runs }: Props) {
  const charts = [...byName(runs)].filter(([, lines]) => lines.some((line) => line.curve.x.length > 0));
  if (charts.length === 0) return null;
  return (
    <div class="charts">
      {charts.map(([name, lines]) => (
        <Chart key={name} name={name} lines={lines} />
      ))}
    </div>
  );
}
