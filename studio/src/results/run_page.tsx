/** One run: its figures before and now, the images that changed most, and its curves. */
import { useEffect, useState } from "preact/hooks";
import { Thumb } from "../data/thumb";
import { share, signed, whole } from "../shell/figures";
import { Icon } from "../shell/icons";
import { hashOf } from "../shell/route";
import { Curves } from "../train/curves";
import { RunPictures } from "../train/run_pictures";
import { detailsOf, runColour, runs, selected } from "../train/runs";
import { byChange, type ImageResult, lessIsBetter, tally } from "./sorting";

const SHOWN = 24;

export function RunPage({ name }: { name: string }) {
  const [worst, setWorst] = useState(false);
  const [all, setAll] = useState(false);
  useEffect(() => {
    if (!selected.value.includes(name)) selected.value = [...selected.value, name].slice(-6);
  }, [name]);
  const details = detailsOf(name);
  if (runs.value !== null && !runs.value.some((row) => row.name === name)) {
    return (
      <div class="waiting">
        <p>There is no run {name} any more.</p>
        <a class="button" href={hashOf("results")}>
          All runs
        </a>
      </div>
    );
  }
  if (details === null) return <p class="waiting">Reading {name}…</p>;
  const count = tally(details.images);
  const ordered = byChange(details.images, worst);
  const toImages = () => document.getElementById("images")?.scrollIntoView({ block: "start" });
  return (
    <div class="results">
      <div class="bar">
        <a class="button" href={hashOf("results")}>
          <Icon name="left" /> All runs
        </a>
        <h2>{name}</h2>
        <span class={`tag ${details.row.state}`}>{details.row.state}</span>
        <span class="grow" />
        {details.report !== null && (
          <a class="button" href={details.report} target="_blank" rel="noopener">
            Report
          </a>
        )}
      </div>
      <div class="two">
        <section class="card">
          <h3>Before and now</h3>
          <table>
            <thead>
              <tr>
                <th scope="col">figure</th>
                <th scope="col">before</th>
                <th scope="col">now</th>
                <th scope="col">change</th>
              </tr>
            </thead>
            <tbody>
              {details.figures.map((figure) => (
                <tr key={figure.name}>
                  <th scope="row">{figure.name}</th>
                  <td>
                    <button type="button" class="link" onClick={toImages}>
                      {share(figure.before)}
                    </button>
                  </td>
                  <td>
                    <button type="button" class="link" onClick={toImages}>
                      {share(figure.now)}
                    </button>
                  </td>
                  <td>
                    <Change before={figure.before} now={figure.now} less={lessIsBetter(figure.name)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {details.figures.length === 0 && <p class="muted">The run was not evaluated yet.</p>}
        </section>
        <Curves runs={[{ run: name, colour: runColour(name), curves: details.curves }]} />
      </div>
      <section class="card" id="images">
        <h3>
          Images
          <span class="muted" hidden={count.better + count.worse + count.same === 0}>
            {count.better} better, {count.worse} worse, {count.same} within ±0.005
          </span>
        </h3>
        <fieldset class="segments" aria-label="Order">
          <button type="button" aria-pressed={!worst} onClick={() => setWorst(false)}>
            Best first
          </button>
          <button type="button" aria-pressed={worst} onClick={() => setWorst(true)}>
            Worst first
          </button>
        </fieldset>
        <div class="gallery">
          {ordered.slice(0, all ? ordered.length : SHOWN).map((image) => (
            <ImageCard key={image.id} image={image} run={name} checkpoint={details.row.checkpoint} />
          ))}
        </div>
        {ordered.length === 0 && <p class="muted">No image was evaluated yet.</p>}
        {ordered.length > SHOWN && !all && (
          <button type="button" class="small" onClick={() => setAll(true)}>
            All {whole(ordered.length)}
          </button>
        )}
      </section>
      <RunPictures name={name} details={details} />
    </div>
  );
}

interface CardProps {
  image: ImageResult;
  run: string;
  checkpoint: string | null;
}

function ImageCard({ image, run, checkpoint }: CardProps) {
  const text = (
    <span>
      {image.before !== null && `${share(image.before, 2)} → `}
      {share(image.now, 2)} {image.before !== null && <Change before={image.before} now={image.now} digits={2} />}
    </span>
  );
  if (image.index === null) {
    return (
      <div class="picture" title={`${image.id} is not in the set that is open`}>
        <span class="thumb">
          <span class="broken">{image.id}</span>
        </span>
        {text}
      </div>
    );
  }
  const query = new URLSearchParams({ run, ...(checkpoint === null ? {} : { b: checkpoint }) });
  return (
    <a class="picture" href={hashOf("results", ["compare", image.index], query.toString())} title={image.id}>
      <Thumb index={image.index} side={256} />
      {text}
    </a>
  );
}

interface ChangeProps {
  before: number | null;
  now: number | null;
  digits?: number;
  less?: boolean;
}

function Change({ before, now, digits = 3, less = false }: ChangeProps) {
  if (before === null || now === null) return <span class="muted">–</span>;
  const change = now - before;
  const good = less ? -change : change;
  return <b class={good > 0 ? "ok" : good < 0 ? "bad" : "muted"}>{signed(change, digits)}</b>;
}
