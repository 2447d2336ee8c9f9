/**
 * The keyboard. Each view lists its keys as values, which both run them and are the help behind `?`: a key that works is
 * a key that is shown.
 */
import { signal } from "@preact/signals";

export interface Binding {
  /** Names as `key` of an event gives them, with `Ctrl+`, `Shift+` before; letters are lower case. */
  keys: readonly string[];
  what: string;
  group: string;
  /** `name` is the one of `keys` that was pressed. */
  run: (name: string) => void;
  /** What the help shows instead of all keys. */
  shown?: readonly string[];
  /** What ends when the key is let go. */
  release?: () => void;
}

const stack = signal<readonly (readonly Binding[])[]>([]);
export const helpShown = signal(false);

export const bindings = stack;

/** Adds a view's keys; the function that is returned takes them away. */
export function bind(list: readonly Binding[]): () => void {
  stack.value = [...stack.value, list];
  return () => {
    stack.value = stack.value.filter((other) => other !== list);
  };
}

export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey">): string {
  const single = event.key.length === 1;
  const key = single ? event.key.toLowerCase() : event.key;
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  // With signs, Shift is part of the sign: "?" is "?" on every keyboard.
  const shift = event.shiftKey && (!single || /[a-z]/.test(key)) ? "Shift+" : "";
  return `${control}${shift}${key === " " ? "Space" : key}`;
}

/** Whether the element needs the key itself. */
function takesKey(target: EventTarget | null, key: string): boolean {
  // Saving works from everywhere; the browser's own would save the page.
  if (!(target instanceof HTMLElement) || key === "Ctrl+s") return false;
  if (target instanceof HTMLTextAreaElement || target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) {
    if (target.type === "checkbox" || target.type === "radio") return key === "Space" || key.startsWith("Arrow");
    if (target.type === "range") return /^(Arrow|Home|End|Page)/.test(key);
    return true;
  }
  if (target instanceof HTMLSelectElement) return !key.startsWith("Ctrl+");
  if (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement || target.tagName === "SUMMARY") {
    return key === "Enter" || key === "Space";
  }
  return false;
}

const released = new Map<string, () => void>();

export function listen(): void {
  addEventListener("keydown", (event) => {
    const name = nameOf(event);
    if (event.altKey || document.querySelector("dialog[open]") !== null || takesKey(event.target, name)) return;
    // The newest list is that of the innermost view.
    for (const list of [...stack.value].reverse()) {
      const found = list.find((binding) => binding.keys.includes(name));
      if (found === undefined) continue;
      event.preventDefault();
      // What is typed counts before the key does.
      if (event.target instanceof HTMLInputElement && event.target.type === "text") event.target.blur();
      if (found.release !== undefined) {
        if (event.repeat) return;
        released.set(event.code, found.release);
      }
      found.run(name);
      return;
    }
  });
  // A button that was clicked gives the keyboard back, or Space would press it again instead of saving.
  addEventListener("click", (event) => {
    const pressed = event.target instanceof Element ? event.target.closest("button, .check input") : null;
    if (event.detail > 0 && pressed instanceof HTMLElement && pressed.closest("dialog") === null) pressed.blur();
  });
  const letGo = (code: string) => {
    released.get(code)?.();
    released.delete(code);
  };
  addEventListener("keyup", (event) => letGo(event.code));
  addEventListener("blur", () => [...released.keys()].forEach(letGo));
}
