/** Filters of sound that shape it: equalisers, dynamics, noise, modulation. */
import { boolean, decimal, int, oneOf, time, word } from "../values.ts";
import { audio, type FilterSpec, timed } from "./define.ts";
import { gain, numberList, unit } from "./types.ts";

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

export const soundEffects: Readonly<Record<string, FilterSpec>> = {
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
      // ffmpeg 4.1 knows the short names alone.
      params: {
        nr: decimal(0.01, 97),
        nf: decimal(-80, -20),
        nt: oneOf("white", "vinyl", "shellac", "w", "v", "s"),
        rf: decimal(-80, -20),
        tn: boolean,
        tr: boolean,
      },
      aliases: {
        noise_reduction: "nr",
        noise_floor: "nf",
        noise_type: "nt",
        residual_floor: "rf",
        track_noise: "tn",
        track_residual: "tr",
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
  asoftclip: timed(
    audio({
      params: {
        type: oneOf("hard", "tanh", "atan", "cubic", "exp", "alg", "quintic", "sin", "erf"),
        threshold: decimal(0.000001, 1),
        output: decimal(0.000001, 16),
        param: decimal(0.01, 3),
        oversample: int(1, 8),
      },
    }),
  ),
  acontrast: audio({ params: { contrast: decimal(0, 100) } }),
  apulsator: audio({
    params: {
      level_in: decimal(0.015625, 64),
      level_out: decimal(0.015625, 64),
      mode: oneOf("sine", "triangle", "square", "sawup", "sawdown"),
      amount: unit,
      offset_l: unit,
      offset_r: unit,
      width: decimal(0, 2),
      timing: oneOf("bpm", "ms", "hz"),
      bpm: decimal(30, 300),
      ms: int(10, 2000),
      hz: decimal(0.01, 100),
    },
  }),
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
      delays: numberList,
      decays: numberList,
      speeds: numberList,
      depths: numberList,
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
