/** The objects of the image, what else the model may have meant, and how the image stands. */
import { isEmpty } from "../mask/runs";
import { live, state } from "../server/events";
import { counted, share, whole } from "../shell/figures";
import { Icon } from "../shell/icons";
import { hashOf } from "../shell/route";
import { COLOURS, change, type Item, remove } from "./document";
import { save } from "./outbox";
import { Proposals } from "./proposals";
import { queue, saveAndNext } from "./queue_state";
import * as session from "./session";
import { dirty, doc, lastAnswer, pick, row, takeFromSet } from "./session";

export function Objects() {
  const items = doc.value.items;
  return (
    <aside class="side" aria-label="Objects">
      <h3>
        Objects
        <button type="button" class="small" onClick={() => pick(0)} disabled={doc.value.active === 0}>
          <Icon name="plus" /> new <kbd>Enter</kbd>
        </button>
      </h3>
      {live.value.model === null && <NoModel />}
      {items.length === 0 && <Empty />}
      <ul class="objects">
        {items.map((each, index) => (
          <ObjectRow key={each.id} item={each} place={index + 1} />
        ))}
      </ul>
      <Proposals />
      <ThisImage />
      <button type="button" class="primary" disabled={row.value === null} onClick={() => void saveAndNext()}>
        Save and next <kbd>Space</kbd>
      </button>
      <button type="button" disabled={!dirty.value} onClick={() => void save()}>
        Save <kbd>Ctrl S</kbd>
      </button>
      <TrainOn />
    </aside>
  );
}

/** Said beside the picture: above it, it would cover what is annotated. */
function NoModel() {
  return (
    <div class="empty said">
      {live.value.modelLoading ? (
        <p>The model is loading. Brush, lasso and polygon work meanwhile.</p>
      ) : (
        <p>
          <b>No model answers clicks.</b> Brush, lasso and polygon work without one. {state.value?.model_missing}
        </p>
      )}
    </div>
  );
}

function Empty() {
  const record = row.value;
  const has = record?.objects ?? 0;
  return (
    <div class="empty">
      <p>
        {live.value.model === null
          ? "Draw around an object with the lasso, or paint it with the brush."
          : "Click an object in the image, or draw a box around it."}
      </p>
      {has > 0 && (
        <button type="button" onClick={() => void takeFromSet()}>
          Begin with the set’s {has === 1 ? "mask" : `${has} masks`}
        </button>
      )}
    </div>
  );
}

function ObjectRow({ item: each, place }: { item: Item; place: number }) {
  const edited = each.id === doc.value.active;
  return (
    <li class={edited ? "object on" : "object"} aria-current={edited ? "true" : undefined}>
      <button
        type="button"
        class="swatch"
        title="Next colour"
        style={{ background: each.colour }}
        onClick={() => {
          const now = (COLOURS as readonly string[]).indexOf(each.colour);
          session.apply(change(doc.value, each.id, { colour: COLOURS[(now + 1) % COLOURS.length] ?? COLOURS[0] }));
        }}
      >
        <span class="unseen">Colour of {each.name}</span>
      </button>
      <div class="naming">
        <input
          type="text"
          value={each.name}
          aria-label={`Name of object ${place}`}
          list="categories"
          maxLength={80}
          onFocus={() => pick(each.id)}
          onKeyDown={(event) => {
            if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
          }}
          onChange={(event) => {
            const name = event.currentTarget.value.trim();
            if (name !== "" && name !== each.name) session.apply(change(doc.value, each.id, { name }));
          }}
        />
        <small>{story(each)}</small>
      </div>
      <span class="figure" title="predicted IoU">
        {isEmpty(each.mask) ? "" : share(each.predictedIou, 2)}
      </span>
      <button
        type="button"
        class="square"
        title="Show or hide (T)"
        aria-pressed={each.hidden}
        onClick={() => session.apply(change(doc.value, each.id, { hidden: !each.hidden }))}
      >
        <Icon name={each.hidden ? "hidden" : "eye"} />
        <span class="unseen">
          {each.hidden ? "Show" : "Hide"} {each.name}
        </span>
      </button>
      <button
        type="button"
        class="square"
        title="Delete (Delete)"
        onClick={() => session.apply(remove(doc.value, each.id))}
      >
        <Icon name="trash" />
        <span class="unseen">Delete {each.name}</span>
      </button>
    </li>
  );
}

/** How an object came about, in a few words. */
export function story(each: Item): string {
  if (each.asks) return session.answering.value ? "asking the model…" : "not answered yet";
  if (isEmpty(each.mask)) return "no mask";
  const clicks = each.points.length;
  const prompts = [each.box === null ? "" : "box", clicks === 0 ? "" : counted(clicks, "click")].filter(
    (part) => part !== "",
  );
  switch (each.made) {
    case "hand":
      return "by hand";
    case "polygon":
      return `polygon, ${(each.polygon ?? []).reduce((sum, ring) => sum + ring.length, 0)} corners`;
    case "everything":
      return "found by the model";
    case "set":
      return "from the set";
    case "saved":
      return each.clicks > 0 ? `saved, ${counted(each.clicks, "click")}` : "saved";
    default:
      return `${each.base === null ? "" : "mask + "}${prompts.join(" + ")}`;
  }
}

function ThisImage() {
  const record = row.value;
  if (record === null) return null;
  const embedding = live.value.embeddings.get(record.index) ?? "none";
  const last = lastAnswer.value;
  const size = session.picture.value?.size ?? record.size;
  const why = queue.value?.entries.find((entry) => entry.index === record.index)?.why ?? "";
  return (
    <section>
      <h3>This image</h3>
      <dl class="pairs">
        <dt>name</dt>
        <dd class="path" title={record.id}>
          {record.id}
        </dd>
        <dt>size</dt>
        <dd>{size === null ? "–" : `${size.width} × ${size.height}`}</dd>
        <dt>embedding</dt>
        <dd class={embedding === "ready" ? "ok" : embedding === "failed" ? "bad" : ""}>
          {live.value.model === null ? "no model" : embedding === "none" ? "not made" : embedding}
        </dd>
        <dt>last answer</dt>
        <dd
          title={last === null ? "" : `${Math.round(last.server)} ms in the server, embedding ${last.embedding}`}
          data-answer={last === null ? undefined : Math.round(last.here)}
        >
          {session.answering.value ? "…" : last === null ? "–" : `${Math.round(last.here)} ms`}
        </dd>
        {record.predicted_iou !== null && (
          <>
            <dt>predicted IoU</dt>
            <dd>{share(record.predicted_iou, 2)}</dd>
          </>
        )}
        <dt>revision</dt>
        <dd>
          {session.revision.value === 0 ? "not saved yet" : session.revision.value}
          {dirty.value ? " + edits" : ""}
        </dd>
      </dl>
      {why !== "" && <p class="muted small-text">In the queue here: {why}.</p>}
      <datalist id="categories">
        {(state.value?.set.categories ?? []).map((category) => (
          <option key={category} value={category} />
        ))}
      </datalist>
    </section>
  );
}

function TrainOn() {
  const corrected = state.value?.corrections.images ?? 0;
  if (corrected === 0) return null;
  return (
    <a class="button" href={hashOf("train")}>
      Train on {whole(corrected)} corrected {corrected === 1 ? "image" : "images"}…
    </a>
  );
}
