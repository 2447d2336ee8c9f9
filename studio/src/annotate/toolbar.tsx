/** The tools below the picture, undo and redo, and how masks are shown. */
import { live } from "../server/events";
import { Icon, type IconName } from "../shell/icons";
import { Dock } from "../view/dock";
import { maskStyle, nextStyle, opacity } from "./look";
import { toPolygon } from "./polygon";
import { answering, askEverything, history, item, redoStep, undoStep, withPrevious } from "./session";
import { stage } from "./stage";
import { LEAST_RADIUS, MOST_RADIUS, radius, type ToolName, toolName, useTool } from "./tools";

const ENTRIES: readonly [ToolName, string, string, boolean][] = [
  ["click", "Click", "V", true],
  ["box", "Box", "X", true],
  ["lasso", "Lasso", "L", false],
  ["brush", "Brush", "B", false],
  ["eraser", "Erase", "E", false],
  ["polygon", "Polygon", "P", false],
  ["hand", "Hand", "H", false],
];

export function Toolbar() {
  const noModel = live.value.model === null;
  return (
    <Dock stage={stage}>
      <Options />
      <div class="tools" role="toolbar" aria-label="Tools">
        {ENTRIES.map(([name, text, key, model]) => (
          <Entry
            key={name}
            icon={name}
            text={text}
            letter={key}
            pressed={toolName.value === name}
            disabled={model && noModel}
            run={() => useTool(name)}
          />
        ))}
        <Entry
          icon="everything"
          text="All"
          letter="A"
          disabled={noModel || answering.value}
          run={() => void askEverything()}
        />
      </div>
    </Dock>
  );
}

interface EntryProps {
  icon: IconName;
  text: string;
  letter: string;
  pressed?: boolean;
  disabled?: boolean;
  run: () => void;
}

function Entry({ icon, text, letter, pressed, disabled, run }: EntryProps) {
  return (
    <button
      type="button"
      class="tool"
      aria-pressed={pressed}
      disabled={disabled}
      title={`${text} (${letter})`}
      onClick={run}
    >
      <Icon name={icon} />
      <span>{text}</span>
      <kbd>{letter}</kbd>
    </button>
  );
}

function Step({ icon, text, letter, disabled, run }: EntryProps) {
  return (
    <button type="button" class="small" disabled={disabled} title={`${text} (${letter})`} onClick={run}>
      <Icon name={icon} />
      <span class="unseen">{text}</span>
      <kbd>{letter}</kbd>
    </button>
  );
}

/** What belongs to the tool that is chosen, and what every tool needs. */
function Options() {
  const tool = toolName.value;
  return (
    <div class="options">
      {(tool === "brush" || tool === "eraser") && <BrushSize />}
      {(tool === "click" || tool === "box") && (
        <label class="check" title="M">
          <input
            type="checkbox"
            checked={withPrevious.value}
            onChange={(event) => {
              withPrevious.value = event.currentTarget.checked;
            }}
          />
          mask is a prompt, too <kbd>M</kbd>
        </label>
      )}
      {tool === "polygon" && item.value !== null && item.value.polygon === null && (
        <button type="button" class="small" onClick={toPolygon}>
          Edit the outline as polygon <kbd>G</kbd>
        </button>
      )}
      <button type="button" class="small" title="Outline, fill or both (O)" onClick={nextStyle}>
        {maskStyle.value === "both" ? "line + fill" : maskStyle.value} <kbd>O</kbd>
      </button>
      <Step icon="undo" text="Undo" letter="Z" disabled={history.value.past.length === 0} run={undoStep} />
      <Step icon="redo" text="Redo" letter="Y" disabled={history.value.future.length === 0} run={redoStep} />
      {maskStyle.value !== "outline" && (
        <label class="slide wide">
          fill
          <input
            type="range"
            min={0.1}
            max={1}
            step={0.05}
            value={opacity.value}
            onInput={(event) => {
              opacity.value = Number(event.currentTarget.value);
            }}
          />
        </label>
      )}
    </div>
  );
}

/** The brush's size: a step of the slider is a share of it, so that small brushes can be set exactly. */
function BrushSize() {
  const size = radius.value;
  return (
    <label class="slide">
      size
      <input
        type="range"
        min={Math.log(LEAST_RADIUS)}
        max={Math.log(MOST_RADIUS)}
        step={0.02}
        value={Math.log(size)}
        aria-valuetext={`${size.toFixed(1)} pixels`}
        onInput={(event) => {
          radius.value = Math.exp(Number(event.currentTarget.value));
        }}
      />
      <output>{size < 10 ? size.toFixed(1) : Math.round(size)} px</output>
      <kbd>[ ]</kbd>
    </label>
  );
}
