/** One setting of the form, with its help text. */
import type { FormField } from "../api";
import { fault } from "./values";

interface Props {
  field: FormField;
  value: string;
  onset: (value: string) => void;
}

export function Field({ field, value, onset }: Props) {
  const wrong = fault(field, value);
  const differs = value !== field.default;
  return (
    <label class={differs ? "field changed" : "field"}>
      <span>
        {field.label}
        <code>{field.flag === "" ? field.key : field.flag}</code>
      </span>
      <Control field={field} value={value} onset={onset} />
      {wrong !== null && <em class="bad">{wrong}</em>}
      <small>
        {field.help}
        {differs && (
          <button type="button" class="link" onClick={() => onset(field.default)}>
            {" "}
            back to {field.default === "" ? "none" : field.default}
          </button>
        )}
      </small>
    </label>
  );
}

function Control({ field, value, onset }: Props) {
  if (field.kind === "flag") {
    return (
      <input
        type="checkbox"
        checked={value === "true"}
        onChange={(event) => onset(event.currentTarget.checked ? "true" : "false")}
      />
    );
  }
  if (field.kind === "choice") {
    return (
      <select value={value} onChange={(event) => onset(event.currentTarget.value)}>
        {!field.choices.includes(value) && <option value={value}>{value}</option>}
        {field.choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  }
  // Numbers such as 1e-5 are typed as they are in the settings, which a field for numbers would rewrite.
  return (
    <input
      type="text"
      inputMode={field.kind === "text" ? "text" : "decimal"}
      spellcheck={false}
      value={value}
      onInput={(event) => onset(event.currentTarget.value)}
    />
  );
}
