/**
 * Invented pictures: leaves and pebbles on soft ground, drawn from a formula at any size, with their true masks. The
 * same index is always the same scene.
 */
const PALETTES = [
  [
    [44, 58, 40],
    [92, 112, 66],
    [
      [196, 142, 58],
      [166, 62, 44],
      [214, 186, 92],
    ],
  ],
  [
    [60, 66, 78],
    [120, 128, 138],
    [
      [214, 206, 190],
      [150, 112, 92],
      [88, 96, 112],
    ],
  ],
  [
    [26, 44, 60],
    [58, 96, 116],
    [
      [232, 156, 120],
      [240, 214, 160],
      [120, 200, 190],
    ],
  ],
  [
    [70, 56, 44],
    [142, 116, 88],
    [
      [96, 142, 80],
      [58, 104, 66],
      [172, 190, 96],
    ],
  ],
];

function random(seed) {
  let state = (seed * 2654435761 + 1013904223) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The scene of an image: its size and its shapes, in pixels. */
export function scene(index, size) {
  const next = random(index + 1);
  const palette = PALETTES[Math.floor(next() * PALETTES.length)];
  const unit = Math.min(size.width, size.height);
  const shapes = [];
  for (let k = 0, count = 1 + Math.floor(next() * 4); k < count; k++) {
    shapes.push({
      x: size.width * (0.2 + 0.6 * next()),
      y: size.height * (0.22 + 0.56 * next()),
      radius: unit * (0.1 + 0.16 * next()),
      stretch: 0.55 + 0.5 * next(),
      angle: Math.PI * next(),
      lobes: 3 + Math.floor(next() * 5),
      depth: 0.05 + 0.22 * next(),
      colour: palette[2][k % 3],
      leaf: next() > 0.4,
    });
  }
  return { ground: palette[0], light: palette[1], shapes, phase: next() * 9 };
}

/** How far inside a shape a point is: 1 at its middle, 0 at its edge, negative outside. */
export function depthIn(shape, x, y) {
  const cos = Math.cos(shape.angle);
  const sin = Math.sin(shape.angle);
  const u = ((x - shape.x) * cos + (y - shape.y) * sin) / shape.radius;
  const v = (-(x - shape.x) * sin + (y - shape.y) * cos) / (shape.radius * shape.stretch);
  const edge = 1 + shape.depth * Math.cos(shape.lobes * Math.atan2(v, u));
  return 1 - Math.hypot(u, v) / edge;
}

/** The pixels of a picture `width` wide, of the part that begins at (left, top) with `step` pixels of the scene each. */
export function render(view, width, height, left = 0, top = 0, step = 1) {
  const pixels = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = left + (column + 0.5) * step;
      const y = top + (row + 0.5) * step;
      const wave = 0.5 + 0.25 * Math.sin(x / 91 + view.phase) + 0.25 * Math.cos(y / 67 - view.phase);
      const grain = ((Math.imul(Math.floor(x), 374761393) ^ Math.imul(Math.floor(y), 668265263)) >>> 24) / 255 - 0.5;
      let colour = view.ground.map((low, k) => low + (view.light[k] - low) * wave + 14 * grain);
      for (const shape of view.shapes) {
        const depth = depthIn(shape, x, y);
        if (depth <= 0) {
          if (depth > -0.12) colour = colour.map((value) => value * (1 + 3 * depth > 0.6 ? 0.72 : 0.86));
          continue;
        }
        const vein = shape.leaf ? 0.92 + 0.08 * Math.sin(26 * depth + 3 * Math.atan2(y - shape.y, x - shape.x)) : 1;
        const shade = (0.68 + 0.42 * Math.min(depth * 2.4, 1)) * vein;
        colour = shape.colour.map((value) => value * shade + 9 * grain);
      }
      const at = (row * width + column) * 3;
      for (let k = 0; k < 3; k++) pixels[at + k] = Math.max(0, Math.min(255, colour[k]));
    }
  }
  return pixels;
}

/** The mask of those pixels for which `inside` holds, cut to its box. */
export function maskOf(size, inside, around = null) {
  const [x0, y0, x1, y1] = around ?? [0, 0, size.width, size.height];
  const box = [
    Math.max(0, Math.floor(x0)),
    Math.max(0, Math.floor(y0)),
    Math.min(size.width, Math.ceil(x1)),
    Math.min(size.height, Math.ceil(y1)),
  ];
  let [left, top, right, bottom] = [size.width, size.height, 0, 0];
  const set = new Map();
  for (let y = box[1]; y < box[3]; y++) {
    const row = [];
    for (let x = box[0]; x < box[2]; x++) {
      if (!inside(x + 0.5, y + 0.5)) continue;
      row.push(x);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
    }
    if (row.length === 0) continue;
    top = Math.min(top, y);
    bottom = y + 1;
    set.set(y, new Set(row));
  }
  if (right <= left) return { x: 0, y: 0, width: 0, height: 0, runs: [] };
  const runs = [];
  let value = false;
  let run = 0;
  for (let y = top; y < bottom; y++) {
    const row = set.get(y);
    for (let x = left; x < right; x++) {
      if ((row?.has(x) ?? false) !== value) {
        runs.push(run);
        run = 0;
        value = !value;
      }
      run++;
    }
  }
  runs.push(run);
  return { x: left, y: top, width: right - left, height: bottom - top, runs };
}

export function area(mask) {
  return mask.runs.reduce((sum, run, at) => sum + (at % 2 === 1 ? run : 0), 0);
}

/** The box of a shape with room for its lobes. */
export function boxOf(shape) {
  const reach = shape.radius * (1 + shape.depth) * Math.max(1, shape.stretch) + 2;
  return [shape.x - reach, shape.y - reach, shape.x + reach, shape.y + reach];
}
