/** The form for a new run: presets first, then every setting with its help, and what it would cost before it begins. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { FormField, TrainForm, TrainRequest } from "../api";
import * as calls from "../server/calls";
import { setJob, state } from "../server/events";
import { isAbort, problemOf } from "../server/problem";
import { whole } from "../shell/figures";
import { notify, say } from "../shell/notices";
import { Field } from "./field";
import { ForecastCard } from "./forecast";
import { readRuns, selected } from "./runs";
import { changed, fault, groups, nameFault, nextName } from "./values";

type Values = Record<string, string>;

/** The settings as they come, for a model that no preset was made for. */
const PLAIN = { name: "no preset", help: "Every setting at its default, at the model’s own input size.", values: {} };

/** A preset for another input size than the model's would train at a size that the model does not click with. */
function fits(preset: TrainForm["presets"][number], form: TrainForm): boolean {
  const own = form.fields.find((field) => field.key === "model.input_size")?.default ?? "";
  const wanted = preset.values["model.input_size"];
  return wanted === undefined || own === "" || wanted === own;
}

export function NewRun({ taken }: { taken: readonly string[] }) {
  const [form, setForm] = useState<TrainForm | null>(null);
  const [preset, setPreset] = useState(0);
  const [values, setValues] = useState<Values>({});
  const [name, setName] = useState<string | null>(null);
  const [data, setData] = useState<TrainRequest["data"]>("corrections");
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    calls.trainForm(stop.signal).then(
      (found) => {
        // Those for the model's own input size come first.
        const presets = [...found.presets, PLAIN].sort((a, b) => Number(fits(b, found)) - Number(fits(a, found)));
        setForm({ ...found, presets });
        setValues(presets[0]?.values ?? {});
      },
      (error: unknown) => {
        if (!isAbort(error)) notify(problemOf(error));
      },
    );
    return () => stop.abort();
  }, []);
  const corrected = state.value?.corrections.images ?? 0;
  useEffect(() => {
    if (corrected === 0) setData("set");
  }, [corrected === 0]);
  const chosenName = name ?? nextName(taken);
  const request = useMemo<TrainRequest | null>(
    () => (form === null ? null : { name: chosenName, data, values: changed(form, values) }),
    [form, chosenName, data, values],
  );
  if (form === null || request === null) return <p class="muted">Reading the settings…</p>;
  const wrongName = nameFault(chosenName, taken);
  const wrong = form.fields.filter((field) => fault(field, values[field.key] ?? field.default) !== null);
  const start = async () => {
    setBusy(true);
    try {
      const job = await calls.train(request);
      setJob(job);
      selected.value = [...selected.value.filter((other) => other !== job.run), job.run].slice(-6);
      setName(null);
      say(`${job.run} has begun`);
      await readRuns();
    } catch (error) {
      notify(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="new-run"
      onSubmit={(event) => {
        event.preventDefault();
        if (wrongName === null && wrong.length === 0 && !busy) void start();
      }}
    >
      <fieldset class="presets">
        <legend>Preset</legend>
        {form.presets.map((each, at) => (
          <label key={each.name} class={at === preset ? "preset on" : "preset"}>
            <input
              type="radio"
              name="preset"
              checked={at === preset}
              onChange={() => {
                setPreset(at);
                setValues(each.values);
              }}
            />
            <span>
              <b>{each.name}</b>
              <small>{each.help}</small>
              {!fits(each, form) && <small class="warn">for models of {each.values["model.input_size"]} pixels</small>}
            </span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>name</span>
        <input type="text" value={chosenName} maxLength={64} onInput={(event) => setName(event.currentTarget.value)} />
        {wrongName !== null && <em class="bad">{wrongName}</em>}
      </label>
      <fieldset class="segments" aria-label="Trained on">
        {(["corrections", "set", "both"] as const).map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={data === each}
            disabled={each !== "set" && corrected === 0}
            onClick={() => setData(each)}
          >
            {each === "corrections" ? `${whole(corrected)} corrected` : each === "set" ? "the set" : "both"}
          </button>
        ))}
      </fieldset>
      <ForecastCard request={request} valid={wrong.length === 0 && wrongName === null} />
      <button type="submit" class="primary" disabled={busy || wrong.length > 0 || wrongName !== null}>
        Start {chosenName}
      </button>
      <Settings
        form={form}
        values={values}
        words={words}
        onwords={setWords}
        onset={(key, value) => setValues((before) => ({ ...before, [key]: value }))}
      />
    </form>
  );
}

interface SettingsProps {
  form: TrainForm;
  values: Values;
  words: string;
  onwords: (words: string) => void;
  onset: (key: string, value: string) => void;
}

function Settings({ form, values, words, onwords, onset }: SettingsProps) {
  const found = groups(form, words);
  const differs = (field: FormField) => (values[field.key] ?? field.default) !== field.default;
  return (
    <section class="settings" aria-label="Settings">
      <input
        type="search"
        placeholder={`Search ${form.fields.length} settings…`}
        aria-label="Search the settings"
        value={words}
        onInput={(event) => onwords(event.currentTarget.value)}
      />
      {found.size === 0 && <p class="muted">No setting has these words.</p>}
      {[...found].map(([group, fields]) => {
        const count = fields.filter(differs).length;
        return (
          <details key={group} open={words !== ""}>
            <summary>
              {group} <small>{count > 0 ? `${count} changed` : fields.length}</small>
            </summary>
            {fields.map((field) => (
              <Field
                key={field.key}
                field={field}
                value={values[field.key] ?? field.default}
                onset={(value) => onset(field.key, value)}
              />
            ))}
          </details>
        );
      })}
    </section>
  );
}
