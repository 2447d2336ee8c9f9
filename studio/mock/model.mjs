/** The mock's model: it knows the scene's shapes, and is a little wrong about their edges until it was trained. */
import { area, boxOf, depthIn, maskOf } from "./scene.mjs";

/** @param {{points: {x: number, y: number, positive: boolean}[], box: number[] | null, previous: any, proposals: boolean}} request */
export function predict(view, size, request, error) {
  const positives = request.points.filter((point) => point.positive);
  const negatives = request.points.filter((point) => !point.positive);
  const hit = view.shapes.filter((shape) => positives.some((point) => depthIn(shape, point.x, point.y) > -0.05));
  if (request.box !== null) {
    const [x0, y0, x1, y1] = request.box;
    for (const shape of view.shapes) {
      if (shape.x > x0 && shape.x < x1 && shape.y > y0 && shape.y < y1 && !hit.includes(shape)) hit.push(shape);
    }
  }
  const before = request.previous === null ? null : lookup(request.previous);
  const spots = [...positives, ...(hit.length === 0 && request.box !== null ? [middle(request.box)] : [])];
  const near = Math.min(size.width, size.height) * 0.05;
  const wobble = (x, y) => error * Math.sin(x / 7) * Math.cos(y / 9);
  const whole = (x, y) =>
    !negatives.some((point) => Math.hypot(point.x - x, point.y - y) < near) &&
    ((before?.(x, y) ?? false) ||
      hit.some((shape) => depthIn(shape, x, y) + wobble(x, y) > 0) ||
      (hit.length === 0 && spots.some((point) => Math.hypot(point.x - x, point.y - y) < near)));
  const first = answer(maskOf(size, whole, reach(hit, spots, near, request.previous)), 0.95 - 2 * error);
  if (!request.proposals) return [first];
  const spot = spots[0] ?? { x: size.width / 2, y: size.height / 2 };
  const part = (x, y) => whole(x, y) && (x - spot.x) * 0.8 + (y - spot.y) * 0.6 < near * 0.6;
  const detail = (x, y) => whole(x, y) && Math.hypot(x - spot.x, y - spot.y) < near * 1.4;
  const box = reach(hit, spots, near, request.previous);
  return [first, answer(maskOf(size, part, box), 0.72), answer(maskOf(size, detail, box), 0.61)];
}

export function everything(view, size) {
  return view.shapes
    .map((shape, at) =>
      answer(
        maskOf(size, (x, y) => depthIn(shape, x, y) > 0, boxOf(shape)),
        0.96 - 0.09 * at,
      ),
    )
    .concat(
      answer(
        maskOf(size, (x, y) => y < size.height * 0.18 && x < size.width * 0.4),
        0.52,
      ),
    );
}

export function truth(view, size) {
  return view.shapes.map((shape) => maskOf(size, (x, y) => depthIn(shape, x, y) > 0, boxOf(shape)));
}

function answer(mask, iou) {
  return { mask, predicted_iou: iou, area: area(mask) };
}

function middle(box) {
  return { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2 };
}

function reach(hit, spots, near, previous) {
  const boxes = hit.map(boxOf);
  for (const { x, y } of spots) boxes.push([x - 1.5 * near, y - 1.5 * near, x + 1.5 * near, y + 1.5 * near]);
  if (previous !== null)
    boxes.push([previous.x, previous.y, previous.x + previous.width, previous.y + previous.height]);
  return [0, 1]
    .map((k) => Math.min(...boxes.map((box) => box[k])))
    .concat([2, 3].map((k) => Math.max(...boxes.map((box) => box[k]))));
}

function lookup(mask) {
  const set = new Uint8Array(mask.width * mask.height);
  let at = 0;
  mask.runs.forEach((run, k) => {
    if (k % 2 === 1) set.fill(1, at, at + run);
    at += run;
  });
  return (x, y) => {
    const column = Math.floor(x) - mask.x;
    const row = Math.floor(y) - mask.y;
    return column >= 0 && row >= 0 && column < mask.width && row < mask.height && set[row * mask.width + column] === 1;
  };
}
