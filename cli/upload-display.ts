/** How an upload is shown: a bar with speed and time left. */
import { clockText } from "./duration-text.ts";
import { sizeText } from "./job-display.ts";
import { type LiveLines, type Look, progressText } from "./live-lines.ts";
import { RateMeter } from "./rate.ts";

/** A terminal is not written to more often. */
const REDRAW_MS = 100;
const QUARTERS = 4;

/** The line of an upload at some moment. */
function uploadLine(sentBytes: number, totalBytes: number, meter: RateMeter, look?: Look): string {
  const fraction = totalBytes === 0 ? 1 : sentBytes / totalBytes;
  const speed = meter.bytesPerSecond();
  const left = meter.secondsLeft(totalBytes);
  const details = [
    `${sizeText(sentBytes)} of ${sizeText(totalBytes)}`,
    ...(speed === null ? [] : [`${sizeText(Math.round(speed))}/s`]),
    ...(left === null || fraction >= 1 ? [] : [`${clockText(left)} left`]),
  ];
  return progressText("uploading", fraction, details, look);
}

/** Shows an upload as it goes; a file or a pipe gets a line for each quarter of the way. */
export function showUploadOn(
  lines: LiveLines,
  now: () => number = Date.now,
): (sentBytes: number, totalBytes: number) => void {
  const meter = new RateMeter();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let quarter = 0;
  return (sentBytes, totalBytes) => {
    const at = now();
    meter.add(at, sentBytes);
    const reached = Math.floor((sentBytes / totalBytes) * QUARTERS);
    if (reached === quarter && at - drawnAt < REDRAW_MS) return;
    const line = uploadLine(sentBytes, totalBytes, meter, lines.look);
    lines.show("upload", line, reached !== quarter);
    drawnAt = at;
    quarter = reached;
  };
}
