/** Filters of pictures that change their colours: balance, curves, keys, colour spaces, palettes. */
import { expression } from "../expression.ts";
import { boolean, color, decimal, int, oneOf, word } from "../values.ts";
import { type FilterSpec, sameFor, timed, video } from "./define.ts";
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

/** Names that stand for matrix, primaries and transfer together. */
const wholeColorSpace = oneOf(
  "bt470m",
  "bt470bg",
  "bt601-6-525",
  "bt601-6-625",
  "bt709",
  "smpte170m",
  "smpte240m",
  "bt2020",
);

const mixer = [..."rgba"].flatMap((to) => [..."rgba"].map((from) => to + from));
const balance = [..."smh"].flatMap((tone) => [..."rgb"].map((part) => part + tone));

const level = expression({
  names: ["w", "h", "val", "maxval", "minval", "negval", "clipval"],
  calls: { clip: 3, gammaval: 1, gammaval709: 1 },
});

const shift = int(-255, 255);
const edges = oneOf("smear", "wrap");

/** Points of a curve, `0/0 0.5/0.58 1/1`. */
const curve = word(
  /^(?:[01](?:\.\d{1,6})?|\.\d{1,6})\/(?:[01](?:\.\d{1,6})?|\.\d{1,6})(?: (?:[01](?:\.\d{1,6})?|\.\d{1,6})\/(?:[01](?:\.\d{1,6})?|\.\d{1,6})){1,31}$/,
  "points from 0 to 1, as 0/0 0.5/0.6 1/1",
);

const pixel = expression({
  names: ["X", "Y", "W", "H", "N", "SW", "SH", "T"],
  calls: { p: 2, lum: 2, cb: 2, cr: 2, r: 2, g: 2, b: 2, alpha: 2 },
});

export const colorFilters: Readonly<Record<string, FilterSpec>> = {
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
  chromashift: timed(
    video({ params: { ...sameFor(["cbh", "cbv", "crh", "crv"], shift), edge: edges } }),
  ),
  rgbashift: timed(
    video({
      params: {
        ...sameFor(["rh", "rv", "gh", "gv", "bh", "bv", "ah", "av"], shift),
        edge: edges,
      },
    }),
  ),
  vibrance: timed(video({ params: { intensity: decimal(-2, 2) } })),
  exposure: timed(video({ params: { exposure: decimal(-3, 3), black: signedUnit } })),
  colortemperature: timed(
    video({ params: { temperature: decimal(1000, 40_000), mix: unit, pl: unit } }),
  ),
  colorbalance: timed(video({ params: { ...sameFor(balance, signedUnit), pl: boolean } })),
  colorchannelmixer: timed(
    video({
      params: {
        ...sameFor(mixer, decimal(-2, 2)),
        pc: oneOf("none", "lum", "max", "avg", "sum", "nrm", "pwr"),
        pa: unit,
      },
    }),
  ),
  colorlevels: timed(
    video({
      params: sameFor(
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
  lut: timed(video({ params: sameFor([..."c0 c1 c2 c3 y u v r g b a".split(" ")], level) })),
  lutyuv: timed(video({ params: sameFor([..."yuv", "a"], level) })),
  lutrgb: timed(video({ params: sameFor([..."rgba"], level) })),
  negate: timed(video({ params: { negate_alpha: boolean } })),
  geq: timed(
    video({
      params: sameFor([..."lum cb cr alpha red green blue".split(" ")], pixel),
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
        all: wholeColorSpace,
        space: colorMatrix,
        range: colorRange,
        primaries: colorPrimaries,
        trc: colorTransfer,
        format: pixelFormat,
        fast: boolean,
        dither: oneOf("none", "fsb"),
        iall: wholeColorSpace,
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
};
