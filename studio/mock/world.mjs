/** What the mock server knows: the set, corrections, jobs and runs. It lives as long as its process. */
import { predict, truth } from "./model.mjs";
import { scene } from "./scene.mjs";

const HUGE = 7;
const BROKEN = 11;

export class World {
  constructor(images) {
    this.images = images;
    this.corrections = new Map();
    this.listeners = new Map();
    this.jobs = [];
    this.runs = [oldRun()];
    this.model = model("base", 0.09);
    this.doctorState = "none";
    this.fixed = false;
  }

  size(index) {
    if (index === HUGE) return { width: 12000, height: 9000 };
    return index % 5 === 3 ? { width: 600, height: 800 } : { width: 900, height: 600 };
  }

  scene(index) {
    return scene(index, this.size(index));
  }

  row(index) {
    const saved = this.corrections.get(index);
    const refused = index === BROKEN ? "expected a JPEG of 48 211 bytes, found 12 003: the file is cut" : null;
    return {
      index,
      id: `${index % 3 === 0 ? "stones" : "leaves"}/IMG_${String(1000 + index)}`,
      set: index % 3 === 0 ? "stones" : "leaves",
      size: refused === null ? this.size(index) : null,
      objects: refused !== null ? null : index % 4 === 0 ? this.scene(index).shapes.length : 0,
      categories: index % 4 === 0 ? [index % 3 === 0 ? "pebble" : "leaf"] : [],
      refused,
      corrected: saved?.objects.length ?? 0,
      predicted_iou: refused !== null || index % 7 === 6 ? null : 0.55 + ((index * 37) % 41) / 100,
    };
  }

  /** The rows that pass a filter; counted over the whole set, so a mock of 100 000 still answers at once. */
  records(query) {
    const wanted = {
      set: query.get("set"),
      category: query.get("category"),
      mask: query.get("mask") ?? "any",
      text: query.get("text")?.toLowerCase(),
      finding: query.get("finding"),
      minIou: Number(query.get("min_iou") ?? 0),
      maxIou: Number(query.get("max_iou") ?? 1),
      minSide: Number(query.get("min_side") ?? 0),
      maxSide: Number(query.get("max_side") ?? Infinity),
    };
    const offset = Number(query.get("offset") ?? 0);
    const limit = Math.min(Number(query.get("limit") ?? 100), 500);
    const plain = [...query.keys()].every((key) => ["offset", "limit", "order"].includes(key));
    if (plain && query.get("order") !== "doubt") {
      const rows = [];
      for (let index = offset; index < Math.min(offset + limit, this.images); index++) rows.push(this.row(index));
      return { total: this.images, offset, rows };
    }
    const passes = [];
    for (let index = 0; index < this.images; index++) {
      const row = this.row(index);
      const side = Math.max(row.size?.width ?? 0, row.size?.height ?? 0);
      if (wanted.set && row.set !== wanted.set) continue;
      if (wanted.category && !row.categories.includes(wanted.category)) continue;
      if (wanted.mask === "with" && !(row.objects > 0)) continue;
      if (wanted.mask === "without" && row.objects !== 0) continue;
      if (wanted.text && !row.id.toLowerCase().includes(wanted.text)) continue;
      if (
        wanted.finding &&
        !this.findings().some((each) => each.code === wanted.finding && each.records.includes(index))
      )
        continue;
      if (query.has("min_iou") && !(row.predicted_iou >= wanted.minIou)) continue;
      if (query.has("max_iou") && !(row.predicted_iou <= wanted.maxIou)) continue;
      if (side < wanted.minSide || side > wanted.maxSide) continue;
      passes.push(row);
    }
    if (query.get("order") === "doubt") passes.sort((a, b) => (a.predicted_iou ?? 1) - (b.predicted_iou ?? 1));
    return { total: passes.length, offset, rows: passes.slice(offset, offset + limit) };
  }

  state() {
    const saved = [...this.corrections.values()].filter((each) => each.objects.length > 0);
    return {
      version: "mock",
      set: {
        name: "leaves-and-stones",
        images: this.images,
        sets: ["leaves", "stones"],
        categories: ["leaf", "pebble"],
      },
      model: this.model === null ? null : this.model.info,
      model_missing: this.model === null ? "Start the studio with --checkpoint FILE." : null,
      model_loading: false,
      corrections: {
        folder: "leaves-and-stones/corrections",
        format: "instances",
        left_out: [],
        images: saved.length,
        objects: saved.reduce((sum, each) => sum + each.objects.length, 0),
      },
      runs_folder: "runs",
      cores: 8,
    };
  }

  predict(index, request) {
    return predict(this.scene(index), this.size(index), request, this.model.error);
  }

  truth(index) {
    return index % 4 === 0 ? truth(this.scene(index), this.size(index)) : [];
  }

  findings() {
    return [
      {
        code: "mask_inverted",
        severity: "error",
        text: "The masks of 3 images cover more than nine tenths of them, and their edges are those of the background: they seem to be inverted.",
        records: [4, 8, 16],
        fix: this.fixed
          ? null
          : {
              id: "invert",
              text: "invert these masks",
              diff: '--- data.toml\n+++ data.toml\n@@ -4,4 +4,5 @@\n [[set]]\n name = "leaves"\n images = "leaves/im"\n-masks = "leaves/gt"\n+masks = "leaves/gt"\n+invert = true\n',
            },
      },
      {
        code: "duplicates",
        severity: "warning",
        text: "12 images are there twice, once in each of the two parts of the split: what is measured on them is too good.",
        records: [1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22],
        fix: null,
      },
      {
        code: "small_objects",
        severity: "note",
        text: "5 objects are smaller than 12 pixels at the model's input.",
        records: [3, 12],
        fix: null,
      },
    ];
  }

  send(event) {
    for (const write of this.listeners.values()) write(event);
  }
}

export function model(name, error) {
  return {
    error,
    info: { checkpoint: `runs/${name}/best.safetensors`, name, kind: "vit_b + HQ", input_size: 1024, has_hq: true },
  };
}

/** Curves as a training would write them up to an epoch. */
export function curves(epochs, seed, rate) {
  const x = [...Array(epochs).keys()];
  const noise = (at, k) => Math.sin(at * 2.1 + seed * k) * 0.006;
  return [
    { name: "IoU", x, y: x.map((at) => 0.93 - 0.14 * Math.exp(-at * rate) + noise(at, 1)) },
    { name: "boundary IoU", x, y: x.map((at) => 0.86 - 0.2 * Math.exp(-at * rate) + noise(at, 2)) },
    { name: "loss", x, y: x.map((at) => 0.08 + 0.4 * Math.exp(-at * rate * 1.2) + noise(at, 3)) },
    { name: "learning rate", x, y: x.map((at) => (at < 8 ? 1e-3 : 1e-4)) },
  ];
}

function oldRun() {
  return {
    name: "base",
    seed: 3,
    rate: 0.3,
    done: 12,
    epochs: 12,
    state: "finished",
    started: "2026-11-27T09:12:00Z",
    before: null,
  };
}
