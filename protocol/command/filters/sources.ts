/** Sources that make pictures or sound of their own. */
import { color, decimal, int, MAX_RATE, rate, size, time } from "../values.ts";
import { audio, type FilterSpec, video } from "./define.ts";
import { told } from "./geometry.ts";
import { channelLayout, sampleRate, unit } from "./types.ts";

/** What a source makes, in seconds. */
const sourceSeconds = time(0, 14_400);

/** A source of pictures; without a duration it has no end. */
function pictureSource(own: FilterSpec["params"] = {}): FilterSpec {
  const params = { ...own, size, rate: rate(1, MAX_RATE), duration: sourceSeconds, sar: unit };
  return video({
    params,
    aliases: { s: "size", r: "rate", d: "duration", c: "color" },
    inputs: [],
    size: (given) => told("size", "320x240")(given),
    endless: (given) => !given.has("duration"),
  });
}

export const sourceFilters: Readonly<Record<string, FilterSpec>> = {
  color: pictureSource({ color }),
  testsrc: pictureSource(),
  testsrc2: pictureSource(),
  smptebars: pictureSource(),
  smptehdbars: pictureSource(),
  anullsrc: audio({
    params: {
      channel_layout: channelLayout,
      sample_rate: sampleRate,
      nb_samples: int(1, 65_535),
      duration: sourceSeconds,
    },
    aliases: { cl: "channel_layout", r: "sample_rate", n: "nb_samples", d: "duration" },
    inputs: [],
    endless: (params) => !params.has("duration"),
  }),
  sine: audio({
    params: {
      frequency: decimal(0, 96_000),
      beep_factor: decimal(0, 100),
      sample_rate: sampleRate,
      duration: sourceSeconds,
    },
    aliases: { f: "frequency", b: "beep_factor", r: "sample_rate", d: "duration" },
    inputs: [],
    endless: (params) => !params.has("duration"),
  }),
};
