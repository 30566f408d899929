/** How the saving of outputs is shown. */
import { sizeText } from "./job-display.ts";
import { type LiveLines, type Look, progressText } from "./live-lines.ts";
import { RateMeter } from "./rate.ts";
import type { SaveProgress } from "./save-outputs.ts";

/** A terminal is not written to more often. */
const REDRAW_MS = 100;
const QUARTERS = 4;

/** The line of a download at some moment. */
function saveLine(progress: SaveProgress, meter: RateMeter, look?: Look): string {
  const { files, ofFiles, bytes, fraction } = progress;
  const speed = meter.bytesPerSecond();
  const details = [
    `${files} of ${ofFiles} files`,
    sizeText(bytes),
    ...(speed === null ? [] : [`${sizeText(Math.round(speed))}/s`]),
  ];
  return progressText("saving", fraction, details, look);
}

/** Shows outputs as they are saved; a file or a pipe gets a line for each quarter of the way. */
export function showSaveOn(
  lines: LiveLines,
  now: () => number = Date.now,
): (progress: SaveProgress) => void {
  const meter = new RateMeter();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let quarter = 0;
  return (progress) => {
    const at = now();
    meter.add(at, progress.bytes);
    // Fractions of many files add up to a little less than all.
    const isAll = progress.files === progress.ofFiles;
    const reached = isAll
      ? QUARTERS
      : Math.min(QUARTERS - 1, Math.floor(progress.fraction * QUARTERS));
    if (reached === quarter && at - drawnAt < REDRAW_MS) return;
    const shown = isAll ? { ...progress, fraction: 1 } : progress;
    lines.show("save", saveLine(shown, meter, lines.look), reached !== quarter);
    drawnAt = at;
    quarter = reached;
  };
}
