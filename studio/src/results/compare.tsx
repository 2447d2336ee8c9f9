/** Two models on one image: the left part shows one's mask, the right part the other's, and a slider parts them. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { CheckpointRow, CompareAnswer, CroppedMask, ObjectMask, Point, PromptRequest, RecordRow } from "../api";
import { iou } from "../mask/runs";
import * as calls from "../server/calls";
import { connections, live } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { share } from "../shell/figures";
import { Icon } from "../shell/icons";
import { notify } from "../shell/notices";
import { go, hashOf } from "../shell/route";
import { Dock } from "../view/dock";
import type { Tool } from "../view/gestures";
import { paintBox, paintMask, paintPoint } from "../view/paint";
import { pictureOf } from "../view/picture";
import { Stage, StageState } from "../view/stage";

const LEFT = "#ffb454";
const RIGHT = "#7fb0ff";
const TRUE = "#7fdba3";

interface Props {
  index: number;
  a: string;
  b: string;
  back: string | null;
}

export function Compare({ index, a, b, back }: Props) {
  const stage = useMemo(() => new StageState(), []);
  const [record, setRecord] = useState<RecordRow | null>(null);
  const [objects, setObjects] = useState<readonly ObjectMask[]>([]);
  const [models, setModels] = useState<readonly CheckpointRow[]>([]);
  const [object, setObject] = useState(0);
  const [points, setPoints] = useState<readonly Point[]>([]);
  const [answer, setAnswer] = useState<CompareAnswer | null>(null);
  const [waits, setWaits] = useState(false);
  const [part, setPart] = useState(0.5);
  const [withTruth, setWithTruth] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    setPoints([]);
    setAnswer(null);
    void readImage(index, stop.signal).then((found) => {
      if (found === null || stop.signal.aborted) return;
      setRecord(found.record);
      setObjects(found.objects);
      setObject(found.objects[0]?.object ?? 0);
      setModels(found.models);
      stage.show(found.record.refused === null ? pictureOf(found.record) : null);
    });
    return () => stop.abort();
  }, [index, connections.value]);
  const choose = (one: string, two: string) => {
    const query = new URLSearchParams({ a: one, b: two, ...(back === null ? {} : { run: back }) });
    go(hashOf("results", ["compare", index], query.toString()), true);
  };
  const inUse = models.find((model) => model.path === live.value.model?.checkpoint) ?? models.at(-1);
  const second = b === "" ? (inUse?.path ?? "") : b;
  const first = a === "" ? (models.find((model) => model.path !== second)?.path ?? second) : a;
  const truth = objects.find((each) => each.object === object)?.mask ?? null;
  const prompts = promptsFor(truth, points);
  useEffect(() => {
    if (prompts === null || first === "" || record === null) return;
    const stop = new AbortController();
    setWaits(true);
    calls
      .compare({ index, object, prompts, a: first, b: second }, stop.signal)
      .then(setAnswer)
      .catch((error: unknown) => {
        if (!isAbort(error)) notify(problemOf(error));
      })
      .finally(() => {
        if (!stop.signal.aborted) setWaits(false);
      });
    return () => stop.abort();
  }, [record, object, points, first, second]);
  useEffect(() => {
    const tool: Tool = {
      drags: () => false,
      tap: (pen) => setPoints((before) => [...before, { ...pen.at, positive: !pen.second }]),
    };
    stage.tool = tool;
    stage.overlay = (context, view, screen) => {
      if (withTruth && truth !== null) paintMask(context, view, truth, TRUE, { style: "outline", opacity: 0 }, false);
      const edge = view.x + (stage.picture?.size?.width ?? 0) * view.scale * part;
      if (answer !== null) {
        for (const [mask, colour, from, to] of [
          [answer.a.mask, LEFT, 0, edge],
          [answer.b.mask, RIGHT, edge, screen.width],
        ] as [CroppedMask, string, number, number][]) {
          context.save();
          context.beginPath();
          context.rect(from, 0, Math.max(to - from, 0), screen.height);
          context.clip();
          paintMask(context, view, mask, colour, { style: "both", opacity: 0.4 });
          context.restore();
        }
      }
      if (prompts?.box != null) paintBox(context, view, prompts.box, "#ffffff");
      for (const point of points) paintPoint(context, view, point);
      context.fillStyle = "#05070a";
      context.fillRect(edge - 2.5, 0, 5, screen.height);
      context.fillStyle = "#ffffff";
      context.fillRect(edge - 1, 0, 2, screen.height);
    };
    stage.redraw();
  }, [answer, part, truth, withTruth, points]);
  useEffect(() => () => stage.show(null), []);
  return (
    <div class="image-view">
      <section class="stage" aria-label="Two models on one image">
        <Stage state={stage} label={`${record?.id ?? "image"} with the masks of two models`} cursor="crosshair" />
        <Dock stage={stage}>
          <div class="parting">
            <span>
              <i class="swatch" style={{ background: LEFT }} /> {nameOf(models, first)}
            </span>
            <input
              type="range"
              min={0}
              max={1}
              step={0.005}
              value={part}
              aria-label="Where the two models part"
              onInput={(event) => setPart(Number(event.currentTarget.value))}
            />
            <span>
              {nameOf(models, second)} <i class="swatch" style={{ background: RIGHT }} />
            </span>
          </div>
        </Dock>
      </section>
      <aside class="side" aria-label="Compared">
        <a class="button" href={hashOf("results", back === null ? [] : [back])}>
          <Icon name="left" /> {back ?? "All runs"}
        </a>
        <p class="path">{record?.id}</p>
        <Model text="left" colour={LEFT} value={first} models={models} onset={(one) => choose(one, second)} />
        <Model text="right" colour={RIGHT} value={second} models={models} onset={(two) => choose(first, two)} />
        {objects.length > 1 && (
          <label class="field">
            <span>object</span>
            <select
              value={object}
              onChange={(event) => {
                setObject(Number(event.currentTarget.value));
                setPoints([]);
              }}
            >
              {objects.map((each) => (
                <option key={each.object} value={each.object}>
                  {each.category ?? `object ${each.object + 1}`}
                </option>
              ))}
            </select>
          </label>
        )}
        <Figures answer={answer} truth={truth} waits={waits} />
        <p class="muted">
          {truth === null
            ? "The set has no mask for this image: click an object, and both models answer."
            : "Both models were given the box of the set’s mask. Click to ask with points instead: left adds, right removes."}
        </p>
        {points.length > 0 && (
          <button type="button" onClick={() => setPoints([])}>
            Take the {points.length === 1 ? "click" : `${points.length} clicks`} back
          </button>
        )}
        {truth !== null && (
          <label class="check">
            <input
              type="checkbox"
              checked={withTruth}
              onChange={(event) => setWithTruth(event.currentTarget.checked)}
            />
            outline of the set’s mask <i class="swatch" style={{ background: TRUE }} />
          </label>
        )}
      </aside>
    </div>
  );
}

/** With clicks, these are asked with; without, the box of the set's mask. */
export function promptsFor(truth: CroppedMask | null, points: readonly Point[]): PromptRequest | null {
  if (points.length > 0) return { points: [...points], box: null, previous: null, proposals: false };
  if (truth === null || truth.width === 0) return null;
  const box: [number, number, number, number] = [truth.x, truth.y, truth.x + truth.width, truth.y + truth.height];
  return { points: [], box, previous: null, proposals: false };
}

function nameOf(models: readonly CheckpointRow[], path: string): string {
  return models.find((model) => model.path === path)?.name ?? path.split("/").at(-1) ?? "";
}

async function readImage(index: number, stop: AbortSignal) {
  try {
    const record = await calls.row(index, stop);
    const [masks, saved, models] = await Promise.all([
      calls.masks(index, stop),
      calls.corrections(index, stop),
      calls.checkpoints(stop),
    ]);
    // An image without a mask in the set is judged by what was saved of it.
    const objects =
      masks.length > 0 ? masks : saved.objects.map(({ name, mask }, object) => ({ object, category: name, mask }));
    return { record, objects, models };
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
    return null;
  }
}

interface ModelProps {
  text: string;
  colour: string;
  value: string;
  models: readonly CheckpointRow[];
  onset: (path: string) => void;
}

function Model({ text, colour, value, models, onset }: ModelProps) {
  return (
    <label class="field">
      <span>
        <i class="swatch" style={{ background: colour }} /> {text}
      </span>
      <select value={value} onChange={(event) => onset(event.currentTarget.value)}>
        {!models.some((model) => model.path === value) && <option value={value}>{nameOf(models, value)}</option>}
        {models.map((model) => (
          <option key={model.path} value={model.path}>
            {model.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Figures({
  answer,
  truth,
  waits,
}: {
  answer: CompareAnswer | null;
  truth: CroppedMask | null;
  waits: boolean;
}) {
  const figures = useMemo(
    () =>
      answer === null
        ? null
        : {
            a: truth === null ? null : iou(answer.a.mask, truth),
            b: truth === null ? null : iou(answer.b.mask, truth),
            both: iou(answer.a.mask, answer.b.mask),
          },
    [answer, truth],
  );
  return (
    <dl class={waits ? "pairs waits" : "pairs"} aria-live="polite">
      {truth !== null && (
        <>
          <dt>IoU, left</dt>
          <dd>{share(figures?.a)}</dd>
          <dt>IoU, right</dt>
          <dd>{share(figures?.b)}</dd>
        </>
      )}
      <dt>predicted, left</dt>
      <dd>{share(answer?.a.predicted_iou)}</dd>
      <dt>predicted, right</dt>
      <dd>{share(answer?.b.predicted_iou)}</dd>
      <dt>both agree</dt>
      <dd>{share(figures?.both)}</dd>
    </dl>
  );
}
