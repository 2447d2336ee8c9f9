/** Dark for judging pictures; light, or what the system says, by choice. */
import { effect } from "@preact/signals";
import { remembered } from "./remembered";

export type Theme = "dark" | "light" | "system";
export const theme = remembered<Theme>("theme", "dark");

const prefersLight = matchMedia("(prefers-color-scheme: light)");

function show(): void {
  const light = theme.value === "light" || (theme.value === "system" && prefersLight.matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
}

export function followTheme(): void {
  effect(show);
  prefersLight.addEventListener("change", show);
}

export function nextTheme(): void {
  const order: readonly Theme[] = ["dark", "light", "system"];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "dark";
}
