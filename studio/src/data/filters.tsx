/** The filters beside or above the grid. Each change is in the page's address at once, without a step back for each letter. */
import { useEffect, useState } from "preact/hooks";
import type { Finding } from "../api";
import * as calls from "../server/calls";
import { state } from "../server/events";
import { Icon } from "../shell/icons";
import { go, hashOf } from "../shell/route";
import { ALL, active, type Filter, toQuery } from "./filter";

export function Filters({ filter, open, onopen }: { filter: Filter; open: boolean; onopen: () => void }) {
  const [findings, setFindings] = useState<Finding[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    calls.doctor(stop.signal).then(
      (now) => setFindings(now.findings),
      () => {},
    );
    return () => stop.abort();
  }, []);
  const set = (part: Partial<Filter>) => go(hashOf("data", [], toQuery({ ...filter, ...part })), true);
  const known = state.value?.set;
  const count = active(filter);
  return (
    <form class={open ? "filters open" : "filters"} onSubmit={(event) => event.preventDefault()} aria-label="Filters">
      <input
        type="search"
        placeholder="Name contains…"
        aria-label="Name contains"
        value={filter.text}
        onInput={(event) => set({ text: event.currentTarget.value })}
      />
      <button type="button" class="unfold" aria-expanded={open} onClick={onopen}>
        <Icon name="filter" /> Filters{count > 0 && ` (${count})`}
      </button>
      <div class="more">
        {(known?.sets.length ?? 0) > 1 && (
          <Choice text="set" value={filter.set} values={known?.sets ?? []} onset={(value) => set({ set: value })} />
        )}
        {(known?.categories.length ?? 0) > 0 && (
          <Choice
            text="category"
            value={filter.category}
            values={known?.categories ?? []}
            onset={(value) => set({ category: value })}
          />
        )}
        <label>
          masks
          <select value={filter.mask} onChange={(event) => set({ mask: event.currentTarget.value as Filter["mask"] })}>
            <option value="any">any</option>
            <option value="with">with</option>
            <option value="without">without</option>
          </select>
        </label>
        <label>
          finding
          <select value={filter.finding} onChange={(event) => set({ finding: event.currentTarget.value })}>
            <option value="">any or none</option>
            {[...new Set([...findings.map((finding) => finding.code), filter.finding])]
              .filter((code) => code !== "")
              .map((code) => (
                <option key={code} value={code}>
                  {code}
                </option>
              ))}
          </select>
        </label>
        <Range
          text="side, px"
          low={filter.minSide}
          high={filter.maxSide}
          step={1}
          onset={(minSide, maxSide) => set({ minSide, maxSide })}
        />
        <Range
          text="predicted IoU"
          low={filter.minIou}
          high={filter.maxIou}
          step={0.01}
          onset={(minIou, maxIou) => set({ minIou, maxIou })}
        />
        <label>
          order
          <select
            value={filter.order}
            onChange={(event) => set({ order: event.currentTarget.value as Filter["order"] })}
          >
            <option value="name">name</option>
            <option value="doubt">doubt</option>
          </select>
        </label>
        {count > 0 && (
          <button
            type="button"
            class="small"
            onClick={() => go(hashOf("data", [], toQuery({ ...ALL, order: filter.order })))}
          >
            Clear
          </button>
        )}
      </div>
    </form>
  );
}

interface ChoiceProps {
  text: string;
  value: string;
  values: readonly string[];
  onset: (value: string) => void;
}

function Choice({ text, value, values, onset }: ChoiceProps) {
  return (
    <label>
      {text}
      <select value={value} onChange={(event) => onset(event.currentTarget.value)}>
        <option value="">all</option>
        {values.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

interface RangeProps {
  text: string;
  low: string;
  high: string;
  step: number;
  onset: (low: string, high: string) => void;
}

function Range({ text, low, high, step, onset }: RangeProps) {
  return (
    <fieldset class="range">
      <legend>{text}</legend>
      <input
        type="number"
        min={0}
        step={step}
        placeholder="from"
        aria-label={`${text} from`}
        value={low}
        onChange={(event) => onset(event.currentTarget.value, high)}
      />
      <input
        type="number"
        min={0}
        step={step}
        placeholder="to"
        aria-label={`${text} to`}
        value={high}
        onChange={(event) => onset(low, event.currentTarget.value)}
      />
    </fieldset>
  );
}
