/** Filters of several inputs or outputs. */
import { expression } from "../expression.ts";
import { boolean, color, decimal, either, int, oneOf, time, word } from "../values.ts";
import {
  audio,
  type FilterSpec,
  number,
  type Params,
  param,
  several,
  timed,
  video,
} from "./define.ts";
import { arranged, MAIN_NAMES, SIZE_NAMES, scaledByOther, stacked } from "./geometry.ts";
import { channelLayout, mask, overlayPlace, pixels, scalerFlags, unit } from "./types.ts";

/** Inputs or outputs of one filter. */
const MAX_PADS = 16;
const pads = (media: "video" | "audio", name: string, fallback: number) => (params: Params) =>
  several(media, number(params, name, fallback));

const isOn = (params: Params, name: string) => param(params, name, "0") === "1";

/** The options of framesync (ffmpeg-filters(1)). */
const framesync = {
  eof_action: oneOf("repeat", "endall", "pass"),
  shortest: boolean,
  repeatlast: boolean,
};

/** Ends with the first input that ends when told so, else with the last. */
const syncedEnd = (params: Params, inputs: readonly boolean[]) =>
  isOn(params, "shortest") || param(params, "eof_action", "") === "endall"
    ? inputs.every(Boolean)
    : inputs.some(Boolean);

const two = ["video", "video"] as const;

const sideByOther = pixels({ names: [...SIZE_NAMES, ...MAIN_NAMES] });

const blendModes = oneOf(
  ...["normal", "addition", "addition128", "grainmerge", "and", "average", "burn", "darken"],
  ...["difference", "difference128", "grainextract", "divide", "dodge", "freeze", "exclusion"],
  ...["extremity", "glow", "hardlight", "hardmix", "heat", "lighten", "linearlight", "multiply"],
  ...["multiply128", "negation", "or", "overlay", "phoenix", "pinlight", "reflect", "screen"],
  ...["softlight", "subtract", "vividlight", "xor"],
);

const blended = expression({
  names: ["X", "Y", "W", "H", "SW", "SH", "T", "N", "A", "TOP", "B", "BOTTOM"],
});

const transition = oneOf(
  ...["fade", "wipeleft", "wiperight", "wipeup", "wipedown", "slideleft", "slideright", "slideup"],
  ...["slidedown", "circlecrop", "rectcrop", "distance", "fadeblack", "fadewhite", "radial"],
  ...["smoothleft", "smoothright", "smoothup", "smoothdown", "circleopen", "circleclose"],
  ...["vertopen", "vertclose", "horzopen", "horzclose", "dissolve", "pixelize", "diagtl", "diagtr"],
  ...["diagbl", "diagbr", "hlslice", "hrslice", "vuslice", "vdslice", "hblur", "fadegrays"],
  ...["wipetl", "wipetr", "wipebl", "wipebr", "squeezeh", "squeezev", "zoomin", "fadefast"],
  ...["fadeslow", "hlwind", "hrwind", "vuwind", "vdwind", "coverleft", "coverright", "coverup"],
  ...["coverdown", "revealleft", "revealright", "revealup", "revealdown"],
);

const stackParams = { inputs: int(2, MAX_PADS), shortest: boolean };
const stackEnd = (params: Params, inputs: readonly boolean[]) =>
  isOn(params, "shortest") ? inputs.every(Boolean) : inputs.some(Boolean);

/** Pictures first, then sound, for each segment; the same once for what comes out. */
const concatPads = (params: Params) => [
  ...several("video", number(params, "v", 1)),
  ...several("audio", number(params, "a", 0)),
];

export const severalFilters: Readonly<Record<string, FilterSpec>> = {
  split: video({ params: { outputs: int(1, MAX_PADS) }, outputs: pads("video", "outputs", 2) }),
  asplit: audio({ params: { outputs: int(1, MAX_PADS) }, outputs: pads("audio", "outputs", 2) }),
  overlay: timed(
    video({
      params: {
        x: overlayPlace,
        y: overlayPlace,
        eof_action: framesync.eof_action,
        eval: oneOf("init", "frame"),
        shortest: boolean,
        format: oneOf(
          "yuv420",
          "yuv420p10",
          "yuv422",
          "yuv422p10",
          "yuv444",
          "rgb",
          "gbrp",
          "auto",
        ),
        repeatlast: boolean,
        alpha: oneOf("straight", "premultiplied"),
      },
      inputs: two,
      endless: syncedEnd,
    }),
  ),
  blend: timed(
    video({
      params: {
        c0_mode: blendModes,
        c1_mode: blendModes,
        c2_mode: blendModes,
        c3_mode: blendModes,
        all_mode: blendModes,
        c0_expr: blended,
        c1_expr: blended,
        c2_expr: blended,
        c3_expr: blended,
        all_expr: blended,
        c0_opacity: unit,
        c1_opacity: unit,
        c2_opacity: unit,
        c3_opacity: unit,
        all_opacity: unit,
        ...framesync,
      },
      inputs: two,
      endless: syncedEnd,
    }),
  ),
  scale2ref: video({
    params: { w: sideByOther, h: sideByOther, flags: scalerFlags },
    aliases: { width: "w", height: "h" },
    inputs: two,
    outputs: two,
    sizes: scaledByOther,
  }),
  xfade: video({
    params: { transition, duration: time(0, 60), offset: time(0, 604_800) },
    inputs: two,
  }),
  alphamerge: timed(video({ params: framesync, inputs: two, endless: syncedEnd })),
  maskedmerge: timed(video({ params: { planes: mask }, inputs: ["video", "video", "video"] })),
  paletteuse: video({
    params: {
      dither: oneOf(
        "none",
        "bayer",
        "heckbert",
        "floyd_steinberg",
        "sierra2",
        "sierra2_4a",
        "sierra3",
        "burkes",
        "atkinson",
      ),
      bayer_scale: int(0, 5),
      diff_mode: oneOf("none", "rectangle"),
      new: boolean,
      alpha_threshold: int(0, 255),
    },
    inputs: two,
  }),
  hstack: video({
    params: stackParams,
    inputs: pads("video", "inputs", 2),
    size: stacked("width"),
    endless: stackEnd,
  }),
  vstack: video({
    params: stackParams,
    inputs: pads("video", "inputs", 2),
    size: stacked("height"),
    endless: stackEnd,
  }),
  xstack: video({
    params: {
      inputs: int(2, MAX_PADS),
      layout: word(
        /^[wh\d+]{1,60}_[wh\d+]{1,60}(?:\|[wh\d+]{1,60}_[wh\d+]{1,60}){1,15}$/,
        "places as 0_0|w0_0|0_h0",
      ),
      shortest: boolean,
      fill: either("must be a colour or none", color, oneOf("none")),
      grid: word(/^[1-9]\d?x[1-9]\d?$/, "columns x rows, as 2x2"),
    },
    inputs: pads("video", "inputs", 2),
    size: arranged,
    endless: stackEnd,
  }),
  mix: timed(
    video({
      params: {
        inputs: int(2, MAX_PADS),
        weights: word(/^-?\d{1,4}(?:\.\d{1,4})?(?: -?\d{1,4}(?:\.\d{1,4})?){0,15}$/, "numbers"),
        scale: decimal(0, 32_767),
        duration: oneOf("longest", "shortest", "first"),
      },
      inputs: pads("video", "inputs", 2),
    }),
  ),
  interleave: video({
    params: { nb_inputs: int(1, MAX_PADS) },
    inputs: pads("video", "nb_inputs", 2),
  }),
  concat: {
    params: { n: int(1, MAX_PADS), v: int(0, 8), a: int(0, 8), unsafe: boolean },
    aliases: {},
    order: ["n", "v", "a", "unsafe"],
    inputs: (params) =>
      Array.from({ length: number(params, "n", 2) }, () => concatPads(params)).flat(),
    outputs: concatPads,
    check: (params) =>
      concatPads(params).length === 0 ? "has neither video nor audio to join" : null,
  },
  amix: timed(
    audio({
      params: {
        inputs: int(1, 32),
        duration: oneOf("longest", "shortest", "first"),
        dropout_transition: decimal(0, 3600),
        weights: word(/^-?\d{1,4}(?:\.\d{1,4})?(?:[ |]-?\d{1,4}(?:\.\d{1,4})?){0,31}$/, "numbers"),
        normalize: boolean,
      },
      inputs: pads("audio", "inputs", 2),
      endless: (params, inputs) => {
        const until = param(params, "duration", "longest");
        if (until === "first") return inputs[0] ?? false;
        return until === "shortest" ? inputs.every(Boolean) : inputs.some(Boolean);
      },
    }),
  ),
  amerge: audio({ params: { inputs: int(1, MAX_PADS) }, inputs: pads("audio", "inputs", 2) }),
  join: audio({
    params: {
      inputs: int(1, MAX_PADS),
      channel_layout: channelLayout,
      map: word(
        /^\d{1,2}\.[A-Z0-9]{1,4}-[A-Z0-9]{1,4}(?:\|\d{1,2}\.[A-Z0-9]{1,4}-[A-Z0-9]{1,4}){0,31}$/,
        "channels as 0.FL-FL|1.FR-FR",
      ),
    },
    inputs: pads("audio", "inputs", 2),
  }),
  acrossfade: audio({
    params: {
      nb_samples: int(1, 1e8),
      duration: time(0, 60),
      overlap: boolean,
      curve1: word(/^[a-z0-9]{2,8}$/, "the name of a curve"),
      curve2: word(/^[a-z0-9]{2,8}$/, "the name of a curve"),
    },
    aliases: { ns: "nb_samples", d: "duration", o: "overlap", c1: "curve1", c2: "curve2" },
    inputs: ["audio", "audio"],
  }),
  sidechaincompress: audio({
    params: {
      level_in: decimal(0.015625, 64),
      mode: oneOf("downward", "upward"),
      threshold: decimal(0.0009, 1),
      ratio: decimal(1, 20),
      attack: decimal(0.01, 2000),
      release: decimal(0.01, 9000),
      makeup: decimal(1, 64),
      knee: decimal(1, 8),
      link: oneOf("average", "maximum"),
      detection: oneOf("peak", "rms"),
      level_sc: decimal(0.015625, 64),
      mix: unit,
    },
    inputs: ["audio", "audio"],
  }),
  channelsplit: audio({
    params: {
      channel_layout: channelLayout,
      channels: word(/^[A-Z]{2,4}(?:\|[A-Z]{2,4}){0,15}$/, "channels as FL|FR"),
    },
    outputs: (params) => several("audio", splitChannels(params)),
  }),
};

/** How many outputs `channelsplit` has. */
function splitChannels(params: Params): number {
  const chosen = params.get("channels");
  if (chosen !== undefined) return chosen.split("|").length;
  const layout = param(params, "channel_layout", "stereo");
  const speakers = /^(\d)\.(\d)/.exec(layout);
  if (speakers !== null) return Number(speakers[1]) + Number(speakers[2]);
  if (layout === "mono") return 1;
  return layout.startsWith("quad") ? 4 : layout.includes("+") ? layout.split("+").length : 2;
}
