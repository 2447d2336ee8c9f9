/** One chart: curves of one name, a line for each run, and the figures below the pointer. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Line, nearest, pathOf, scaleOf, ticks, tickText } from "./chart";

const HEIGHT = 190;
const LEFT = 46;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 22;

export function Chart({ name, lines }: { name: string; lines: readonly Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(420);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => {
    if (box.current === null) return;
    const sized = new ResizeObserver(([entry]) => setWidth(Math.max(entry?.contentRect.width ?? 420, 160)));
    sized.observe(box.current);
    return () => sized.disconnect();
  }, []);
  const xs = scaleOf(lines.flatMap((line) => [line.curve.x[0] ?? 0, line.curve.x.at(-1) ?? 0]));
  const ys = scaleOf(lines.flatMap((line) => line.curve.y.filter((value): value is number => value !== null)));
  const across = (x: number) => LEFT + ((x - xs.low) / (xs.high - xs.low)) * (width - LEFT - RIGHT);
  const up = (y: number) => HEIGHT - BOTTOM - ((y - ys.low) / (ys.high - ys.low)) * (HEIGHT - TOP - BOTTOM);
  const rows = ticks(ys, 4);
  const columns = ticks(xs, Math.max(2, Math.floor(width / 90))).filter((tick) => tick >= 0);
  const marks = at === null ? [] : lines.map((line) => ({ line, point: nearest(line.curve, at) }));
  return (
    <figure class="chart">
      <figcaption>
        <b>{name}</b>
        <span class="legend">
          {lines.map((line) => {
            const point = at === null ? last(line) : nearest(line.curve, at);
            return (
              <span key={line.run}>
                <i style={{ background: line.colour }} /> {line.run} {point === null ? "–" : figure(point.y)}
                {at !== null && point !== null && <small> at {Number(point.x.toFixed(2))}</small>}
              </span>
            );
          })}
        </span>
      </figcaption>
      <div ref={box}>
        <svg
          viewBox={`0 0 ${width} ${HEIGHT}`}
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${name}: ${lines.map((line) => `${line.run} ${figure(last(line)?.y ?? Number.NaN)}`).join(", ")}`}
          onPointerMove={(event) => {
            const left = event.currentTarget.getBoundingClientRect().left;
            const share = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
            setAt(xs.low + Math.min(Math.max(share, 0), 1) * (xs.high - xs.low));
          }}
          onPointerLeave={() => setAt(null)}
        >
          {rows.map((tick) => (
            <g key={`y${tick}`}>
              <line class="rule" x1={LEFT} x2={width - RIGHT} y1={up(tick)} y2={up(tick)} />
              <text class="tick" x={LEFT - 6} y={up(tick) + 3.5} text-anchor="end">
                {tickText(tick, rows)}
              </text>
            </g>
          ))}
          {columns.map((tick) => (
            <text key={`x${tick}`} class="tick" x={across(tick)} y={HEIGHT - 6} text-anchor="middle">
              {tickText(tick, columns)}
            </text>
          ))}
          {at !== null && <line class="rule now" x1={across(at)} x2={across(at)} y1={TOP} y2={HEIGHT - BOTTOM} />}
          {lines.map((line) => (
            <path key={line.run} class="curve" d={pathOf(line.curve, across, up)} stroke={line.colour} />
          ))}
          {lines.map((line) =>
            line.curve.x.length === 1 && last(line) !== null ? (
              <circle
                key={`one-${line.run}`}
                cx={across(last(line)?.x ?? 0)}
                cy={up(last(line)?.y ?? 0)}
                r={3}
                fill={line.colour}
              />
            ) : null,
          )}
          {marks.map(({ line, point }) =>
            point === null ? null : (
              <circle key={`mark-${line.run}`} cx={across(point.x)} cy={up(point.y)} r={3.5} fill={line.colour} />
            ),
          )}
        </svg>
      </div>
    </figure>
  );
}

function last(line: Line): { x: number; y: number } | null {
  for (let at = line.curve.x.length - 1; at >= 0; at--) {
    const x = line.curve.x[at];
    const y = line.curve.y[at];
    if (x !== undefined && y !== undefined && y !== null) return { x, y };
  }
  return null;
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(2) : value.toFixed(4);
}
