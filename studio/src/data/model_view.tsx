/**
 * "As the model sees it": augmented views of an image with their prompts, for any epoch, live while a setting is moved. One picture is asked for at a time; the newest setting is asked for when it is there.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import * as calls from "../server/calls";
import { isAbort, type Problem, problemOf } from "../server/problem";
import { blob } from "../server/request";
import { Details } from "../shell/notices_view";

interface Plan {
  epoch: number;
  /** How many views, those of this epoch and the ones after it. */
  views: number;
  scaleMin: number;
  scaleMax: number;
  /** How likely a view is mirrored. */
  flip: number;
  kinds: readonly string[];
}

const KINDS = ["box", "points", "noise_mask"] as const;
const FIRST: Plan = { epoch: 0, views: 6, scaleMin: 0.1, scaleMax: 2, flip: 0.5, kinds: KINDS };

export function viewQuery(plan: Plan): string {
  return new URLSearchParams({
    epoch: String(plan.epoch),
    view: String(plan.views),
    scale_min: String(plan.scaleMin),
    scale_max: String(plan.scaleMax),
    flip: String(plan.flip),
    kind: plan.kinds.join(","),
  }).toString();
}

export function ModelView({ index }: { index: number }) {
  const [plan, setPlan] = useState(FIRST);
  const [picture, setPicture] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [waits, setWaits] = useState(false);
  const busy = useRef(false);
  const wanted = useRef("");
  const path = calls.augmented(index, viewQuery(plan));
  useEffect(() => {
    wanted.current = path;
    if (busy.current) return;
    busy.current = true;
    const stop = new AbortController();
    const ask = async () => {
      setWaits(true);
      for (let asked = ""; asked !== wanted.current; ) {
        asked = wanted.current;
        try {
          const address = URL.createObjectURL(await blob(asked, stop.signal));
          setProblem(null);
          setPicture((before) => {
            if (before !== null) URL.revokeObjectURL(before);
            return address;
          });
        } catch (error) {
          if (isAbort(error)) break;
          setProblem(problemOf(error));
        }
      }
      busy.current = false;
      setWaits(false);
    };
    void ask();
  }, [path]);
  useEffect(
    () => () => {
      wanted.current = "";
      setPicture((before) => {
        if (before !== null) URL.revokeObjectURL(before);
        return null;
      });
    },
    [],
  );
  const set = (part: Partial<Plan>) => setPlan((before) => ({ ...before, ...part }));
  return (
    <div class="model-view">
      <div class={waits ? "sheet waits" : "sheet"}>
        {picture !== null && <img src={picture} alt="Augmented views with their prompts" />}
        {problem !== null && (
          <div class="notice problem" role="alert">
            <div>
              <b>{problem.title}</b>
              <Details problem={problem} />
            </div>
          </div>
        )}
      </div>
      <div class="plan">
        <Slider text="epoch" value={plan.epoch} min={0} max={99} step={1} onset={(epoch) => set({ epoch })} />
        <Slider text="views" value={plan.views} min={1} max={12} step={1} onset={(views) => set({ views })} />
        <Slider
          text="scale from"
          value={plan.scaleMin}
          min={0.1}
          max={2}
          step={0.05}
          onset={(scaleMin) => set({ scaleMin, scaleMax: Math.max(scaleMin, plan.scaleMax) })}
        />
        <Slider
          text="scale to"
          value={plan.scaleMax}
          min={0.1}
          max={3}
          step={0.05}
          onset={(scaleMax) => set({ scaleMax, scaleMin: Math.min(scaleMax, plan.scaleMin) })}
        />
        <Slider text="flips" value={plan.flip} min={0} max={1} step={0.05} onset={(flip) => set({ flip })} />
        {KINDS.map((kind) => (
          <label key={kind} class="check">
            <input
              type="checkbox"
              checked={plan.kinds.includes(kind)}
              onChange={() => {
                const kinds = KINDS.filter((each) => plan.kinds.includes(each) !== (each === kind));
                if (kinds.length > 0) set({ kinds });
              }}
            />
            {kind.replace("_", " ")}
          </label>
        ))}
      </div>
    </div>
  );
}

interface SliderProps {
  text: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onset: (value: number) => void;
}

function Slider({ text, value, min, max, step, onset }: SliderProps) {
  return (
    <label class="slide">
      {text}
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={(event) => onset(Number(event.currentTarget.value))}
      />
      <output>{step < 1 ? value.toFixed(2) : value}</output>
    </label>
  );
}
