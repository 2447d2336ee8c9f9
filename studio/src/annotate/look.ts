/** How masks are shown, and which of the masks of "everything" are kept. */
import { computed, signal } from "@preact/signals";
import { isEmpty } from "../mask/runs";
import { remembered } from "../shell/remembered";
import type { Look, MaskStyle } from "../view/paint";
import { everything } from "./session";

export const maskStyle = remembered<MaskStyle>("mask-style", "both");
export const opacity = remembered<number>("mask-opacity", 0.4);
/** Whether masks are hidden for a moment, to see what is below. */
export const peeking = signal(false);

export const look = computed<Look>(() => ({
  style: peeking.value ? "none" : maskStyle.value,
  opacity: opacity.value,
}));

const STYLES: readonly MaskStyle[] = ["both", "outline", "fill"];

export function nextStyle(): void {
  maskStyle.value = STYLES[(STYLES.indexOf(maskStyle.value) + 1) % STYLES.length] ?? "both";
}

/** What "everything" keeps: masks at least this good and this large, without those taken out by hand. */
export const leastIou = signal(0.7);
export const leastArea = signal(0);
export const toggled = signal<ReadonlySet<number>>(new Set());

export const kept = computed<ReadonlySet<number>>(() => {
  const chosen = new Set<number>();
  (everything.value ?? []).forEach((proposal, index) => {
    const passes =
      proposal.predicted_iou >= leastIou.value && proposal.area >= leastArea.value && !isEmpty(proposal.mask);
    if (passes !== toggled.value.has(index)) chosen.add(index);
  });
  return chosen;
});

export function toggle(index: number): void {
  const next = new Set(toggled.value);
  if (!next.delete(index)) next.add(index);
  toggled.value = next;
}
