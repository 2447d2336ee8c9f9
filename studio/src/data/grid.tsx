/** The grid of images: only the cells on the screen exist, however many the set has. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RecordRow } from "../api";
import * as calls from "../server/calls";
import { connections, live } from "../server/events";
import { share, whole } from "../shell/figures";
import { go, hashOf } from "../shell/route";
import { layout, moved, visible } from "./grid_layout";
import { Pages } from "./pages";
import { Thumb } from "./thumb";
import { remember } from "./walk";

const WIDTH = 190;
const WIDTH_NARROW = 150;

/** Where each filter's grid was scrolled to, so that the way back from an image ends where it began. */
const places = new Map<string, number>();

export function Grid({ query }: { query: string }) {
  const pages = useMemo(
    () => new Pages((offset, limit, stop) => calls.records(`${query}&offset=${offset}&limit=${limit}`, stop)),
    [query, live.value.changes, connections.value],
  );
  useEffect(() => () => pages.close(), [pages]);
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ top: places.get(query) ?? 0, width: 0, height: 0 });
  const [focused, setFocused] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let frame = 0;
    const measure = () => {
      frame = 0;
      places.delete(query);
      places.set(query, element.scrollTop);
      if (places.size > 20) places.delete([...places.keys()][0] ?? "");
      setPlace({ top: element.scrollTop, width: element.clientWidth - 24, height: element.clientHeight });
    };
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    element.addEventListener("scroll", later, { passive: true });
    const sized = new ResizeObserver(later);
    sized.observe(element);
    measure();
    return () => {
      element.removeEventListener("scroll", later);
      sized.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [query]);
  void pages.version.value;
  const total = pages.total.value;
  const grid = layout(total ?? 0, Math.max(place.width, 100), place.width < 500 ? WIDTH_NARROW : WIDTH);
  const { first, last } = visible(grid, total ?? 0, place.top, place.height);
  useEffect(() => pages.want(first, Math.max(last, first + 1)), [pages, first, last]);
  // The scroll is restored when the total, and with it the height, is known.
  useEffect(() => {
    const wanted = places.get(query) ?? 0;
    if (total !== null && total > 0 && box.current !== null && wanted > 0) box.current.scrollTop = wanted;
  }, [total === null, query]);

  const onkey = (event: KeyboardEvent) => {
    const perPage = grid.columns * Math.max(1, Math.floor(place.height / grid.cellHeight));
    const to = moved(focused, event.key, grid.columns, total ?? 0, perPage);
    const record = pages.at(focused);
    if (event.key === "Enter" && record !== undefined) return open(query, focused, record.index);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    setFocused(to);
    const top = Math.floor(to / grid.columns) * grid.cellHeight;
    const element = box.current;
    if (element === null) return;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + grid.cellHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + grid.cellHeight - element.clientHeight + 12;
    }
  };
  const cells: number[] = [];
  for (let cell = first; cell < last; cell++) cells.push(cell);
  return (
    <>
      <p class="count" aria-live="polite">
        {total === null ? "Reading…" : total === 0 ? "No image passes the filters." : `${whole(total)} images`}
      </p>
      <div
        class="grid"
        ref={box}
        tabIndex={0}
        role="listbox"
        aria-label="Images"
        aria-activedescendant={`cell-${focused}`}
        onKeyDown={onkey}
      >
        <div class="tall" style={{ height: `${grid.height}px` }}>
          {cells.map((cell) => (
            <Cell
              key={cell}
              cell={cell}
              record={pages.at(cell)}
              focused={cell === focused}
              left={(cell % grid.columns) * grid.cellWidth}
              top={Math.floor(cell / grid.columns) * grid.cellHeight}
              width={grid.cellWidth - 10}
              height={grid.cellHeight - 10}
              onopen={(index) => {
                setFocused(cell);
                open(query, cell, index);
              }}
            />
          ))}
        </div>
      </div>
    </>
  );
}

function open(query: string, cell: number, index: number): void {
  remember(query, cell, index);
  go(hashOf("data", [index], query));
}

interface CellProps {
  cell: number;
  record: RecordRow | undefined;
  focused: boolean;
  left: number;
  top: number;
  width: number;
  height: number;
  onopen: (index: number) => void;
}

function Cell({ cell, record, focused, left, top, width, height, onopen }: CellProps) {
  const style = { transform: `translate(${left}px, ${top}px)`, width: `${width}px`, height: `${height}px` };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox around it has the keyboard
    <div
      id={`cell-${cell}`}
      class={focused ? "cell on" : "cell"}
      role="option"
      tabIndex={-1}
      aria-selected={focused}
      style={style}
      title={record?.refused ?? record?.id}
      onClick={() => {
        if (record !== undefined) onopen(record.index);
      }}
    >
      {record === undefined ? (
        <span class="thumb" />
      ) : record.refused !== null ? (
        <span class="thumb">
          <span class="broken">cannot be read</span>
        </span>
      ) : (
        <Thumb index={record.index} side={256} />
      )}
      {record !== undefined && <Caption record={record} />}
    </div>
  );
}

function Caption({ record }: { record: RecordRow }) {
  const size = record.size === null ? "" : `${record.size.width}×${record.size.height}`;
  return (
    <span class="caption">
      <b>{record.id}</b>
      <span>
        {size}
        <i />
        {record.corrected > 0 && <em class="ok">{record.corrected} saved</em>}
        {record.corrected === 0 && record.objects !== null && (
          <em>{record.objects === 0 ? "no mask" : record.objects === 1 ? "1 mask" : `${record.objects} masks`}</em>
        )}
        {record.predicted_iou !== null && <em title="predicted IoU">{share(record.predicted_iou, 2)}</em>}
      </span>
    </span>
  );
}
