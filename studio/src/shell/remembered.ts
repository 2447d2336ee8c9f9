/** Choices that outlive the page: a signal whose value is kept in the browser. */
import { effect, type Signal, signal } from "@preact/signals";

export function remembered<T extends string | number | boolean>(name: string, first: T): Signal<T> {
  const key = `maskwright.${name}`;
  const value = signal<T>(read(key, first));
  effect(() => {
    try {
      localStorage.setItem(key, JSON.stringify(value.value));
    } catch {
      // A browser that keeps nothing still works; its user chooses again next time.
    }
  });
  return value;
}

function read<T>(key: string, first: T): T {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return typeof found === typeof first ? (found as T) : first;
  } catch {
    return first;
  }
}
