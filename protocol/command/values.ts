/** The types that values of options and filter parameters have. Pure. */
import { ok, quoted, type Read, refuse, type ValueType } from "./read.ts";

/** Frames beyond 8192 × 8192 are never made. */
export const MAX_DIMENSION = 8192;
export const MAX_RATE = 240;
/** A week. */
export const MAX_SECONDS = 604_800;

const decimalText = /^[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})$/;

/** A number as ffmpeg reads it back: never an exponent. */
function plain(value: number, digits = 9): string {
  return String(Number(value.toFixed(digits))).includes("e")
    ? value.toFixed(digits).replace(/0+$/, "")
    : String(Number(value.toFixed(digits)));
}

function within(text: string, min: number, max: number, what: string): Read<string> {
  const value = Number(text);
  // -0 is written as 0.
  return value >= min && value <= max
    ? ok(plain(value === 0 ? 0 : value))
    : refuse(`must be ${what} from ${min} to ${max}`);
}

export function int(min: number, max: number): ValueType {
  return (text) =>
    /^[+-]?\d{1,15}$/.test(text)
      ? within(text, min, max, "a whole number")
      : refuse(`must be a whole number from ${min} to ${max}`);
}

export function decimal(min: number, max: number): ValueType {
  return (text) =>
    decimalText.test(text)
      ? within(text, min, max, "a number")
      : refuse(`must be a number from ${min} to ${max}`);
}

export function oneOf(...words: readonly string[]): ValueType {
  return (text) => (words.includes(text) ? ok(text) : refuse(`must be one of ${words.join(", ")}`));
}

/** The first that reads it; `says` is the rule when none does. */
export function either(says: string, ...types: readonly ValueType[]): ValueType {
  return (text) => {
    for (const type of types) {
      const read = type(text);
      if (read.status === "ok") return read;
    }
    return refuse(says);
  };
}

export function renamed(names: Readonly<Record<string, string>>, type: ValueType): ValueType {
  return (text) => type(Object.hasOwn(names, text) ? (names[text] ?? text) : text);
}

export const boolean: ValueType = (text) => {
  if (/^(?:1|true|yes|on|y|enable|enabled)$/.test(text)) return ok("1");
  if (/^(?:0|false|no|off|n|disable|disabled)$/.test(text)) return ok("0");
  return refuse("must be 1 or 0");
};

/** Flags as `+a-b`, `a+b` or `a|b`; each from the list. */
export function flags(...names: readonly string[]): ValueType {
  return (text) => {
    const parts = text.match(/[+-]?[^+|-]+/g) ?? [];
    const isWhole = text !== "" && /^[+-]?[\w]+(?:[+|-][\w]+)*$/.test(text);
    const alien = parts.find((part) => !names.includes(part.replace(/^[+-]/, "")));
    return isWhole && alien === undefined
      ? ok(text.replaceAll("|", "+"))
      : refuse(`must be flags from ${names.join(", ")}`);
  };
}

/** Words from the list (or typed otherwise), parted by `separator`. */
export function listOf(type: ValueType, separator: string, max: number): ValueType {
  return (text) => {
    const parts = text.split(separator);
    if (parts.length > max) return refuse(`must have at most ${max} parts`);
    const values: string[] = [];
    for (const part of parts) {
      const read = type(part.trim());
      if (read.status === "refused") return read;
      values.push(read.value);
    }
    return ok(values.join(separator));
  };
}

/** Seconds of a time as ffmpeg writes it (`[-][HH:]MM:SS[.m]`, `S[.m]`, `500ms`, `9us`); null for anything else. */
export function secondsOf(text: string): number | null {
  const clock = /^(-?)(?:(\d{1,3}):)?([0-5]?\d):([0-5]?\d(?:\.\d{0,9})?)$/.exec(text);
  if (clock !== null) {
    const [, sign, hours = "0", minutes, seconds] = clock;
    const value = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return sign === "-" ? -value : value;
  }
  const plainTime = /^([+-]?(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9}))(us|ms|s)?$/.exec(text);
  if (plainTime === null) return null;
  const unit = plainTime[2] === "us" ? 1e-6 : plainTime[2] === "ms" ? 1e-3 : 1;
  return Number(plainTime[1]) * unit;
}

/** A time, written out in seconds. */
export function time(min: number, max: number): ValueType {
  return (text) => {
    const seconds = secondsOf(text);
    if (seconds === null) return refuse("must be a time, in seconds or as HH:MM:SS.mmm");
    if (seconds < min || seconds > max) return refuse(`must be a time from ${min} to ${max} s`);
    return ok(plain(seconds === 0 ? 0 : seconds, 6));
  };
}

/** Names of sizes that people use (ffmpeg-utils(1), "Video size"). */
const sizeNames: Readonly<Record<string, string>> = {
  ntsc: "720x480",
  pal: "720x576",
  qvga: "320x240",
  vga: "640x480",
  svga: "800x600",
  xga: "1024x768",
  wvga: "852x480",
  hd480: "852x480",
  hd720: "1280x720",
  hd1080: "1920x1080",
  "2k": "2048x1080",
  "4k": "4096x2160",
  uhd2160: "3840x2160",
  uhd4320: "7680x4320",
  nhd: "640x360",
  cif: "352x288",
  qcif: "176x144",
};

/** `WxH` in pixels. */
export const size: ValueType = (text) => {
  const known = Object.hasOwn(sizeNames, text) ? sizeNames[text] : undefined;
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(known ?? text);
  const width = Number(match?.[1] ?? 0);
  const height = Number(match?.[2] ?? 0);
  return width >= 1 && height >= 1 && width <= MAX_DIMENSION && height <= MAX_DIMENSION
    ? ok(`${width}x${height}`)
    : refuse(`must be a size of at most ${MAX_DIMENSION}x${MAX_DIMENSION}, as 1280x720`);
};

const rateNames: Readonly<Record<string, string>> = {
  ntsc: "30000/1001",
  pal: "25/1",
  film: "24/1",
  "ntsc-film": "24000/1001",
};

/** Frames per second: `25`, `29.97`, `30000/1001`, `1/5`. */
export function rate(min: number, max: number): ValueType {
  const rule = `must be a frame rate from ${min} to ${max}`;
  return (text) => {
    const given = Object.hasOwn(rateNames, text) ? (rateNames[text] ?? text) : text;
    const parts = /^(\d{1,9}(?:\.\d{1,9})?)(?:[/:](\d{1,9}))?$/.exec(given);
    if (parts === null) return refuse(rule);
    const [, over = "0", under] = parts;
    const value = Number(over) / Number(under ?? 1);
    if (!(value >= min && value <= max)) return refuse(rule);
    return ok(under === undefined ? plain(Number(over)) : `${plain(Number(over))}/${under}`);
  };
}

const unitOf: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  m: 1e6,
  G: 1e9,
  ki: 1024,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** A number with an SI suffix, written out without: `2M`, `500k`, `1.5M`. */
export function quantity(min: number, max: number): ValueType {
  const rule = `must be a number from ${min} to ${max}, as 500k or 2M`;
  return (text) => {
    // `m` is milli to ffmpeg; nobody means a thousandth of a bit.
    const match = /^(\d{1,12}(?:\.\d{1,6})?)(|k|K|M|G|ki|Ki|Mi|Gi)$/.exec(text);
    if (match === null) return refuse(rule);
    const value = Math.round(Number(match[1]) * (unitOf[match[2] ?? ""] ?? 1));
    return value >= min && value <= max ? ok(String(value)) : refuse(rule);
  };
}

/** A ratio of two numbers: `16:9`, `16/9`, `1.7778`; null for anything else. */
export function ratioOf(text: string): number | null {
  const parts = /^(\d{1,6}(?:\.\d{1,9})?)(?:[:/](\d{1,6}))?$/.exec(text);
  if (parts === null) return null;
  const value = Number(parts[1]) / Number(parts[2] ?? 1);
  return Number.isFinite(value) ? value : null;
}

export function ratio(min: number, max: number): ValueType {
  return (text) => {
    const value = ratioOf(text);
    return value !== null && value >= min && value <= max
      ? ok(text.replace(":", "/"))
      : refuse(`must be a ratio from ${min} to ${max}, as 16:9`);
  };
}

/** X11 names are all lower-case letters; what is not a colour is refused by ffmpeg itself. */
export const color: ValueType = (text) => {
  const isColor =
    /^(?:[A-Za-z]{3,24}|(?:0x|#)[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?)(?:@(?:0x[0-9A-Fa-f]{1,2}|[01]?(?:\.\d{1,6})?))?$/;
  return isColor.test(text) && !text.endsWith("@")
    ? ok(text)
    : refuse("must be a colour: a name, or #RRGGBB, with @0.5 for how opaque it is");
};

/** A word of these characters; for names whose list is ffmpeg's. */
export function word(pattern: RegExp, says: string): ValueType {
  return (text) => (pattern.test(text) ? ok(text) : refuse(`must be ${says}`));
}

/** Protocols ffmpeg knows, as the beginning of a name it would open. */
const protocols =
  /(?:^|[\s|;,=])(?:async|bluray|cache|concatf?|crypto|data|dvd|ffrtmp\w*|fd|file|ftp|gopher|hls|https?|icecast|ipfs|ipns|md5|mmsh|mmst|pipe|prompeg|rist|rtmp\w*|rtp|rtsp|sctp|sftp|smb|srt|srtp|subfile|tcp|tee|tls|udp|udplite|unix|zmq):/i;
const pathLike = /(?:^|[\s=:|,;'"(])(?:[/~]|\.{1,2}\/)|:\/\/|\.\.|\{\{/;

/** Text for people: no line breaks, no backslash, and nothing that looks like a path, a URL or a placeholder. */
export function harmlessText(max: number): ValueType {
  return (text) => {
    if (text.length > max) return refuse(`must be text of at most ${max} characters`);
    if (/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\\]/u.test(text)) {
      return refuse("must be text on one line, without backslashes or control characters");
    }
    if (pathLike.test(text) || protocols.test(text)) {
      return refuse("must be text that does not look like a path or a URL");
    }
    return ok(text);
  };
}

/** Reads with `type`, then refuses what `rule` finds fault with. */
export function also(type: ValueType, rule: (value: string) => string | null): ValueType {
  return (text) => {
    const read = type(text);
    if (read.status === "refused") return read;
    const broken = rule(read.value);
    return broken === null ? read : refuse(broken);
  };
}

/** Of HDR10 (SMPTE ST 2086): primaries, white point and luminance, as x265 takes them. */
const masteringDisplay = /^(?:(?:G|B|R|WP|L)\(\d{1,9},\d{1,9}\)){5}$/;

/**
 * `key=value` pairs parted by `:`; keys from the list, values words or numbers. A lone key is a switch. x264 and x265 read
 * `_` in a key as `-`.
 */
export function encoderParams(keys: ReadonlySet<string>): ValueType {
  return (text) => {
    const parts = text.split(":").filter((part) => part !== "");
    if (parts.length === 0) return refuse("must have at least one key=value");
    if (parts.length > 64) return refuse("must have at most 64 parts");
    const written: string[] = [];
    for (const part of parts) {
      const equals = part.indexOf("=");
      const given = equals < 0 ? part : part.slice(0, equals);
      const key = keys.has(given) ? given : given.replaceAll("_", "-");
      const value = equals < 0 ? null : part.slice(equals + 1);
      if (!keys.has(key)) return refuse(`has the key ${quoted(given, 40)}, which may not be set`);
      const isWord = value === null || /^[A-Za-z0-9.,+()-]{1,64}$/.test(value);
      if (!isWord && !(key === "master-display" && masteringDisplay.test(value))) {
        return refuse(`has a value of ${quoted(key, 40)} that is neither a number nor a word`);
      }
      // A lone switch is known to `-x264opts` alone; as `key=1` it is to all.
      written.push(`${key}=${value ?? 1}`);
    }
    return ok(written.join(":"));
  };
}
