/** Which view is shown: the part of the address after `#`, so that the browser's back button works and links can be kept. */
import { computed, signal } from "@preact/signals";

export type View = "data" | "annotate" | "train" | "results";
export const VIEWS: readonly View[] = ["data", "annotate", "train", "results"];

export interface Route {
  view: View;
  /** The parts after the view, as `["12"]` of `#/annotate/12`. */
  rest: readonly string[];
  query: URLSearchParams;
}

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first, ...rest] = path.split("/").filter((part) => part !== "");
  const view = VIEWS.find((name) => name === first) ?? "annotate";
  return { view, rest: rest.map(safeDecode), query: new URLSearchParams(query) };
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function hashOf(view: View, rest: readonly (string | number)[] = [], query = ""): string {
  const path = [view, ...rest.map((part) => encodeURIComponent(part))].join("/");
  return `#/${path}${query === "" ? "" : `?${query}`}`;
}

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

export const route = computed(() => parse(hash.value));

/** Shows another view. `replace`: without a step for the back button. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", to);
    hash.value = location.hash;
  } else location.hash = to;
}
