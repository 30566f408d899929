/** Value types that several filters share. */
import { evaluate } from "../evaluate.ts";
import { expression, parseExpression, type Vocabulary, writeExpression } from "../expression.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import {
  decimal,
  flags,
  int,
  listOf,
  MAX_DIMENSION,
  MAX_SECONDS,
  oneOf,
  time,
  word,
} from "../values.ts";
import { SIZE_NAMES } from "./geometry.ts";

/**
 * An expression that gives a number of pixels. One that is the same for every picture is judged here, the others
 * when sizes are known.
 */
export function pixels(vocabulary: Vocabulary): ValueType {
  return (text) => {
    const read = parseExpression(text, vocabulary);
    if (read.status === "refused") return read;
    const value = evaluate(read.value, {});
    if (value > MAX_DIMENSION || value < -64) {
      return refuse(`must be at most ${MAX_DIMENSION} pixels`);
    }
    return ok(writeExpression(read.value));
  };
}

/** Width or height as it may be told: a number up to 8192, 0 or −n, or an expression. */
export const side: ValueType = pixels({ names: SIZE_NAMES });

/** Where something lies, frame by frame. */
export const place = expression({
  names: [...SIZE_NAMES, "x", "y", "w", "h", "t", "n", "pos", "r", "tw", "th"],
});

export const overlayPlace = expression({
  names: [
    ...["main_w", "W", "main_h", "H", "overlay_w", "w", "overlay_h", "h", "x", "y"],
    ...["hsub", "vsub", "n", "pos", "t"],
    // Nowhere: it is not drawn.
    ...["NAN", "nan"],
  ],
});

export const seconds = time(0, MAX_SECONDS);
export const bit = int(0, 1);
export const unit = decimal(0, 1);
export const signedUnit = decimal(-1, 1);
/** Planes or components as a mask. */
export const mask = int(0, 15);

/** A pixel format by name: ffmpeg's are lower-case letters and digits. */
export const pixelFormat = oneOf(
  ...["yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuv411p", "yuv440p"],
  ...["yuvj420p", "yuvj422p", "yuvj444p", "yuva420p", "yuva422p", "yuva444p"],
  ...["yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv422p12le", "yuv444p12le"],
  ...["yuva420p10le", "yuva444p10le", "yuv420p10", "yuv422p10", "yuv444p10"],
  ...["yuva444p10", "nv12", "nv21", "p010le", "p010", "yuyv422", "uyvy422"],
  ...["rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "rgb48le", "rgba64le"],
  ...["gbrp", "gbrap", "gbrp10le", "gbrp12le", "gbrpf32le", "gray", "gray8", "gray10le"],
  ...["gray16le", "gray16be", "ya8", "pal8", "monow", "monob", "rgb555le", "rgb565le", "rgb8"],
);

export const sampleFormat = oneOf(
  ...["u8", "s16", "s32", "flt", "dbl", "u8p", "s16p", "s32p", "fltp", "dblp"],
);

/** Speaker layouts by name, as `5.1(side)`, or speakers as `FL+FR`. */
export const channelLayout = word(
  /^(?:mono|stereo|quad(?:\(side\))?|hexagonal|octagonal|downmix|[2-7]\.[0-4](?:\.[24])?(?:\((?:side|back|front|wide|wide-side)\))?|\d{1,2}c|[FBST][A-Z]{1,3}(?:\+[A-Z]{2,4}){0,15})$/,
  "a channel layout, as stereo or 5.1",
);

export const sampleRate = int(4000, 192_000);

export const colorMatrix = oneOf(
  ...["auto", "bt709", "fcc", "bt601", "bt601-6-525", "bt601-6-625", "bt470", "bt470bg"],
  ...["smpte170m", "smpte240m", "bt2020", "bt2020nc", "bt2020ncl", "bt2020c", "bt2020cl"],
  ...["ycgco", "gbr", "rgb", "unspecified", "unknown", "input", "ictcp", "709", "470bg", "170m"],
  ...["240m", "2020_ncl", "2020_cl"],
);
export const colorTransfer = oneOf(
  ...["bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "linear", "log100", "log316"],
  ...["iec61966-2-4", "bt1361e", "iec61966-2-1", "srgb", "xvycc", "bt2020-10", "bt2020-12"],
  ...["bt2020_10bit", "bt2020_12bit", "smpte2084", "smpte428", "arib-std-b67", "gamma22"],
  ...["gamma28", "unspecified", "unknown", "auto", "input", "709", "601", "2020_10", "2020_12"],
);
export const colorPrimaries = oneOf(
  ...["bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte428"],
  ...["smpte431", "smpte432", "jedec-p22", "ebu3213", "unspecified", "unknown", "auto", "input"],
  ...["709", "170m", "240m", "2020"],
);
export const colorRange = oneOf(
  ...["auto", "unspecified", "unknown", "limited", "tv", "mpeg", "full", "pc", "jpeg", "input"],
);

export const scalerFlags = flags(
  ...["fast_bilinear", "bilinear", "bicubic", "experimental", "neighbor", "area", "bicublin"],
  ...["gauss", "sinc", "lanczos", "spline", "print_info", "accurate_rnd", "full_chroma_int"],
  ...["full_chroma_inp", "bitexact"],
);

/** A gain, as a factor or in decibels. */
export const gain: ValueType = (text) =>
  /^-?\d{1,4}(?:\.\d{1,6})?(?:dB)?$/.test(text)
    ? ok(text)
    : refuse("must be a number, or one with dB");

/** Numbers parted by `|`. */
export const numberList = listOf(word(/^-?\d{1,6}(?:\.\d{1,6})?[sS]?$/, "a number"), "|", 64);
