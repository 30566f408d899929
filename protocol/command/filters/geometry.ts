/** What filters do to the size of pictures, as ffmpeg reckons it. Pure. */
import { evaluate } from "../evaluate.ts";
import { parseExpression } from "../expression.ts";
import { ratioOf } from "../values.ts";
import { type FrameSize, number, type Params, param } from "./define.ts";

/** Names that sizes are reckoned with (ffmpeg-filters(1): scale, crop, pad, rotate). */
export const SIZE_NAMES = [
  ...["in_w", "iw", "in_h", "ih", "out_w", "ow", "out_h", "oh"],
  ...["a", "sar", "dar", "hsub", "vsub", "ohsub", "ovsub"],
];

/** Beside them, of the pictures that `scale2ref` scales; the others are those of its second input. */
export const MAIN_NAMES = ["main_w", "main_h", "main_a", "main_sar", "main_dar", "mdar"];

/** @param main of the pictures that are scaled where `frame` is the one that they are scaled by. */
function reckon(
  text: string,
  frame: FrameSize,
  ow: number,
  oh: number,
  main: FrameSize = frame,
): number {
  const names = [...SIZE_NAMES, ...MAIN_NAMES];
  const read = parseExpression(text, { names, calls: { rotw: 1, roth: 1 } });
  if (read.status === "refused") return Number.NaN;
  const [mainA, mainSar] = [main.width / main.height, main.aspect];
  const { width: iw, height: ih, aspect: sar } = frame;
  const values = { iw, in_w: iw, ih, in_h: ih, ow, out_w: ow, oh, out_h: oh };
  return evaluate(read.value, {
    ...values,
    a: iw / ih,
    sar,
    dar: (iw / ih) * sar,
    ...{ main_w: main.width, main_h: main.height, main_a: mainA, main_sar: mainSar },
    ...{ main_dar: mainA * mainSar, mdar: mainA * mainSar },
    hsub: 2,
    vsub: 2,
  });
}

/** Width and height that may refer to each other, in the order that ffmpeg reckons them. */
function pair(
  frame: FrameSize,
  w: string,
  h: string,
  main: FrameSize = frame,
): readonly [number, number] {
  const first = reckon(w, frame, Number.NaN, Number.NaN, main);
  const height = reckon(h, frame, Math.trunc(first), Number.NaN, main);
  const width = reckon(w, frame, Number.NaN, Math.trunc(height), main);
  return [
    Math.trunc(width),
    Math.trunc(Number.isNaN(height) ? reckon(h, frame, width, 0, main) : height),
  ];
}

function frameOf(width: number, height: number, aspect: number): FrameSize | null {
  return Number.isInteger(width) && Number.isInteger(height) ? { width, height, aspect } : null;
}

/** What a side becomes that is told as 0 (as it was) or −n (in proportion, a multiple of n). */
function automatic(side: number, own: number, other: number, ownIn: number, otherIn: number) {
  if (side > 0) return side;
  if (side === 0 || otherIn === 0) return own;
  const step = -side;
  return Math.round((other * ownIn) / (otherIn * step)) * step;
}

export function scaled(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const [sizeW, sizeH] = (params.get("s") ?? "").split("x");
  const w = sizeW || param(params, "w", "iw");
  const h = sizeH || param(params, "h", "ih");
  const [givenW, givenH] = pair(frame, w, h);
  const bothAutomatic = givenW < 0 && givenH < 0;
  const plainW = bothAutomatic || givenW === 0 ? frame.width : givenW;
  const plainH = bothAutomatic || givenH === 0 ? frame.height : givenH;
  let width = automatic(plainW, frame.width, plainH, frame.width, frame.height);
  let height = automatic(plainH, frame.height, plainW, frame.height, frame.width);
  const mode = param(params, "force_original_aspect_ratio", "disable");
  if (mode !== "disable") {
    const step = number(params, "force_divisible_by", 1);
    const [fitW, fitH] = [
      Math.round((height * frame.width) / frame.height),
      Math.round((width * frame.height) / frame.width),
    ];
    const choose = mode === "decrease" ? Math.min : Math.max;
    const snap = mode === "decrease" ? Math.floor : Math.ceil;
    width = snap(choose(fitW, width) / step) * step;
    height = snap(choose(fitH, height) / step) * step;
  }
  const aspect = (frame.aspect * frame.width * height) / (width * frame.height);
  return frameOf(width, height, aspect);
}

/** `scale2ref` as ffmpeg 5.1 reckons it: sides by the second input's, what is in proportion by the first's own. */
export function scaledByOther(
  params: Params,
  [main, other]: readonly (FrameSize | null)[],
): readonly (FrameSize | null)[] {
  if (!main || !other) return [null, other ?? null];
  const [w, h] = pair(other, param(params, "w", "iw"), param(params, "h", "ih"), main);
  const both = w < 0 && h < 0;
  const plainW = both || w === 0 ? other.width : w;
  const plainH = both || h === 0 ? other.height : h;
  const width = automatic(plainW, main.width, plainH, main.width, main.height);
  const height = automatic(plainH, main.height, plainW, main.height, main.width);
  const aspect = (main.aspect * main.width * height) / (width * main.height);
  return [frameOf(width, height, aspect), other];
}

export function cropped(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const [w, h] = pair(frame, param(params, "w", "iw"), param(params, "h", "ih"));
  // Not `exact`, crop rounds down to whole chroma samples: what is promised of it is left open.
  return frameOf(Math.min(w, frame.width), Math.min(h, frame.height), frame.aspect);
}

export function padded(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const [w, h] = pair(frame, param(params, "w", "iw"), param(params, "h", "ih"));
  const [width, height] = [w === 0 ? frame.width : w, h === 0 ? frame.height : h];
  const shape = (ratioOf(param(params, "aspect", "0")) ?? 0) / frame.aspect;
  if (shape === 0) return frameOf(width, height, frame.aspect);
  return width < height * shape
    ? frameOf(Math.round(height * shape), height, frame.aspect)
    : frameOf(width, Math.round(width / shape), frame.aspect);
}

export function rotated(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const diagonal = Math.ceil(Math.hypot(frame.width, frame.height));
  const side = (name: string, fallback: string) => {
    const value = Math.trunc(reckon(param(params, name, fallback), frame, Number.NaN, Number.NaN));
    // rotw() and roth() are at most the diagonal.
    return Number.isNaN(value) && /rot[wh]\(/.test(param(params, name, fallback))
      ? diagonal
      : value;
  };
  return frameOf(side("ow", "iw"), side("oh", "ih"), frame.aspect);
}

export function turned(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const kept = param(params, "passthrough", "none");
  const isKept =
    (kept === "landscape" && frame.width >= frame.height) ||
    (kept === "portrait" && frame.width <= frame.height);
  if (isKept) return frame;
  return { width: frame.height, height: frame.width, aspect: 1 / frame.aspect };
}

/** A size in pixels told by a parameter. */
export function told(name: string, fallback: string) {
  return (params: Params): FrameSize | null => {
    const [width, height] = param(params, name, fallback).split("x").map(Number);
    return frameOf(width ?? Number.NaN, height ?? Number.NaN, 1);
  };
}

export function tiled(params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null {
  if (frame === null || frame === undefined) return null;
  const [columns = 6, rows = 5] = param(params, "layout", "6x5").split("x").map(Number);
  const margin = 2 * number(params, "margin", 0);
  const padding = number(params, "padding", 0);
  return frameOf(
    columns * frame.width + (columns - 1) * padding + margin,
    rows * frame.height + (rows - 1) * padding + margin,
    frame.aspect,
  );
}

/** `hstack` adds up widths, `vstack` heights. */
export function stacked(direction: "width" | "height") {
  return (_params: Params, frames: readonly (FrameSize | null)[]): FrameSize | null => {
    const [first] = frames;
    if (first === null || first === undefined) return null;
    let sum = 0;
    for (const frame of frames) {
      if (frame === null) return null;
      sum += frame[direction];
    }
    return { ...first, [direction]: sum };
  };
}

/** `xstack`: at most every picture beside and below every other. */
export function arranged(_params: Params, frames: readonly (FrameSize | null)[]): FrameSize | null {
  let [width, height] = [0, 0];
  for (const frame of frames) {
    if (frame === null) return null;
    width += frame.width;
    height += frame.height;
  }
  const grid = _params.get("grid");
  const [first] = frames;
  if (grid !== undefined && first) {
    const [columns = 1, rows = 1] = grid.split("x").map(Number);
    return { width: columns * first.width, height: rows * first.height, aspect: first.aspect };
  }
  return layoutSize(_params.get("layout") ?? "0_0|w0_0", frames) ?? { width, height, aspect: 1 };
}

/** Each place is `x_y`, both sums of numbers and of `wN`, `hN`. */
function layoutSize(layout: string, frames: readonly (FrameSize | null)[]): FrameSize | null {
  let [width, height] = [0, 0];
  for (const [index, place] of layout.split("|").entries()) {
    const frame = frames[index];
    const [x, y] = place.split("_").map((sum) => offset(sum, frames));
    if (frame === undefined || frame === null || x === undefined || y === undefined) return null;
    width = Math.max(width, x + frame.width);
    height = Math.max(height, y + frame.height);
  }
  return frameOf(width, height, 1);
}

function offset(sum: string, frames: readonly (FrameSize | null)[]): number {
  let total = 0;
  for (const term of sum.split("+")) {
    const side = /^([wh])(\d+)$/.exec(term);
    const frame = side === null ? null : frames[Number(side[2])];
    total += frame ? (side?.[1] === "w" ? frame.width : frame.height) : Number(term);
  }
  return total;
}

/** `setsar` and `setdar` change the shape of pixels, not their number. */
export function reshaped(kind: "pixel" | "picture", name: string) {
  return (params: Params, [frame]: readonly (FrameSize | null)[]): FrameSize | null => {
    if (frame === null || frame === undefined) return null;
    const value = ratioOf(param(params, name, "1"));
    if (value === null || value === 0) return { ...frame, aspect: 1 };
    const aspect = kind === "pixel" ? value : (value * frame.height) / frame.width;
    return { ...frame, aspect };
  };
}
