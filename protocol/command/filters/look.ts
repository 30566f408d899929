/** Filters of pictures that change how they look: sharpness, blur, noise, text. */
import { expression } from "../expression.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import {
  boolean,
  color,
  decimal,
  either,
  harmlessText,
  int,
  oneOf,
  rate,
  word,
} from "../values.ts";
import { type FilterSpec, sameFor, timed, video } from "./define.ts";
import { mask, place, seconds, signedUnit, unit } from "./types.ts";

const radius = expression({ names: ["w", "h", "cw", "ch", "hsub", "vsub"] });

/** drawtext's own variables (ffmpeg-filters(1)). */
const textPlace = expression({
  names: [
    ...["dar", "hsub", "vsub", "line_h", "lh", "main_h", "h", "H", "main_w", "w", "W"],
    ...["max_glyph_a", "ascent", "max_glyph_d", "descent", "max_glyph_h", "max_glyph_w"],
    ...["n", "sar", "t", "text_h", "th", "text_w", "tw", "x", "y"],
  ],
});

/** Text to draw; of drawtext's `%{...}` only frame numbers and times, which say nothing of the machine. */
const drawnText: ValueType = (text) => {
  const rest = text.replace(/%\{(?:n|frame_num|pts|pts:(?:hms|flt)(?::\d{1,4})?)\}/g, "");
  if (rest.includes("%")) return refuse("may have of %{...} only %{n}, %{pts} and %{pts:hms}");
  const read = harmlessText(300)(rest);
  return read.status === "refused" ? read : ok(text);
};

export const lookFilters: Readonly<Record<string, FilterSpec>> = {
  unsharp: timed(
    video({
      params: {
        luma_msize_x: int(3, 23),
        luma_msize_y: int(3, 23),
        luma_amount: decimal(-2, 5),
        chroma_msize_x: int(3, 23),
        chroma_msize_y: int(3, 23),
        chroma_amount: decimal(-2, 5),
      },
      aliases: {
        lx: "luma_msize_x",
        ly: "luma_msize_y",
        la: "luma_amount",
        cx: "chroma_msize_x",
        cy: "chroma_msize_y",
        ca: "chroma_amount",
      },
    }),
  ),
  cas: timed(video({ params: { strength: unit, planes: mask } })),
  gblur: timed(
    video({
      params: {
        sigma: decimal(0, 1024),
        steps: int(1, 6),
        planes: mask,
        sigmaV: decimal(-1, 1024),
      },
    }),
  ),
  boxblur: timed(
    video({
      params: {
        luma_radius: radius,
        luma_power: int(0, 20),
        chroma_radius: radius,
        chroma_power: int(0, 20),
        alpha_radius: radius,
        alpha_power: int(0, 20),
      },
      aliases: {
        lr: "luma_radius",
        lp: "luma_power",
        cr: "chroma_radius",
        cp: "chroma_power",
        ar: "alpha_radius",
        ap: "alpha_power",
      },
    }),
  ),
  avgblur: timed(video({ params: { sizeX: int(1, 1024), planes: mask, sizeY: int(0, 1024) } })),
  dblur: timed(
    video({ params: { angle: decimal(0, 360), radius: decimal(1, 8192), planes: mask } }),
  ),
  normalize: timed(
    video({
      params: {
        blackpt: color,
        whitept: color,
        smoothing: int(0, 10_000),
        independence: decimal(0, 1),
        strength: decimal(0, 1),
      },
    }),
  ),
  histeq: timed(
    video({
      params: {
        strength: decimal(0, 1),
        intensity: decimal(0, 1),
        antibanding: oneOf("none", "weak", "strong"),
      },
    }),
  ),
  shuffleplanes: timed(video({ params: sameFor(["map0", "map1", "map2", "map3"], int(0, 3)) })),
  smartblur: timed(
    video({
      params: {
        luma_radius: decimal(0.1, 5),
        luma_strength: signedUnit,
        luma_threshold: decimal(-30, 30),
      },
      aliases: { lr: "luma_radius", ls: "luma_strength", lt: "luma_threshold" },
    }),
  ),
  sobel: timed(
    video({ params: { planes: mask, scale: decimal(0, 65_535), delta: decimal(-65_535, 65_535) } }),
  ),
  edgedetect: timed(
    video({
      params: { high: unit, low: unit, mode: oneOf("wires", "colormix", "canny"), planes: mask },
    }),
  ),
  hqdn3d: timed(
    video({
      params: {
        luma_spatial: decimal(0, 255),
        chroma_spatial: decimal(0, 255),
        luma_tmp: decimal(0, 255),
        chroma_tmp: decimal(0, 255),
      },
    }),
  ),
  nlmeans: timed(
    video({
      params: { s: decimal(1, 30), p: int(0, 99), pc: int(0, 99), r: int(0, 99), rc: int(0, 99) },
    }),
  ),
  atadenoise: timed(
    video({
      params: {
        ...sameFor(["0a", "0b", "1a", "1b", "2a", "2b"], decimal(0, 5)),
        s: int(5, 129),
        p: mask,
      },
    }),
  ),
  vaguedenoiser: timed(
    video({
      params: {
        threshold: decimal(0, 1000),
        method: oneOf("hard", "soft", "garrote"),
        nsteps: int(1, 32),
        percent: decimal(0, 100),
      },
    }),
  ),
  bm3d: timed(video({ params: { sigma: decimal(0, 1000), block: int(8, 64), bstep: int(1, 64) } })),
  median: timed(video({ params: { radius: int(1, 127), planes: mask } })),
  bilateral: timed(video({ params: { sigmaS: decimal(0, 512), sigmaR: unit, planes: mask } })),
  removegrain: timed(video({ params: sameFor(["m0", "m1", "m2", "m3"], int(0, 24)) })),
  deband: timed(
    video({
      params: {
        ...sameFor(["1thr", "2thr", "3thr", "4thr"], decimal(0.00003, 0.5)),
        range: int(-512, 512),
        direction: decimal(-7, 7),
        blur: boolean,
        coupling: boolean,
      },
      aliases: { r: "range", d: "direction", b: "blur", c: "coupling" },
    }),
  ),
  gradfun: timed(video({ params: { strength: decimal(0.51, 64), radius: int(4, 32) } })),
  deblock: timed(
    video({
      params: { filter: oneOf("weak", "strong"), block: int(4, 512), alpha: unit, beta: unit },
    }),
  ),
  deflicker: video({
    params: { size: int(2, 129), mode: oneOf("am", "gm", "hm", "qm", "cm", "pm", "median") },
    aliases: { s: "size", m: "mode" },
  }),
  dejudder: video({ params: { cycle: int(2, 240) } }),
  noise: timed(
    video({
      params: {
        all_seed: int(0, 2 ** 31 - 1),
        all_strength: int(0, 100),
        all_flags: word(/^[atpu](?:\+[atpu]){0,3}$/, "flags from a, t, p, u"),
        c0_strength: int(0, 100),
        c0_flags: word(/^[atpu](?:\+[atpu]){0,3}$/, "flags from a, t, p, u"),
      },
      aliases: { alls: "all_strength", allf: "all_flags", c0s: "c0_strength", c0f: "c0_flags" },
    }),
  ),
  vignette: timed(
    video({
      params: {
        angle: expression({ names: ["w", "h", "n", "pts", "r", "t", "tb"] }),
        x0: expression({ names: ["w", "h", "n", "pts", "r", "t", "tb"] }),
        y0: expression({ names: ["w", "h", "n", "pts", "r", "t", "tb"] }),
        mode: oneOf("forward", "backward"),
        eval: oneOf("init", "frame"),
        dither: boolean,
      },
      aliases: { a: "angle" },
    }),
  ),
  lenscorrection: timed(
    video({
      params: {
        cx: unit,
        cy: unit,
        k1: signedUnit,
        k2: signedUnit,
        i: oneOf("nearest", "bilinear"),
      },
    }),
  ),
  tmix: timed(
    video({
      params: {
        frames: int(1, 128),
        weights: word(/^-?\d{1,4}(?:\.\d{1,4})?(?: -?\d{1,4}(?:\.\d{1,4})?){0,127}$/, "numbers"),
        scale: decimal(0, 32_767),
      },
    }),
  ),
  tblend: timed(
    video({
      params: {
        all_mode: oneOf(
          "normal",
          "average",
          "difference",
          "addition",
          "multiply",
          "screen",
          "lighten",
          "darken",
          "grainextract",
          "grainmerge",
          "overlay",
          "xor",
          "phoenix",
        ),
        all_opacity: unit,
      },
    }),
  ),
  lagfun: timed(video({ params: { decay: unit, planes: mask } })),
  drawtext: timed(
    video({
      params: {
        text: drawnText,
        font: word(/^[A-Za-z0-9 -]{1,64}$/, "the name of a font"),
        fontsize: textPlace,
        fontcolor: color,
        alpha: textPlace,
        x: textPlace,
        y: textPlace,
        box: boolean,
        boxcolor: color,
        boxborderw: int(0, 1000),
        borderw: int(0, 1000),
        bordercolor: color,
        shadowx: int(-1000, 1000),
        shadowy: int(-1000, 1000),
        shadowcolor: color,
        line_spacing: int(-1000, 1000),
        fix_bounds: boolean,
        start_number: int(0, 1e9),
        rate: rate(1, 240),
      },
      order: [],
      aliases: { r: "rate" },
    }),
  ),
  pixelize: timed(
    video({
      params: {
        width: int(1, 1024),
        height: int(1, 1024),
        mode: oneOf("avg", "min", "max"),
        planes: mask,
      },
    }),
  ),
  drawbox: timed(
    video({
      params: {
        x: place,
        y: place,
        width: place,
        height: place,
        color: either("must be a colour or invert", color, oneOf("invert")),
        thickness: either("must be a number or fill", oneOf("fill", "max"), place),
        replace: boolean,
      },
      aliases: { w: "width", h: "height", c: "color", t: "thickness" },
    }),
  ),
  drawgrid: timed(
    video({
      params: {
        x: place,
        y: place,
        width: place,
        height: place,
        color: either("must be a colour or invert", color, oneOf("invert")),
        thickness: place,
        replace: boolean,
      },
      aliases: { w: "width", h: "height", c: "color", t: "thickness" },
    }),
  ),
  fade: timed(
    video({
      params: {
        type: oneOf("in", "out"),
        start_frame: int(0, 1e9),
        nb_frames: int(1, 1e9),
        alpha: boolean,
        start_time: seconds,
        duration: seconds,
        color,
      },
      aliases: {
        t: "type",
        s: "start_frame",
        n: "nb_frames",
        st: "start_time",
        d: "duration",
        c: "color",
      },
    }),
  ),
  delogo: timed(
    video({
      params: { x: place, y: place, w: place, h: place, show: boolean },
    }),
  ),
  fillborders: timed(
    video({
      params: {
        left: int(0, 4096),
        right: int(0, 4096),
        top: int(0, 4096),
        bottom: int(0, 4096),
        mode: oneOf("smear", "mirror", "fixed", "reflect", "wrap", "fade", "margins"),
        color,
      },
    }),
  ),
};
