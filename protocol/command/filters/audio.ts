/** Filters of sound: one in, one out. */
import { evaluate } from "../evaluate.ts";
import { expression, parseExpression } from "../expression.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import {
  boolean,
  decimal,
  either,
  int,
  listOf,
  MAX_SECONDS,
  oneOf,
  ratio,
  time,
  word,
} from "../values.ts";
import { audio, type FilterSpec, number, timed } from "./define.ts";
import {
  channelLayout,
  gain,
  numberList,
  sampleFormat,
  sampleRate,
  seconds,
  unit,
} from "./types.ts";
import { select, setpts, trimParams } from "./video.ts";

const MAX_ADDED_SAMPLES = 700_000_000;
const MAX_ADDED_SECONDS = 3600;
/** Samples that a filter may keep in memory: over three minutes at 48 kHz. */
const MAX_KEPT_SAMPLES = 10_000_000;

/** As `44100*1.25`, which changes pitch and tempo. */
const reckonedRate: ValueType = (text) => {
  const read = parseExpression(text, { names: [] });
  if (read.status === "refused") return read;
  return sampleRate(String(Math.round(evaluate(read.value, {}))));
};

const volume = either(
  "must be a number, one with dB, or an expression of t and n",
  gain,
  expression({
    names: [
      "n",
      "nb_channels",
      "nb_consumed_samples",
      "nb_samples",
      "pos",
      "pts",
      "sample_rate",
      "startpts",
      "startt",
      "t",
      "tb",
      "volume",
    ],
  }),
);

/** `stereo|c0=FL|c1=0.5*FR+0.5*c2`: a layout, then what each channel is made of. */
const panning: ValueType = (text) => {
  const [layout = "", ...channels] = text.split("|").map((part) => part.replace(/\s/g, ""));
  const isChannel = (part: string) =>
    /^(?:c\d{1,2}|[A-Z]{1,4})[=<]/.test(part) &&
    part
      .replace(/^[^=<]*[=<][+-]?/, "")
      .split(/[+-]/)
      .every((term) => /^(?:\d{1,3}(?:\.\d{1,6})?\*)?(?:c\d{1,2}|[A-Z]{1,4})$/.test(term));
  return channelLayout(layout).status === "ok" && channels.length <= 32 && channels.every(isChannel)
    ? ok([layout, ...channels].join("|"))
    : refuse("must be a layout and its channels, as stereo|c0=FL|c1=FR");
};

const curve = word(/^[a-z0-9]{2,8}$/, "the name of a curve");

export const audioFilters: Readonly<Record<string, FilterSpec>> = {
  anull: audio(),
  volume: timed(
    audio({
      params: {
        volume,
        precision: oneOf("fixed", "float", "double"),
        eval: oneOf("once", "frame"),
        replaygain: oneOf("drop", "ignore", "track", "album"),
      },
    }),
  ),
  loudnorm: audio({
    params: {
      I: decimal(-70, -5),
      LRA: decimal(1, 50),
      TP: decimal(-9, 0),
      measured_I: decimal(-99, 0),
      measured_LRA: decimal(0, 99),
      measured_TP: decimal(-99, 99),
      measured_thresh: decimal(-99, 0),
      offset: decimal(-99, 99),
      linear: boolean,
      dual_mono: boolean,
      print_format: oneOf("none", "json", "summary"),
    },
    aliases: {
      ...{ i: "I", lra: "LRA", tp: "TP", measured_i: "measured_I", measured_lra: "measured_LRA" },
      ...{ measured_tp: "measured_TP" },
    },
  }),
  dynaudnorm: timed(
    audio({
      params: {
        framelen: int(10, 8000),
        gausssize: int(3, 301),
        peak: unit,
        maxgain: decimal(1, 100),
        targetrms: unit,
        coupling: boolean,
        correctdc: boolean,
        altboundary: boolean,
        compress: decimal(0, 30),
        threshold: unit,
      },
      aliases: {
        ...{ f: "framelen", g: "gausssize", p: "peak", m: "maxgain", r: "targetrms" },
        ...{ n: "coupling", c: "correctdc", b: "altboundary", s: "compress", t: "threshold" },
      },
    }),
  ),
  speechnorm: timed(
    audio({
      params: {
        peak: unit,
        expansion: decimal(1, 50),
        compression: decimal(1, 50),
        threshold: unit,
        raise: unit,
        fall: unit,
      },
      aliases: {
        p: "peak",
        e: "expansion",
        c: "compression",
        t: "threshold",
        r: "raise",
        f: "fall",
      },
    }),
  ),
  aresample: audio({
    params: {
      sample_rate: sampleRate,
      async: int(0, 192_000),
      first_pts: int(-1e9, 1e9),
      min_hard_comp: decimal(0, 1e6),
      resampler: oneOf("swr", "soxr"),
      osf: sampleFormat,
      ocl: channelLayout,
      och: int(1, 16),
      precision: decimal(15, 33),
      dither_method: oneOf(
        "rectangular",
        "triangular",
        "triangular_hp",
        "lipshitz",
        "shibata",
        "low_shibata",
        "high_shibata",
      ),
    },
    aliases: { osr: "sample_rate", out_sample_fmt: "osf", out_channel_layout: "ocl" },
    order: ["sample_rate"],
  }),
  aformat: audio({
    params: {
      sample_fmts: listOf(sampleFormat, "|", 16),
      sample_rates: listOf(sampleRate, "|", 16),
      channel_layouts: listOf(channelLayout, "|", 16),
    },
    aliases: { f: "sample_fmts", r: "sample_rates", cl: "channel_layouts" },
  }),
  atempo: timed(
    audio({
      params: {
        tempo: either(
          "must be a number or a ratio from 0.5 to 100",
          decimal(0.5, 100),
          ratio(0.5, 100),
        ),
      },
    }),
  ),
  asetrate: audio({ params: { sample_rate: reckonedRate }, aliases: { r: "sample_rate" } }),
  asetpts: audio(setpts),
  asettb: audio({ params: { expr: oneOf("AVTB", "intb", "1/1000", "1/44100", "1/48000") } }),
  asetnsamples: audio({
    params: { nb_out_samples: int(1, 1_000_000), pad: boolean },
    aliases: { n: "nb_out_samples", p: "pad" },
  }),
  aselect: audio(select),
  atrim: audio({
    params: { ...trimParams, start_sample: int(0, 1e15), end_sample: int(0, 1e15) },
    aliases: { starti: "start", endi: "end", durationi: "duration" },
    endless: (params, [endless = false]) =>
      endless && !["end", "duration", "end_sample", "end_pts"].some((name) => params.has(name)),
  }),
  afade: timed(
    audio({
      params: {
        type: oneOf("in", "out"),
        start_sample: int(0, 1e15),
        nb_samples: int(1, 2 ** 31 - 1),
        start_time: seconds,
        duration: seconds,
        curve,
      },
      aliases: {
        t: "type",
        ss: "start_sample",
        ns: "nb_samples",
        st: "start_time",
        d: "duration",
        c: "curve",
      },
    }),
  ),
  apad: audio({
    params: {
      packet_size: int(1, 65_536),
      pad_len: int(0, MAX_ADDED_SAMPLES),
      whole_len: int(0, MAX_ADDED_SAMPLES),
      pad_dur: time(0, MAX_ADDED_SECONDS),
      whole_dur: time(0, MAX_SECONDS),
    },
    endless: (params, [endless = false]) =>
      endless ||
      !["pad_len", "whole_len", "pad_dur", "whole_dur"].some((name) => number(params, name, 0) > 0),
  }),
  aloop: audio({
    params: { loop: int(-1, 1000), size: int(0, MAX_KEPT_SAMPLES), start: int(0, 1e15) },
    endless: (params, [endless = false]) => endless || number(params, "loop", 0) < 0,
  }),
  areverse: audio({ waitsForEnd: true }),
  adelay: timed(audio({ params: { delays: numberList, all: boolean } })),
  aecho: audio({
    params: { in_gain: unit, out_gain: unit, delays: numberList, decays: numberList },
  }),
  pan: audio({ params: { args: panning } }),
  channelmap: audio({
    params: {
      map: word(
        /^[A-Z0-9]{1,4}(?:-[A-Z0-9]{1,4})?(?:\|[A-Z0-9]{1,4}(?:-[A-Z0-9]{1,4})?){0,15}$/,
        "channels as FL-FR|FR-FL",
      ),
      channel_layout: channelLayout,
    },
  }),
};
