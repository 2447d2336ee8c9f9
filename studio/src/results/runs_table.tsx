/** All runs with their figures; each leads to the run's images. */
import { useState } from "preact/hooks";
import { live } from "../server/events";
import { share, signed } from "../shell/figures";
import { chooseModel } from "../shell/header";
import { hashOf } from "../shell/route";
import { runs } from "../train/runs";
import { type Column, sorted } from "./sorting";

const COLUMNS: readonly [Column, string][] = [
  ["name", "run"],
  ["state", "state"],
  ["epochs_done", "epochs"],
  ["best_epoch", "best"],
  ["before_iou", "IoU before"],
  ["iou", "IoU now"],
  ["boundary_iou", "boundary IoU"],
  ["started", "started"],
];

export function RunsTable() {
  const [order, setOrder] = useState<{ column: Column; down: boolean }>({ column: "started", down: true });
  const rows = runs.value;
  if (rows === null) return <p class="waiting">Reading the runs…</p>;
  if (rows.length === 0) {
    return (
      <div class="waiting">
        <p>No run has results yet.</p>
        <a class="button" href={hashOf("train")}>
          Train a model
        </a>
      </div>
    );
  }
  return (
    <div class="results">
      <div class="card scroll">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([column, text]) => (
                <th
                  key={column}
                  scope="col"
                  aria-sort={order.column === column ? (order.down ? "descending" : "ascending") : "none"}
                >
                  <button
                    type="button"
                    class="link"
                    onClick={() =>
                      setOrder({ column, down: order.column === column ? !order.down : column !== "name" })
                    }
                  >
                    {text}
                    {order.column === column && (order.down ? " ↓" : " ↑")}
                  </button>
                </th>
              ))}
              <th scope="col">
                <span class="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted(rows, order.column, order.down).map((row) => {
              const page = hashOf("results", [row.name]);
              const gain = row.iou !== null && row.before_iou !== null ? row.iou - row.before_iou : null;
              const inUse = row.checkpoint !== null && row.checkpoint === live.value.model?.checkpoint;
              return (
                <tr key={row.name}>
                  <th scope="row">
                    <a href={page}>{row.name}</a>
                  </th>
                  <td>
                    <span class={`tag ${row.state}`}>{row.state}</span>
                  </td>
                  <td>
                    {row.epochs_done} of {row.epochs}
                  </td>
                  <td>{row.best_epoch === null ? "–" : row.best_epoch + 1}</td>
                  <td>
                    <a href={page}>{share(row.before_iou)}</a>
                  </td>
                  <td>
                    <a href={page}>{share(row.iou)}</a>{" "}
                    {gain !== null && <span class={gain >= 0 ? "ok" : "bad"}>{signed(gain)}</span>}
                  </td>
                  <td>
                    <a href={page}>{share(row.boundary_iou)}</a>
                  </td>
                  <td class="muted">{when(row.started)}</td>
                  <td>
                    {row.checkpoint !== null && (
                      <button
                        type="button"
                        class="small"
                        disabled={inUse || live.value.modelLoading}
                        onClick={() => void chooseModel(row.checkpoint ?? "")}
                      >
                        {inUse ? "answers clicks" : "use for clicking"}
                      </button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function when(started: string | null): string {
  if (started === null) return "–";
  const time = new Date(started);
  return Number.isNaN(time.getTime())
    ? started
    : time.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
