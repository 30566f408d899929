/** Figures as people read them. Pure. */

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes in units of 1000, as the API counts megabytes. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Seconds as `4.2 s`, `3:07` or `1:02:03`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? part : String(part).padStart(2, "0"))).join(":");
}

/** About how long something still takes: rounded, because it is a guess. */
export function timeLeft(seconds: number): string {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const STEPS: readonly [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
];

/** An ISO time as `5 minutes ago` (or `in 3 hours`). */
export function ago(time: string, now: number): string {
  let value = (Date.parse(time) - now) / 1000;
  if (Math.abs(value) < 5) return "just now";
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.round(value), unit);
    value /= size;
  }
  return relative.format(Math.round(value), "year");
}

/** An ISO time in full, in the reader's zone. */
export function fullTime(time: string): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** `1 job`, `2 jobs`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** `camelCaseSeconds` as `Camel case (seconds)`: names of parameters carry their unit. */
export function fieldLabel(name: string): string {
  const units: Readonly<Record<string, string>> = {
    Seconds: "seconds",
    Kbps: "kbit/s",
    Mb: "MB",
  };
  const [, stem = name, unit] = /^(.*?)(Seconds|Kbps|Mb)?$/.exec(name) ?? [];
  const short: Readonly<Record<string, string>> = {
    crf: "Quality (CRF)",
    fps: "Frame rate (fps)",
    gop: "Key frames",
  };
  const words = short[stem] ?? stem.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  const label = words.charAt(0).toUpperCase() + words.slice(1);
  return unit === undefined ? label : `${label} (${units[unit]})`;
}
