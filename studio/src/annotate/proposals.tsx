/** "Or did you mean": the model's three masks for a single click, each as a small picture. */
import { useEffect, useRef } from "preact/hooks";
import type { Proposal } from "../api";
import { pathOf } from "../mask/path";
import * as calls from "../server/calls";
import { share } from "../shell/figures";
import { choose } from "./document";
import { apply, doc, item, picture, row } from "./session";

export function Proposals() {
  const edited = item.value;
  const record = row.value;
  if (edited === null || record === null || edited.proposals.length < 2) return null;
  const most = Math.max(...edited.proposals.map((proposal) => proposal.area));
  return (
    <section>
      <h3>
        Or did you mean <kbd>W</kbd>
      </h3>
      <div class="proposals">
        {edited.proposals.map((proposal, index) => (
          <button
            key={`${edited.id}-${index}`}
            type="button"
            class="proposal"
            aria-pressed={index === edited.chosen}
            onClick={() => apply(choose(doc.value, index))}
          >
            <Small index={record.index} proposal={proposal} colour={edited.colour} />
            <span>
              {extent(proposal.area / most)} {share(proposal.predicted_iou, 2)}
            </span>
          </button>
        ))}
      </div>
    </section>
  );
}

/** The largest is called whole; what is far smaller is a part of it. */
export function extent(ratio: number): string {
  return ratio > 0.8 ? "whole" : ratio > 0.25 ? "part" : "detail";
}

const WIDTH = 152;
const HEIGHT = 104;

/** The part of the picture around the mask, with it. */
function Small({ index, proposal, colour }: { index: number; proposal: Proposal; colour: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    const size = picture.value?.size;
    if (context == null || size == null) return;
    const image = new Image();
    const draw = () => {
      const scale = Math.min(WIDTH / size.width, HEIGHT / size.height);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, WIDTH, HEIGHT);
      context.translate((WIDTH - size.width * scale) / 2, (HEIGHT - size.height * scale) / 2);
      context.scale(scale, scale);
      context.globalAlpha = 0.75;
      if (image.complete && image.naturalWidth > 0) context.drawImage(image, 0, 0, size.width, size.height);
      const path = pathOf(proposal.mask);
      context.fillStyle = colour;
      context.globalAlpha = 0.6;
      context.fill(path, "evenodd");
      context.globalAlpha = 1;
      context.strokeStyle = colour;
      context.lineWidth = 1.5 / scale;
      context.stroke(path);
    };
    image.onload = draw;
    image.src = calls.thumbnail(index, 160);
    draw();
    return () => {
      image.onload = null;
      image.removeAttribute("src");
    };
  }, [proposal, colour]);
  return <canvas ref={canvas} width={WIDTH} height={HEIGHT} aria-hidden="true" />;
}
