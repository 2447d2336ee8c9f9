import { describe, expect, it } from "vitest";
import type { FormField, TrainForm } from "../src/api";
import { advice, type Problem } from "../src/server/problem";
import { bytes, fraction, share, signed, span, whole } from "../src/shell/figures";
import { nameOf } from "../src/shell/keys";
import { byName, nearest, pathOf, scaleOf, ticks, tickText } from "../src/train/chart";
import { changed, fault, groups, nameFault, nextName } from "../src/train/values";

describe("figures", () => {
  it("are short and exact", () => {
    expect(whole(1234567)).toBe("1\u2009234\u2009567");
    expect(whole(999)).toBe("999");
    expect(share(null)).toBe("–");
    expect(share(0.9276)).toBe("0.928");
    expect(signed(0.0661)).toBe("+0.066");
    expect(signed(-0.0034)).toBe("−0.003");
    expect(signed(-0.0001)).toBe("±0.000");
    expect(bytes(1536)).toBe("1.5 KiB");
    expect(bytes(21 * 2 ** 30)).toBe("21.0 GiB");
    expect([span(41), span(240), span(7200), span(3 * 86400)]).toEqual(["41 s", "4 min", "2.0 h", "3.0 days"]);
  });

  it("say how much of a job is done", () => {
    expect(fraction({ epoch: 6, epochs: 12, step: 5, steps: 10 })).toBeCloseTo(6.5 / 12);
    expect(fraction({ epoch: 12, epochs: 12, step: 9, steps: 10 })).toBe(1);
    expect(fraction({ epoch: 0, epochs: 0, step: 0, steps: 0 })).toBe(0);
  });
});

describe("keys", () => {
  const event = { key: "z", ctrlKey: false, metaKey: false, shiftKey: false };
  it("have the same names on all keyboards", () => {
    expect(nameOf(event)).toBe("z");
    expect(nameOf({ ...event, key: "Z", shiftKey: true })).toBe("Shift+z");
    expect(nameOf({ ...event, metaKey: true })).toBe("Ctrl+z");
    expect(nameOf({ ...event, key: "Z", ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+z");
    expect(nameOf({ ...event, key: "?", shiftKey: true })).toBe("?");
    expect(nameOf({ ...event, key: " " })).toBe("Space");
    expect(nameOf({ ...event, key: "ArrowLeft", shiftKey: true })).toBe("Shift+ArrowLeft");
  });
});

describe("charts", () => {
  it("have round ticks inside their scale", () => {
    expect(ticks({ low: 0.78, high: 0.94 }, 4)).toEqual(
      [0.8, 0.8500000000000001, 0.9].map((t) => expect.closeTo(t, 9)),
    );
    expect(ticks({ low: 0, high: 100 }, 4)).toEqual([0, 50, 100]);
    expect(tickText(0.85, [0.8, 0.85])).toBe("0.85");
    expect(tickText(50, [0, 50])).toBe("50");
    expect(scaleOf([])).toEqual({ low: 0, high: 1 });
    const { low, high } = scaleOf([5]);
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
  });

  it("draw gaps where values are missing", () => {
    const curve = { name: "a", x: [0, 1, 2, 3], y: [1, null, 3, 4] };
    expect(
      pathOf(
        curve,
        (x) => x,
        (y) => y,
      ),
    ).toBe("M0.0 1.0M2.0 3.0L3.0 4.0");
    expect(nearest(curve, 1.2)).toEqual({ x: 2, y: 3 });
  });

  it("keep the newest point of a long curve", () => {
    const x = [...Array(10_001).keys()];
    const text = pathOf(
      { name: "a", x, y: x },
      (at) => at,
      (at) => at,
    );
    expect(text.endsWith("L10000.0 10000.0")).toBe(true);
    expect(text.split("L").length).toBeLessThan(1300);
  });

  it("put the runs' curves of one name together", () => {
    const curve = (name: string) => ({ name, x: [], y: [] });
    const found = byName([
      { run: "a", colour: "1", curves: [curve("IoU"), curve("loss")] },
      { run: "b", colour: "2", curves: [curve("loss")] },
    ]);
    expect([...found].map(([name, lines]) => [name, lines.map(({ run }) => run)])).toEqual([
      ["IoU", ["a"]],
      ["loss", ["a", "b"]],
    ]);
  });
});

describe("the training form", () => {
  const field = (key: string, part: Partial<FormField>): FormField => ({
    key,
    label: key,
    help: "",
    kind: "number",
    choices: [],
    default: "1",
    group: "g",
    flag: `--${key}`,
    ...part,
  });
  const form: TrainForm = {
    presets: [],
    fields: [
      field("a", {}),
      field("b", { kind: "integer", group: "h" }),
      field("c", { kind: "choice", choices: ["x", "y"], default: "x" }),
    ],
  };

  it("sends what is not the default", () => {
    expect(changed(form, { a: "1", b: "2", unknown: "3" })).toEqual({ b: "2" });
  });

  it("says what is wrong while it is typed", () => {
    const [a, b, c] = form.fields as [FormField, FormField, FormField];
    expect(fault(a, "1e-5")).toBe(null);
    expect(fault(a, "fast")).toBe("expected a number, found fast");
    expect(fault(b, "2.5")).toBe("expected a whole number, found 2.5");
    expect(fault(c, "z")).toBe("expected one of x, y");
    expect(fault(a, " ")).toBe("a value is needed");
  });

  it("finds settings by all words", () => {
    expect([...groups(form, "--b")].map(([name]) => name)).toEqual(["h"]);
    expect(groups(form, "nothing like it").size).toBe(0);
    expect(groups(form, "").size).toBe(2);
  });

  it("names runs as folders can be named", () => {
    expect(nextName(["run-1", "run-2"])).toBe("run-3");
    expect(nameFault("../up", [])).not.toBe(null);
    expect(nameFault("..", [])).not.toBe(null);
    expect(nameFault("run-1", ["run-1"])).toBe("a run has this name already");
    expect(nameFault("leaves_2.b", [])).toBe(null);
  });
});

describe("problems", () => {
  it("say what to do", () => {
    const problem = (code: string, status: number): Problem => ({ title: "", status, detail: "", code });
    expect(advice(problem("conflict", 409))).toMatch(/choose which objects stay/);
    expect(advice(problem("other", 500))).toMatch(/terminal/);
    expect(advice(problem("other", 400))).toBe(null);
  });
});
