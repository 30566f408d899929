/** Filters of pictures that change how they look: colour, sharpness, noise, text. */
import { expression } from "../expression.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import { boolean, color, decimal, harmlessText, int, oneOf, rate, word } from "../values.ts";
import { type FilterSpec, timed, video } from "./define.ts";
import { scaled } from "./geometry.ts";
import {
  colorMatrix,
  colorPrimaries,
  colorRange,
  colorTransfer,
  mask,
  pixelFormat,
  side,
  signedUnit,
  unit,
} from "./types.ts";

const moment = expression({ names: ["n", "pos", "r", "t", "b", "h", "s"] });

const radius = expression({ names: ["w", "h", "cw", "ch", "hsub", "vsub"] });

const threes = (names: readonly string[], type: ValueType) =>
  Object.fromEntries(names.map((name) => [name, type]));

const mixer = [..."rgba"].flatMap((to) => [..."rgba"].map((from) => to + from));
const balance = [..."smh"].flatMap((tone) => [..."rgb"].map((part) => part + tone));

const level = expression({
  names: ["w", "h", "val", "maxval", "minval", "negval", "clipval"],
  calls: { clip: 3, gammaval: 1, gammaval709: 1 },
});

/** Points of a curve, `0/0 0.5/0.58 1/1`. */
const curve = word(
  /^(?:[01](?:\.\d{1,6})?\/[01](?:\.\d{1,6})? ?){2,32}$/,
  "points from 0 to 1, as 0/0 0.5/0.6 1/1",
);

const pixel = expression({
  names: ["X", "Y", "W", "H", "N", "SW", "SH", "T"],
  calls: { p: 2, lum: 2, cb: 2, cr: 2, r: 2, g: 2, b: 2, alpha: 2 },
});

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
  eq: timed(
    video({
      params: {
        contrast: moment,
        brightness: moment,
        saturation: moment,
        gamma: moment,
        gamma_r: moment,
        gamma_g: moment,
        gamma_b: moment,
        gamma_weight: moment,
        eval: oneOf("init", "frame"),
      },
    }),
  ),
  hue: timed(video({ params: { h: moment, s: moment, H: moment, b: moment } })),
  huesaturation: timed(
    video({ params: { hue: decimal(-180, 180), saturation: signedUnit, intensity: signedUnit } }),
  ),
  vibrance: timed(video({ params: { intensity: decimal(-2, 2) } })),
  exposure: timed(video({ params: { exposure: decimal(-3, 3), black: signedUnit } })),
  colortemperature: timed(
    video({ params: { temperature: decimal(1000, 40_000), mix: unit, pl: unit } }),
  ),
  colorbalance: timed(video({ params: { ...threes(balance, signedUnit), pl: boolean } })),
  colorchannelmixer: timed(
    video({
      params: {
        ...threes(mixer, decimal(-2, 2)),
        pc: oneOf("none", "lum", "max", "avg", "sum", "nrm", "pwr"),
        pa: unit,
      },
    }),
  ),
  colorlevels: timed(
    video({
      params: threes(
        [..."rgba"].flatMap((part) => ["imin", "imax", "omin", "omax"].map((end) => part + end)),
        signedUnit,
      ),
    }),
  ),
  colorize: timed(
    video({ params: { hue: decimal(0, 360), saturation: unit, lightness: unit, mix: unit } }),
  ),
  monochrome: timed(
    video({ params: { cb: signedUnit, cr: signedUnit, size: decimal(0.1, 10), high: unit } }),
  ),
  curves: timed(
    video({
      params: {
        preset: oneOf(
          ...["none", "color_negative", "cross_process", "darker", "increase_contrast", "lighter"],
          ...["linear_contrast", "medium_contrast", "negative", "strong_contrast", "vintage"],
        ),
        master: curve,
        red: curve,
        green: curve,
        blue: curve,
        all: curve,
      },
      aliases: { m: "master", r: "red", g: "green", b: "blue" },
    }),
  ),
  lut: timed(video({ params: threes([..."c0 c1 c2 c3 y u v r g b a".split(" ")], level) })),
  lutyuv: timed(video({ params: threes([..."yuv", "a"], level) })),
  lutrgb: timed(video({ params: threes([..."rgba"], level) })),
  negate: timed(video({ params: { negate_alpha: boolean } })),
  geq: timed(
    video({
      params: threes([..."lum cb cr alpha red green blue".split(" ")], pixel),
      aliases: {
        ...{ lum_expr: "lum", cb_expr: "cb", cr_expr: "cr", alpha_expr: "alpha", a: "alpha" },
        ...{
          red_expr: "red",
          r: "red",
          green_expr: "green",
          g: "green",
          blue_expr: "blue",
          b: "blue",
        },
      },
    }),
  ),
  limiter: timed(video({ params: { min: int(0, 65_535), max: int(0, 65_535), planes: mask } })),
  colorkey: timed(video({ params: { color, similarity: unit, blend: unit } })),
  chromakey: timed(video({ params: { color, similarity: unit, blend: unit, yuv: boolean } })),
  colorhold: timed(video({ params: { color, similarity: unit, blend: unit } })),
  lumakey: timed(video({ params: { threshold: unit, tolerance: unit, softness: unit } })),
  despill: timed(
    video({ params: { type: oneOf("green", "blue"), mix: unit, expand: unit, alpha: boolean } }),
  ),
  swapuv: timed(video()),
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
  smartblur: timed(
    video({
      params: {
        luma_radius: decimal(0.1, 5),
        luma_strength: signedUnit,
        luma_threshold: int(-30, 30),
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
        ...threes(["0a", "0b", "1a", "1b", "2a", "2b"], decimal(0, 5)),
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
  removegrain: timed(video({ params: threes(["m0", "m1", "m2", "m3"], int(0, 24)) })),
  deband: timed(
    video({
      params: {
        ...threes(["1thr", "2thr", "3thr", "4thr"], decimal(0.00003, 0.5)),
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
  tonemap: video({
    params: {
      tonemap: oneOf("none", "linear", "gamma", "clip", "reinhard", "hable", "mobius"),
      param: decimal(0, 100),
      desat: decimal(0, 100),
      peak: decimal(0, 100_000),
    },
  }),
  zscale: video({
    params: {
      w: side,
      h: side,
      dither: oneOf("none", "ordered", "random", "error_diffusion"),
      filter: oneOf("point", "bilinear", "bicubic", "spline16", "spline36", "lanczos"),
      range: colorRange,
      primaries: colorPrimaries,
      transfer: colorTransfer,
      matrix: colorMatrix,
      rangein: colorRange,
      primariesin: colorPrimaries,
      transferin: colorTransfer,
      matrixin: colorMatrix,
      npl: decimal(0, 10_000),
    },
    aliases: {
      ...{ width: "w", height: "h", d: "dither", f: "filter", r: "range", p: "primaries" },
      ...{
        t: "transfer",
        m: "matrix",
        rin: "rangein",
        pin: "primariesin",
        tin: "transferin",
        min: "matrixin",
      },
    },
    size: scaled,
  }),
  colorspace: timed(
    video({
      params: {
        all: oneOf(
          "bt470m",
          "bt470bg",
          "bt601-6-525",
          "bt601-6-625",
          "bt709",
          "smpte170m",
          "smpte240m",
          "bt2020",
        ),
        space: colorMatrix,
        range: colorRange,
        primaries: colorPrimaries,
        trc: colorTransfer,
        format: pixelFormat,
        fast: boolean,
        dither: oneOf("none", "fsb"),
        iall: oneOf(
          "bt470m",
          "bt470bg",
          "bt601-6-525",
          "bt601-6-625",
          "bt709",
          "smpte170m",
          "smpte240m",
          "bt2020",
        ),
        ispace: colorMatrix,
        irange: colorRange,
        iprimaries: colorPrimaries,
        itrc: colorTransfer,
      },
    }),
  ),
  colormatrix: timed(
    video({
      params: {
        src: oneOf("bt709", "fcc", "bt601", "bt470", "bt470bg", "smpte170m", "smpte240m", "bt2020"),
        dst: oneOf("bt709", "fcc", "bt601", "bt470", "bt470bg", "smpte170m", "smpte240m", "bt2020"),
      },
    }),
  ),
  palettegen: video({
    params: {
      max_colors: int(2, 256),
      reserve_transparent: boolean,
      transparency_color: color,
      stats_mode: oneOf("full", "diff", "single"),
    },
    waitsForEnd: true,
    size: () => ({ width: 16, height: 16, aspect: 1 }),
  }),
  elbg: video({ params: { codebook_length: int(1, 256), nb_steps: int(1, 10), pal8: boolean } }),
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
};
