/** All masks that the model found in the image: pruned by two sliders and by taps, then accepted together. */
import { share, whole } from "../shell/figures";
import { Dock } from "../view/dock";
import { kept, leastArea, leastIou, toggled } from "./look";
import { accept, everything } from "./session";
import { stage } from "./stage";

export function Found() {
  const found = everything.value ?? [];
  const most = Math.max(1, ...found.map((proposal) => proposal.area));
  const chosen = kept.value;
  return (
    <Dock stage={stage}>
      <fieldset class="found" aria-label="Masks found">
        <span>
          <b>
            {chosen.size} of {found.length}
          </b>{" "}
          masks are kept; tap one to take it out or back in
        </span>
        <label class="slide">
          predicted IoU at least
          <input
            type="range"
            min={0}
            max={1}
            step={0.01}
            value={leastIou.value}
            onInput={(event) => {
              leastIou.value = Number(event.currentTarget.value);
              toggled.value = new Set();
            }}
          />
          <output>{share(leastIou.value, 2)}</output>
        </label>
        <label class="slide">
          area at least
          <input
            type="range"
            min={0}
            max={1}
            step={0.01}
            value={(leastArea.value / most) ** (1 / 3)}
            onInput={(event) => {
              // Small areas matter most: the slider is their cube root.
              leastArea.value = Math.round(Number(event.currentTarget.value) ** 3 * most);
              toggled.value = new Set();
            }}
          />
          <output>{whole(leastArea.value)} px</output>
        </label>
        <button
          type="button"
          class="primary"
          disabled={chosen.size === 0}
          onClick={() => accept(found.filter((_, index) => chosen.has(index)))}
        >
          Accept {chosen.size} <kbd>Enter</kbd>
        </button>
        <button
          type="button"
          onClick={() => {
            everything.value = null;
          }}
        >
          Cancel <kbd>Esc</kbd>
        </button>
      </fieldset>
    </Dock>
  );
}
