/** The pictures that a run wrote: samples and its validation, newest first. */
import { useState } from "preact/hooks";
import type { RunDetails } from "../api";
import { Dialog } from "../shell/dialog";

const SHOWN = 12;

export function RunPictures({ name, details }: { name: string; details: RunDetails | null }) {
  const [open, setOpen] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const pictures = [...(details?.pictures ?? [])].reverse();
  if (pictures.length === 0) return null;
  return (
    <section class="card">
      <h3>Pictures of {name}</h3>
      <div class="gallery">
        {pictures.slice(0, all ? pictures.length : SHOWN).map((picture) => (
          <button key={picture} type="button" class="picture" onClick={() => setOpen(picture)}>
            <img src={picture} alt={captionOf(picture)} loading="lazy" decoding="async" />
            <span>{captionOf(picture)}</span>
          </button>
        ))}
      </div>
      {pictures.length > SHOWN && !all && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          All {pictures.length}
        </button>
      )}
      {open !== null && (
        <Dialog title={captionOf(open)} wide onclose={() => setOpen(null)}>
          <img class="large" src={open} alt={captionOf(open)} />
        </Dialog>
      )}
    </section>
  );
}

/** The picture's own name, out of its address. */
export function captionOf(address: string): string {
  const last = address.split("?")[0]?.split("/").at(-1) ?? "";
  return decodeURIComponent(last)
    .replace(/\.[a-z]+$/, "")
    .replaceAll("_", " ");
}
