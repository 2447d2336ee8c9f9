/** The values of the training form: what differs from the defaults is what is sent. */
import type { FormField, TrainForm } from "../api";

/** What is sent: the values that are not the defaults. */
export function changed(form: TrainForm, values: Readonly<Record<string, string>>): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const field of form.fields) {
    const value = values[field.key];
    if (value !== undefined && value !== field.default) sent[field.key] = value;
  }
  return sent;
}

/** What is wrong with a value, or null. The server judges again; this says it while it is typed. */
export function fault(field: FormField, value: string): string | null {
  if (value.trim() === "") return field.default === "" ? null : "a value is needed";
  if (field.kind === "integer" && !/^[+-]?\d+$/.test(value.trim())) return `expected a whole number, found ${value}`;
  if (field.kind === "number" && !Number.isFinite(Number(value))) return `expected a number, found ${value}`;
  if (field.kind === "choice" && !field.choices.includes(value)) return `expected one of ${field.choices.join(", ")}`;
  return null;
}

/** The fields by group, in the order in which groups appear; `words` must all be in a field's label, key, flag or help. */
export function groups(form: TrainForm, words: string): Map<string, FormField[]> {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const found = new Map<string, FormField[]>();
  for (const field of form.fields) {
    // The presets are chosen above the settings.
    if (field.key === "preset") continue;
    const text = `${field.label} ${field.key} ${field.flag} ${field.help}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) continue;
    found.set(field.group, [...(found.get(field.group) ?? []), field]);
  }
  return found;
}

/** A name for the next run that no other one has. */
export function nextName(taken: readonly string[]): string {
  for (let number = 1; ; number++) {
    if (!taken.includes(`run-${number}`)) return `run-${number}`;
  }
}

/** What is wrong with a run's name, or null: it becomes a folder. */
export function nameFault(name: string, taken: readonly string[]): string | null {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return "letters, digits, dots, dashes; at most 64";
  return taken.includes(name) ? "a run has this name already" : null;
}
