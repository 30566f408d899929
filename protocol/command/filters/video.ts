/** Filters of pictures that set size, place, time and form. */
import { expression } from "../expression.ts";
import { ok, type Read, refuse, type ValueType } from "../read.ts";
import {
  boolean,
  color,
  decimal,
  either,
  int,
  listOf,
  MAX_RATE,
  oneOf,
  rate,
  ratio,
  size,
  time,
} from "../values.ts";
import { type FilterSpec, number, param, sameFor, timed, video } from "./define.ts";
import {
  cropped,
  padded,
  reshaped,
  rotated,
  SIZE_NAMES,
  scaled,
  tiled,
  told,
  turned,
} from "./geometry.ts";
import {
  bit,
  colorMatrix,
  colorPrimaries,
  colorRange,
  colorTransfer,
  pixelFormat,
  pixels,
  place,
  scalerFlags,
  seconds,
  side,
} from "./types.ts";

/** Longest hold, loop or wait that a filter may add, in seconds and in frames. */
const MAX_ADDED_SECONDS = 3600;
const MAX_ADDED_FRAMES = 10_000;
/** Frames that a filter may keep in memory. */
const MAX_KEPT_FRAMES = 250;
/** Those of `thumbnail`: at 1920 × 1080 about 1.5 GB, which the limit of memory may still refuse. */
const MAX_COMPARED_FRAMES = 500;

const timing = expression({
  names: [
    ...["FRAME_RATE", "FR", "INTERLACED", "N", "NB_CONSUMED_SAMPLES", "NB_SAMPLES", "S"],
    ...["PREV_INPTS", "PREV_INT", "PREV_OUTPTS", "PREV_OUTT", "PTS", "SAMPLE_RATE", "SR"],
    ...["STARTPTS", "STARTT", "T", "TB"],
  ],
});

const selection = expression({
  names: [
    ...["n", "selected_n", "prev_selected_n", "TB", "pts", "t", "prev_pts", "prev_selected_pts"],
    ...["prev_selected_t", "start_pts", "start_t", "pict_type", "I", "P", "B", "S", "SI", "SP"],
    ...["BI", "PICT_TYPE_I", "PICT_TYPE_P", "PICT_TYPE_B", "interlace_type", "PROGRESSIVE"],
    ...["TOPFIRST", "BOTTOMFIRST", "key", "pos", "scene", "concatdec_select"],
    ...["consumed_samples_n", "samples_n", "sample_rate"],
  ],
});

/** A number of frames or −1 for no end. */
const heldFrames = int(-1, MAX_ADDED_FRAMES);

export const setpts = { params: { expr: timing } };
export const select = { params: { expr: selection }, aliases: { e: "expr" } };
export const trimParams = {
  start: seconds,
  end: seconds,
  duration: seconds,
  start_pts: int(-1e15, 1e15),
  end_pts: int(-1e15, 1e15),
};

const deinterlace = {
  mode: oneOf(
    "send_frame",
    "send_field",
    "send_frame_nospatial",
    "send_field_nospatial",
    "0",
    "1",
    "2",
    "3",
  ),
  parity: oneOf("tff", "bff", "auto", "0", "1", "-1"),
  deint: oneOf("all", "interlaced", "0", "1"),
};

/** d of zoompan: frames that each input frame becomes; only numbers and their products. */
const zoomedFrames = (text: string) => {
  const factors = text.replace(/\s/g, "").split("*");
  const product = factors.reduce(
    (sum, factor) => sum * (/^\d{1,4}$/.test(factor) ? Number(factor) : Number.NaN),
    1,
  );
  return product >= 1 && product <= 3000
    ? ok(String(product))
    : refuse("must be a number from 1 to 3000");
};

/** Field by field ffmpeg 5.1 writes beyond the end of pictures whose height 4 does not divide. */
const wholeFrames: ValueType = (text) =>
  text === "0" ? ok(text) : refuse("must be 0: deinterlace before (bwdif, yadif)");

const zoomPlace = expression({
  names: [
    ...["in_w", "iw", "in_h", "ih", "out_w", "ow", "out_h", "oh", "in", "on", "in_time", "it"],
    ...["out_time", "time", "ot", "x", "y", "px", "py", "zoom", "pzoom", "duration", "pduration"],
    ...["a", "sar", "dar", "hsub", "vsub"],
  ],
});

const corner = expression({ names: ["W", "H", "in", "on"] });

const tileLayout = (text: string) => {
  const match = /^(\d{1,3})x(\d{1,3})$/.exec(text);
  const [columns, rows] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  return columns >= 1 && rows >= 1 && columns * rows <= 1024
    ? ok(`${columns}x${rows}`)
    : refuse("must be columns x rows, as 5x5, of at most 1024 tiles");
};

export const videoFilters: Readonly<Record<string, FilterSpec>> = {
  null: video(),
  copy: video(),
  scale: video({
    params: {
      w: sideOrSize,
      h: side,
      s: size,
      flags: scalerFlags,
      interl: wholeFrames,
      in_color_matrix: colorMatrix,
      out_color_matrix: colorMatrix,
      in_range: colorRange,
      out_range: colorRange,
      force_original_aspect_ratio: oneOf("disable", "decrease", "increase", "0", "1", "2"),
      force_divisible_by: int(1, 256),
      eval: oneOf("init"),
    },
    aliases: { width: "w", height: "h", size: "s" },
    order: ["w", "h", "flags"],
    check: (params) => {
      const isSize = /^\d+x\d+$/.test(param(params, "w", ""));
      if (isSize && (params.has("h") || params.has("s"))) return "has both a size and a side";
      return params.has("s") && (params.has("w") || params.has("h"))
        ? "has both a size and a side"
        : null;
    },
    size: (params, frames) => {
      const w = params.get("w") ?? "";
      const sized = /^\d+x\d+$/.test(w) ? new Map([...params, ["s", w]]) : params;
      const mode = { "0": "disable", "1": "decrease", "2": "increase" };
      const given = param(params, "force_original_aspect_ratio", "0");
      const named = mode[given as keyof typeof mode] ?? given;
      return scaled(new Map([...sized, ["force_original_aspect_ratio", named]]), frames);
    },
  }),
  crop: video({
    params: { w: side, h: side, x: place, y: place, keep_aspect: boolean, exact: boolean },
    aliases: { out_w: "w", out_h: "h" },
    size: cropped,
  }),
  pad: video({
    params: {
      ...{ w: side, h: side, x: place, y: place, color, eval: oneOf("init") },
      aspect: ratio(0.1, 10),
    },
    aliases: { width: "w", height: "h" },
    order: ["w", "h", "x", "y", "color", "eval", "aspect"],
    size: padded,
  }),
  rotate: timed(
    video({
      params: {
        angle: place,
        ow: rotatedSide,
        oh: rotatedSide,
        fillcolor: either("must be a colour or none", color, oneOf("none")),
        bilinear: boolean,
      },
      aliases: { a: "angle", out_w: "ow", out_h: "oh", c: "fillcolor" },
      size: rotated,
    }),
  ),
  transpose: video({
    params: {
      dir: oneOf("0", "1", "2", "3", "cclock_flip", "clock", "cclock", "clock_flip"),
      passthrough: oneOf("none", "landscape", "portrait", "0"),
    },
    size: turned,
  }),
  perspective: timed(
    video({
      params: {
        ...sameFor(["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"], corner),
        interpolation: oneOf("linear", "cubic"),
        sense: oneOf("source", "destination"),
        eval: oneOf("init", "frame"),
      },
    }),
  ),
  interlace: video({
    params: {
      scan: oneOf("tff", "bff"),
      lowpass: oneOf("off", "linear", "complex", "0", "1", "2"),
    },
  }),
  hflip: timed(video()),
  vflip: timed(video()),
  fps: video({
    params: {
      fps: rate(1 / 3600, MAX_RATE),
      start_time: time(0, MAX_ADDED_SECONDS),
      round: oneOf("zero", "inf", "down", "up", "near"),
      eof_action: oneOf("round", "pass"),
    },
  }),
  framerate: video({
    params: {
      fps: rate(1, MAX_RATE),
      interp_start: int(0, 255),
      interp_end: int(0, 255),
      scene: decimal(0, 100),
    },
  }),
  framestep: video({ params: { step: int(1, 100_000) } }),
  minterpolate: video({
    params: {
      fps: rate(1, MAX_RATE),
      mi_mode: oneOf("dup", "blend", "mci"),
      mc_mode: oneOf("obmc", "aobmc"),
      me_mode: oneOf("bidir", "bilat"),
      me: oneOf("esa", "tss", "tdls", "ntss", "fss", "ds", "hexbs", "epzs", "umh"),
      mb_size: int(4, 16),
      search_param: int(4, 64),
      vsbmc: bit,
      scd: oneOf("none", "fdiff"),
      scd_threshold: decimal(0, 100),
    },
  }),
  setpts: video(setpts),
  settb: video({ params: { expr: oneOf("AVTB", "intb", "1/1000", "1/90000", "1/25", "1/30") } }),
  select: video(select),
  trim: video({
    params: { ...trimParams, start_frame: int(0, 1e12), end_frame: int(0, 1e12) },
    aliases: { starti: "start", endi: "end", durationi: "duration" },
    endless: (params, [endless = false]) =>
      endless && !["end", "duration", "end_frame", "end_pts"].some((name) => params.has(name)),
  }),
  format: video({ params: { pix_fmts: listOf(pixelFormat, "|", 20) } }),
  noformat: video({ params: { pix_fmts: listOf(pixelFormat, "|", 20) } }),
  setsar: video({
    params: { sar: ratio(0, 100), max: int(1, 10_000) },
    aliases: { ratio: "sar", r: "sar" },
    size: reshaped("pixel", "sar"),
  }),
  setdar: video({
    params: { dar: ratio(0, 100), max: int(1, 10_000) },
    aliases: { ratio: "dar", r: "dar" },
    size: reshaped("picture", "dar"),
  }),
  setfield: video({ params: { mode: oneOf("auto", "bff", "tff", "prog") } }),
  fieldorder: video({ params: { order: oneOf("bff", "tff") } }),
  setparams: video({
    params: {
      field_mode: oneOf("auto", "bff", "tff", "prog"),
      range: colorRange,
      color_primaries: colorPrimaries,
      color_trc: colorTransfer,
      colorspace: colorMatrix,
    },
  }),
  yadif: timed(video({ params: deinterlace })),
  bwdif: timed(video({ params: deinterlace })),
  kerndeint: video({
    params: { thresh: int(0, 255), map: boolean, order: boolean, sharp: boolean, twoway: boolean },
  }),
  w3fdif: timed(
    video({
      params: {
        filter: oneOf("simple", "complex"),
        parity: deinterlace.parity,
        deint: deinterlace.deint,
      },
    }),
  ),
  pullup: video({
    params: { jl: int(0, 1000), jr: int(0, 1000), jt: int(1, 1000), jb: int(1, 1000), sb: boolean },
  }),
  fieldmatch: video({
    params: {
      order: oneOf("auto", "bff", "tff"),
      mode: oneOf("pc", "pc_n", "pc_u", "pc_n_ub", "pcn", "pcn_ub"),
      field: oneOf("auto", "bottom", "top"),
      mchroma: boolean,
      scthresh: decimal(0, 100),
      combmatch: oneOf("none", "sc", "full"),
      cthresh: int(-1, 255),
      chroma: boolean,
      combpel: int(0, 100_000),
    },
    // Without names its options stand in another order, with a second input among them.
    order: [],
  }),
  decimate: video({
    params: {
      cycle: int(2, 25),
      dupthresh: decimal(0, 100),
      scthresh: decimal(0, 100),
      chroma: boolean,
    },
  }),
  mpdecimate: video({
    params: { max: int(-10_000, 10_000), hi: int(0, 1e6), lo: int(0, 1e6), frac: decimal(0, 1) },
  }),
  tile: video({
    params: {
      layout: tileLayout,
      nb_frames: int(0, 1024),
      margin: int(0, 1024),
      padding: int(0, 1024),
      color,
    },
    size: tiled,
  }),
  thumbnail: video({ params: { n: int(2, MAX_COMPARED_FRAMES) } }),
  tpad: video({
    params: {
      start: int(0, MAX_ADDED_FRAMES),
      stop: heldFrames,
      start_mode: oneOf("add", "clone"),
      stop_mode: oneOf("add", "clone"),
      start_duration: time(0, MAX_ADDED_SECONDS),
      stop_duration: either(
        "must be a time up to 3600 s, or -1",
        time(0, MAX_ADDED_SECONDS),
        oneOf("-1"),
      ),
      color,
    },
    endless: (params, [endless = false]) =>
      endless || number(params, "stop", 0) < 0 || number(params, "stop_duration", 0) < 0,
  }),
  loop: video({
    params: { loop: int(-1, 1000), size: int(0, MAX_KEPT_FRAMES), start: int(0, 1e12) },
    endless: (params, [endless = false]) => endless || number(params, "loop", 0) < 0,
  }),
  reverse: video({ waitsForEnd: true }),
  zoompan: video({
    params: {
      z: zoomPlace,
      x: zoomPlace,
      y: zoomPlace,
      d: zoomedFrames,
      s: size,
      fps: rate(1, MAX_RATE),
    },
    aliases: { zoom: "z" },
    size: told("s", "1280x720"),
  }),
  extractplanes: video({
    params: { planes: oneOf("y", "u", "v", "a", "r", "g", "b") },
  }),
  alphaextract: video(),
};

function rotatedSide(text: string): Read<string> {
  return pixels({ names: SIZE_NAMES, calls: { rotw: 1, roth: 1 } })(text);
}

/** `scale` takes a size in the place of its width. */
function sideOrSize(text: string): Read<string> {
  const read = size(text);
  return read.status === "ok" ? read : side(text);
}
