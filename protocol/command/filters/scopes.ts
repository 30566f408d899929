/** Filters that make pictures of sound. */
import { boolean, decimal, MAX_RATE, oneOf, rate, size, word } from "../values.ts";
import type { FilterSpec } from "./define.ts";
import { told } from "./geometry.ts";

const spectrumColors = oneOf(
  ...["channel", "intensity", "rainbow", "moreland", "nebulae", "fire", "fiery", "fruit", "cool"],
  ...["magma", "green", "viridis", "plasma", "cividis", "terrain"],
);

const colors = word(
  /^[A-Za-z0-9#@.]{1,40}(?:\|[A-Za-z0-9#@.]{1,40}){0,15}$/,
  "colours parted by |",
);

export const scopeFilters: Readonly<Record<string, FilterSpec>> = {
  showwaves: {
    params: {
      size,
      mode: oneOf("point", "line", "p2p", "cline"),
      rate: rate(1, MAX_RATE),
      split_channels: boolean,
      colors,
      scale: oneOf("lin", "log", "sqrt", "cbrt"),
      draw: oneOf("scale", "full"),
    },
    aliases: { s: "size", r: "rate" },
    order: ["size"],
    inputs: () => ["audio"],
    outputs: () => ["video"],
    size: told("size", "600x240"),
  },
  avectorscope: {
    params: {
      mode: oneOf("lissajous", "lissajous_xy", "polar"),
      rate: rate(1, MAX_RATE),
      size,
      zoom: decimal(0, 10),
      draw: oneOf("dot", "line"),
      scale: oneOf("lin", "sqrt", "cbrt", "log"),
    },
    aliases: { m: "mode", r: "rate", s: "size" },
    order: ["mode"],
    inputs: () => ["audio"],
    outputs: () => ["video"],
    size: told("size", "400x400"),
  },
  showwavespic: {
    params: {
      size,
      split_channels: boolean,
      colors,
      scale: oneOf("lin", "log", "sqrt", "cbrt"),
      draw: oneOf("scale", "full"),
      filter: oneOf("average", "peak"),
    },
    aliases: { s: "size" },
    order: ["size"],
    inputs: () => ["audio"],
    outputs: () => ["video"],
    size: told("size", "600x240"),
    waitsForEnd: true,
  },
  showspectrumpic: {
    params: {
      size,
      mode: oneOf("combined", "separate"),
      color: spectrumColors,
      scale: oneOf("lin", "sqrt", "cbrt", "log", "4thrt", "5thrt"),
      // Its legend adds to the size by the font's: without it the size is the one told.
      legend: oneOf("0"),
    },
    aliases: { s: "size" },
    order: ["size"],
    inputs: () => ["audio"],
    outputs: () => ["video"],
    check: (params) => (params.has("legend") ? null : "needs legend=0"),
    size: told("size", "4096x2048"),
    waitsForEnd: true,
  },
};
