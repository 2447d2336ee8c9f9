/** All keys that work in this view. */
import { Dialog } from "./dialog";
import { type Binding, bindings, helpShown } from "./keys";

const SIGNS: Record<string, string> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
};

export function KeysHelp() {
  if (!helpShown.value) return null;
  const groups = new Map<string, Binding[]>();
  for (const binding of [...bindings.value].reverse().flat()) {
    groups.set(binding.group, [...(groups.get(binding.group) ?? []), binding]);
  }
  return (
    <Dialog
      title="Keys"
      wide
      onclose={() => {
        helpShown.value = false;
      }}
    >
      <div class="keys">
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {list.map((binding) => (
                <div key={binding.what}>
                  <dt>
                    {(binding.shown ?? binding.keys.slice(0, 2)).map((key) => (
                      <Key key={key} name={key} />
                    ))}
                  </dt>
                  <dd>{binding.what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Pointer</h3>
          <dl>
            <div>
              <dt>left, right</dt>
              <dd>add, remove (also Alt, or a long press with a finger)</dd>
            </div>
            <div>
              <dt>wheel, pinch</dt>
              <dd>zoom</dd>
            </div>
            <div>
              <dt>middle, two fingers</dt>
              <dd>move the view; so does a drag with the click tool</dd>
            </div>
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

export function Key({ name }: { name: string }) {
  const text = name
    .split("+")
    .map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
  return <kbd>{name === "+" ? "+" : text}</kbd>;
}
