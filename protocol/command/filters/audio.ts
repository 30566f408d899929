/** Filters of sound: one in, one out. */
import { expression } from "../expression.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import {
  boolean,
  decimal,
  either,
  int,
  listOf,
  MAX_SECONDS,
  oneOf,
  time,
  word,
} from "../values.ts";
import { audio, type FilterSpec, number, timed } from "./define.ts";
import { channelLayout, sampleFormat, sampleRate, seconds, unit } from "./types.ts";
import { select, setpts, trimParams } from "./video.ts";

const MAX_ADDED_SAMPLES = 700_000_000;
const MAX_ADDED_SECONDS = 3600;
/** Samples that a filter may keep in memory: over three minutes at 48 kHz. */
const MAX_KEPT_SAMPLES = 10_000_000;

/** A gain, as a factor or in decibels. */
const gain: ValueType = (text) =>
  /^-?\d{1,4}(?:\.\d{1,6})?(?:dB)?$/.test(text)
    ? ok(text)
    : refuse("must be a number, or one with dB");

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
    /^(?:c\d{1,2}|[A-Z]{1,4})[=<](?:[+-]?(?:\d{1,3}(?:\.\d{1,6})?\*)?(?:c\d{1,2}|[A-Z]{1,4})){1,32}$/.test(
      part,
    );
  return channelLayout(layout).status === "ok" && channels.length <= 32 && channels.every(isChannel)
    ? ok([layout, ...channels].join("|"))
    : refuse("must be a layout and its channels, as stereo|c0=FL|c1=FR");
};

const frequency = decimal(0, 96_000);
const widthType = oneOf("h", "q", "o", "s", "k");
const common = { precision: oneOf("auto", "s16", "s32", "f32", "f64"), mix: unit };

/** highpass, lowpass, bandpass, ... */
const pass = () =>
  timed(
    audio({
      params: {
        frequency,
        width_type: widthType,
        width: decimal(0, 99_999),
        poles: int(1, 2),
        ...common,
      },
      aliases: { f: "frequency", t: "width_type", w: "width", p: "poles", m: "mix" },
    }),
  );

const shelf = () =>
  timed(
    audio({
      params: {
        gain: decimal(-900, 900),
        frequency,
        width_type: widthType,
        width: decimal(0, 99_999),
        poles: int(1, 2),
        ...common,
      },
      aliases: { g: "gain", f: "frequency", t: "width_type", w: "width", p: "poles", m: "mix" },
    }),
  );

const dynamics = {
  level_in: decimal(0.015625, 64),
  mode: oneOf("downward", "upward"),
  threshold: decimal(0, 1),
  ratio: decimal(1, 9000),
  attack: decimal(0.01, 9000),
  release: decimal(0.01, 9000),
  makeup: decimal(1, 64),
  knee: decimal(1, 8),
  link: oneOf("average", "maximum"),
  detection: oneOf("peak", "rms"),
};

const numbers = (separator: string) =>
  listOf(word(/^-?\d{1,6}(?:\.\d{1,6})?[sS]?$/, "a number"), separator, 64);

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
  atempo: timed(audio({ params: { tempo: decimal(0.5, 100) } })),
  asetrate: audio({ params: { sample_rate: sampleRate }, aliases: { r: "sample_rate" } }),
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
  adelay: timed(audio({ params: { delays: numbers("|"), all: boolean } })),
  aecho: audio({
    params: { in_gain: unit, out_gain: unit, delays: numbers("|"), decays: numbers("|") },
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
  highpass: pass(),
  lowpass: pass(),
  bandpass: timed(
    audio({
      params: {
        frequency,
        width_type: widthType,
        width: decimal(0, 99_999),
        csg: boolean,
        ...common,
      },
      aliases: { f: "frequency", t: "width_type", w: "width", m: "mix" },
    }),
  ),
  bandreject: timed(
    audio({
      params: { frequency, width_type: widthType, width: decimal(0, 99_999), ...common },
      aliases: { f: "frequency", t: "width_type", w: "width", m: "mix" },
    }),
  ),
  equalizer: timed(
    audio({
      params: {
        frequency,
        width_type: widthType,
        width: decimal(0, 99_999),
        gain: decimal(-900, 900),
        ...common,
      },
      aliases: { f: "frequency", t: "width_type", w: "width", g: "gain", m: "mix" },
    }),
  ),
  bass: shelf(),
  treble: shelf(),
  acompressor: audio({ params: { ...dynamics, level_sc: decimal(0.015625, 64), mix: unit } }),
  agate: audio({ params: { ...dynamics, range: unit, level_sc: decimal(0.015625, 64) } }),
  alimiter: audio({
    params: {
      level_in: decimal(0.015625, 64),
      level_out: decimal(0.015625, 64),
      limit: decimal(0.0625, 1),
      attack: decimal(0.1, 80),
      release: decimal(1, 8000),
      asc: boolean,
      asc_level: unit,
      level: boolean,
    },
  }),
  compand: audio({
    params: {
      attacks: word(/^[\d. |]{1,100}$/, "numbers"),
      decays: word(/^[\d. |]{1,100}$/, "numbers"),
      points: word(/^[-\d./ |]{1,300}$/, "points as -80/-80|0/0"),
      "soft-knee": decimal(0.01, 900),
      gain: decimal(-900, 900),
      volume: decimal(-900, 0),
      delay: decimal(0, 20),
    },
  }),
  deesser: timed(audio({ params: { i: unit, m: unit, f: unit, s: oneOf("i", "o", "e") } })),
  afftdn: timed(
    audio({
      params: {
        noise_reduction: decimal(0.01, 97),
        noise_floor: decimal(-80, -20),
        noise_type: oneOf("white", "vinyl", "shellac", "w", "v", "s"),
        residual_floor: decimal(-80, -20),
        track_noise: boolean,
        track_residual: boolean,
      },
      aliases: {
        nr: "noise_reduction",
        nf: "noise_floor",
        nt: "noise_type",
        rf: "residual_floor",
        tn: "track_noise",
        tr: "track_residual",
      },
    }),
  ),
  anlmdn: timed(
    audio({
      params: {
        strength: decimal(0.00001, 10_000),
        patch: time(0.001, 0.1),
        research: time(0.002, 0.3),
        output: oneOf("i", "o", "n"),
      },
      aliases: { s: "strength", p: "patch", r: "research", o: "output" },
    }),
  ),
  silenceremove: timed(
    audio({
      params: {
        start_periods: int(0, 9000),
        start_duration: time(0, 3600),
        start_threshold: gain,
        start_silence: time(0, 3600),
        start_mode: oneOf("any", "all"),
        stop_periods: int(-9000, 9000),
        stop_duration: time(0, 3600),
        stop_threshold: gain,
        stop_silence: time(0, 3600),
        stop_mode: oneOf("any", "all"),
        detection: oneOf("peak", "rms"),
        window: time(0, 10),
      },
    }),
  ),
  tremolo: timed(audio({ params: { f: decimal(0.1, 20_000), d: unit } })),
  vibrato: timed(audio({ params: { f: decimal(0.1, 20_000), d: unit } })),
  flanger: audio({
    params: {
      delay: decimal(0, 30),
      depth: decimal(0, 10),
      regen: decimal(-95, 95),
      width: decimal(0, 100),
      speed: decimal(0.1, 10),
      shape: oneOf("triangular", "t", "sinusoidal", "s"),
      phase: decimal(0, 100),
      interp: oneOf("linear", "quadratic"),
    },
  }),
  chorus: audio({
    params: {
      in_gain: unit,
      out_gain: unit,
      delays: numbers("|"),
      decays: numbers("|"),
      speeds: numbers("|"),
      depths: numbers("|"),
    },
  }),
  aphaser: audio({
    params: {
      in_gain: unit,
      out_gain: decimal(0, 1e9),
      delay: decimal(0, 5),
      decay: decimal(0, 0.99),
      speed: decimal(0.1, 2),
      type: oneOf("triangular", "t", "sinusoidal", "s"),
    },
  }),
  extrastereo: timed(audio({ params: { m: decimal(-10, 10), c: boolean } })),
  stereowiden: timed(
    audio({
      params: {
        delay: decimal(1, 100),
        feedback: decimal(0, 0.9),
        crossfeed: decimal(0, 0.8),
        drymix: unit,
      },
    }),
  ),
  stereotools: timed(
    audio({
      params: {
        level_in: decimal(0.015625, 64),
        level_out: decimal(0.015625, 64),
        balance_in: decimal(-1, 1),
        balance_out: decimal(-1, 1),
        softclip: boolean,
        mutel: boolean,
        muter: boolean,
        mode: word(/^[a-z]{2,2}>[a-z]{2,2}$/, "a mode as lr>ms"),
      },
    }),
  ),
  crystalizer: timed(audio({ params: { i: decimal(-10, 10), c: boolean } })),
  earwax: audio(),
  superequalizer: audio({
    params: Object.fromEntries(
      Array.from({ length: 18 }, (_, at) => [`${at + 1}b`, decimal(0, 20)]),
    ),
  }),
  adeclick: timed(
    audio({
      params: {
        w: decimal(10, 100),
        o: decimal(50, 95),
        a: decimal(0, 25),
        t: decimal(1, 100),
        b: decimal(0, 50),
        m: oneOf("add", "save", "a", "s"),
      },
    }),
  ),
  adeclip: timed(
    audio({
      params: {
        w: decimal(10, 100),
        o: decimal(50, 95),
        a: decimal(0, 25),
        t: decimal(1, 100),
        n: int(100, 9999),
        m: oneOf("add", "save", "a", "s"),
      },
    }),
  ),
};
