/** One image at full resolution, with the set's masks or the saved corrections over it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { COLOURS } from "../annotate/document";
import { maskStyle, nextStyle, opacity } from "../annotate/look";
import type { CroppedMask, RecordRow } from "../api";
import { area } from "../mask/runs";
import * as calls from "../server/calls";
import { connections, live } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { share, whole } from "../shell/figures";
import { Icon } from "../shell/icons";
import { bind } from "../shell/keys";
import { Key } from "../shell/keys_help";
import { notify } from "../shell/notices";
import { go, hashOf } from "../shell/route";
import type { Tool } from "../view/gestures";
import { paintMask } from "../view/paint";
import { pictureOf } from "../view/picture";
import { Stage, StageState } from "../view/stage";
import { imageKeys } from "./image_keys";
import { ModelView } from "./model_view";
import { beside } from "./walk";

interface Shown {
  name: string;
  colour: string;
  mask: CroppedMask;
}

const STILL: Tool = { drags: () => false };

export function ImageView({ index, query }: { index: number; query: string }) {
  const stage = useMemo(() => new StageState(), []);
  const [record, setRecord] = useState<RecordRow | null>(null);
  const [sources, setSources] = useState<{ set: Shown[]; saved: Shown[] }>({ set: [], saved: [] });
  const [source, setSource] = useState<"set" | "saved">("set");
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [scale, setScale] = useState(1);
  const [asModel, setAsModel] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    setHidden(new Set());
    void read(index, stop.signal).then((found) => {
      if (found === null || stop.signal.aborted) return;
      setRecord(found.record);
      setSources({ set: found.set, saved: found.saved });
      setSource(found.saved.length > 0 && found.set.length === 0 ? "saved" : "set");
      stage.show(found.record.refused === null ? pictureOf(found.record) : null);
    });
    return () => stop.abort();
  }, [index, live.value.changes, connections.value]);
  const shown = sources[source];
  const style = maskStyle.value;
  const fill = opacity.value;
  useEffect(() => {
    stage.tool = STILL;
    stage.onview = () => setScale(stage.view.scale);
    stage.overlay = (context, view) => {
      shown.forEach((object, at) => {
        if (!hidden.has(at)) paintMask(context, view, object.mask, object.colour, { style, opacity: fill });
      });
    };
    stage.redraw();
  }, [shown, hidden, style, fill]);
  useEffect(() => () => stage.show(null), []);
  const failure = stage.picture?.failure.value ?? null;
  const back = hashOf("data", [], query);
  const step = (by: 1 | -1) => {
    void beside(index, by, query).then((to) => {
      if (to !== null) go(hashOf("data", [to], query), true);
    });
  };
  useEffect(
    () =>
      bind(
        imageKeys({
          step,
          style: nextStyle,
          zoom: (factor) => stage.zoomBy(factor),
          fit: () => stage.fit(),
          pixel: () => stage.zoomTo(1),
          pan: (dx, dy) => stage.setView({ ...stage.view, x: stage.view.x + dx, y: stage.view.y + dy }),
          annotate: () => go(hashOf("annotate", [index])),
          close: () => go(back),
        }),
      ),
    [index, query],
  );
  return (
    <div class="image-view">
      <section class="stage" aria-label="Image">
        {asModel && record !== null ? (
          <ModelView index={index} />
        ) : (
          <Stage state={stage} label={record?.id ?? "image"} cursor="grab" />
        )}
        {!asModel && failure !== null && (
          <div class="veil bad" role="alert">
            <b>The picture cannot be shown</b>
            <span>{failure}</span>
          </div>
        )}
        {record?.refused != null && (
          <div class="veil bad" role="alert">
            <b>{record.id} cannot be read</b>
            <span>{record.refused}</span>
          </div>
        )}
      </section>
      <aside class="side" aria-label="This image">
        <div class="both">
          <a class="button" href={back}>
            <Icon name="left" /> Grid <Key name="Escape" />
          </a>
          <button type="button" onClick={() => step(-1)} title="Image before (Page up)">
            <Icon name="left" />
            <span class="unseen">Image before</span>
          </button>
          <button type="button" onClick={() => step(1)} title="Next image (Page down)">
            <Icon name="right" />
            <span class="unseen">Next image</span>
          </button>
        </div>
        {record !== null && <Facts record={record} scale={scale} />}
        <fieldset class="segments" aria-label="What is shown">
          <button type="button" aria-pressed={!asModel} onClick={() => setAsModel(false)}>
            Image
          </button>
          <button type="button" aria-pressed={asModel} onClick={() => setAsModel(true)}>
            As the model sees it
          </button>
        </fieldset>
        <h3>
          Masks
          <button type="button" class="small" onClick={nextStyle}>
            {style === "both" ? "line + fill" : style} <Key name="o" />
          </button>
        </h3>
        {sources.saved.length > 0 && sources.set.length > 0 && (
          <fieldset class="segments" aria-label="Which masks">
            <button type="button" aria-pressed={source === "set"} onClick={() => setSource("set")}>
              of the set
            </button>
            <button type="button" aria-pressed={source === "saved"} onClick={() => setSource("saved")}>
              corrections
            </button>
          </fieldset>
        )}
        {shown.length === 0 && <p class="muted">The set has no mask for it.</p>}
        <ul class="objects">
          {shown.map((object, at) => (
            <li key={at} class="object plain">
              <i class="swatch" style={{ background: object.colour }} />
              <div class="naming">
                <span>{object.name}</span>
                <small>
                  {whole(area(object.mask))} px in {object.mask.width} × {object.mask.height}
                </small>
              </div>
              <button
                type="button"
                class="square"
                aria-pressed={hidden.has(at)}
                onClick={() => {
                  const next = new Set(hidden);
                  if (!next.delete(at)) next.add(at);
                  setHidden(next);
                }}
              >
                <Icon name={hidden.has(at) ? "hidden" : "eye"} />
                <span class="unseen">Show or hide {object.name}</span>
              </button>
            </li>
          ))}
        </ul>
        {record?.refused === null && (
          <a class="button primary" href={hashOf("annotate", [index])}>
            Annotate it <Key name="a" />
          </a>
        )}
      </aside>
    </div>
  );
}

async function read(index: number, stop: AbortSignal) {
  try {
    const record = await calls.row(index, stop);
    if (record.refused !== null) return { record, set: [], saved: [] };
    const [masks, saved] = await Promise.all([calls.masks(index, stop), calls.corrections(index, stop)]);
    return {
      record,
      set: masks.map(({ object, category, mask }, at) => ({
        name: category ?? `object ${object + 1}`,
        colour: COLOURS[at % COLOURS.length] ?? COLOURS[0],
        mask,
      })),
      saved: saved.objects.map(({ name, colour, mask }) => ({ name, colour, mask })),
    };
  } catch (error) {
    if (!isAbort(error)) notify(problemOf(error));
    return null;
  }
}

function Facts({ record, scale }: { record: RecordRow; scale: number }) {
  return (
    <dl class="pairs">
      <dt>name</dt>
      <dd class="path" title={record.id}>
        {record.id}
      </dd>
      <dt>set</dt>
      <dd class="path">{record.set}</dd>
      <dt>size</dt>
      <dd>{record.size === null ? "–" : `${record.size.width} × ${record.size.height}`}</dd>
      {record.categories.length > 0 && (
        <>
          <dt>categories</dt>
          <dd>{record.categories.join(", ")}</dd>
        </>
      )}
      <dt>corrections</dt>
      <dd>{record.corrected === 0 ? "none" : record.corrected}</dd>
      <dt>predicted IoU</dt>
      <dd>{share(record.predicted_iou, 2)}</dd>
      <dt>zoom</dt>
      <dd>{Math.round(scale * 100)} %</dd>
    </dl>
  );
}
