/** The ffmpeg run of one chunk, derived from the whole's own plan: all renditions from one decode. Pure. */
import type { Divisible, DivisibleRendition, FfmpegStep } from "../plan.ts";
import { secondsText } from "../recipes/parts/timing.ts";
import type { Chunk, PlanFacts } from "./contract.ts";
import { EARLY_SECONDS } from "./divide.ts";
import { outputTicks, shownAt, timeFilters } from "./grid.ts";

/** What ffmpeg writes: the chunk and the frames around it. */
export const rawFile = (rendition: string) => `${rendition}.raw.mp4`;
/** What is kept of it and delivered; unique in the job. */
export const chunkFile = (rendition: string, index: number) =>
  `${rendition}.c${String(index).padStart(4, "0")}.mp4`;

/** For progress, where the rate is not known. */
const OVERLAP_FRAMES = 40;

/**
 * @param pieceSeconds how often ffmpeg ends a piece of the file where every frame is a key frame.
 * @throws RangeError where the whole's graph does not begin with its stream.
 */
export function chunkStep(
  division: Divisible,
  plan: Pick<PlanFacts, "grid">,
  chunk: Chunk,
  isLast: boolean,
): FfmpegStep {
  const { grid } = plan;
  const { from, to, seek, overlap, frames, reads } = chunk;
  const lead = overlap?.lead ?? from;
  const tail = overlap === undefined ? (isLast ? null : to) : overlap.tail;
  const begin = seek === null && chunk.index === 0 ? null : lead;
  const isEnd = isLast && grid.source !== undefined;
  const cut = timeFilters(grid, begin, isEnd ? to : tail);
  const keys = keyTimes(division, plan, chunk, isLast);
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [
      {
        from: { source: division.source, ...(reads === undefined ? {} : { reads }) },
        options: [...division.inputOptions, "-copyts", ...seekOptions(plan, seek)],
      },
    ],
    filterComplex: insertFilters(division, [
      ...temporalFilters(division, plan, chunk, isLast),
      ...cut,
    ]),
    outputs: division.renditions.map((rendition) => ({
      file: rawFile(rendition.name),
      muxer: "mp4",
      options: outputOptions(rendition, plan, keys),
    })),
    expectedFrames: frames + (overlap === undefined ? 0 : OVERLAP_FRAMES),
    expectedSeconds: null,
    encoder: usedBy(division),
  };
}

/** A device's before the CPU's, with the sessions that all renditions have open at once. */
function usedBy({ renditions }: Divisible): FfmpegStep["encoder"] {
  const main = renditions.find(({ encoder }) => encoder.device !== "cpu") ?? renditions[0];
  if (main === undefined) return null;
  const { name, device } = main.encoder;
  const deviceSessions = renditions.filter(({ encoder }) => encoder.device === device).length;
  return { name, device, sessions: renditions.length, deviceSessions };
}

/** To the key frame itself: from a later point open groups of pictures lose their first frames. */
function seekOptions({ grid }: Pick<PlanFacts, "grid">, seek: number | null): string[] {
  if (seek === null) return [];
  const { num, den } = (grid.source ?? grid).timeBase;
  return ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", secondsText((seek * num) / den)];
}

/** The filters stand in place of those that make pictures of several frames. */
function insertFilters({ graph, temporal }: Divisible, filters: readonly string[]): string {
  const link = /^\[0:\d+\]/.exec(graph)?.[0];
  if (link === undefined) throw new RangeError("the graph does not begin with its stream");
  const replaced = `${link}${(temporal?.filters ?? []).map((filter) => `${filter},`).join("")}`;
  if (!graph.startsWith(replaced)) {
    throw new RangeError("the graph does not begin with what looks at several frames");
  }
  return `${link}${filters.join(",")},${graph.slice(replaced.length)}`;
}

/**
 * The whole's filters that look at several frames, over the part that is read: what they make is the whole's from the
 * second frame on that they see. Another rate's frames are counted from the origin, wherever reading begins.
 */
function temporalFilters(
  { temporal }: Divisible,
  { grid }: Pick<PlanFacts, "grid">,
  { seek }: Chunk,
  isLast: boolean,
): string[] {
  if (temporal === undefined) return [];
  const { filters, rate } = temporal;
  const { timeBase, origin } = grid.source ?? grid;
  const deinterlace = filters.slice(0, temporal.deinterlaces ? 1 : 0);
  if (rate === null) return [...deinterlace, `settb=expr=${timeBase.num}/${timeBase.den}`];
  return [
    `setpts=PTS-(${origin})`,
    ...deinterlace,
    `fps=fps=${rate.num}/${rate.den}${seek === null ? ":start_time=0" : ""}`,
    // ffmpeg does not always know how long the last of uneven frames stays, and takes it for nothing; and ends are rounded.
    ...(isLast ? [`tpad=stop=${Math.max(1, grid.source?.lastFrames ?? 0)}:stop_mode=clone`] : []),
  ];
}

function outputOptions(
  rendition: DivisibleRendition,
  { grid }: Pick<PlanFacts, "grid">,
  keys: readonly string[],
): string[] {
  const { options, encoder } = rendition;
  const ticks = outputTicks(grid);
  const isIntra = options[options.indexOf("-g") + 1] === "1";
  const pieces = isIntra ? [] : ["frag_keyframe"];
  const flags = [...pieces, "delay_moov", "default_base_moof", "skip_trailer", "frag_discont"];
  return [
    ...["-map", rendition.pad, "-an", "-sn", "-dn"],
    ...["-fps_mode:v", "passthrough", "-enc_time_base:v", `1:${ticks}`],
    ...options,
    ...(keys.length === 0 || isIntra ? [] : ["-force_key_frames", keys.join(",")]),
    ...(encoder.name === "libx265" || encoder.name.endsWith("_nvenc") ? ["-forced-idr", "1"] : []),
    ...(encoder.name.endsWith("_qsv") ? ["-forced_idr", "1"] : []),
    // Uneven times and reordered frames: decoding times would reach into the next chunk.
    ...(grid.frameRate === null && mayReorder(encoder.name) ? ["-bf", "0"] : []),
    ...["-map_metadata:g", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"],
    ...["-use_editlist", "1", "-avoid_negative_ts", "disabled", "-write_tmcd", "0"],
    ...["-video_track_timescale", String(ticks), "-max_muxing_queue_size", "4096"],
    ...(isIntra ? ["-frag_duration", "2000000"] : []),
    ...["-movflags", flags.map((flag) => `+${flag}`).join("")],
  ];
}

function mayReorder(encoder: string): boolean {
  return !/^lib(?:svtav1|aom-av1|vpx)/.test(encoder);
}

/**
 * When key frames are forced: at both ends of the chunk, and in a ladder at every multiple in between. A multiple
 * that falls on the frame of either end is that end.
 */
function keyTimes(
  { alignedSeconds }: Divisible,
  { grid }: Pick<PlanFacts, "grid">,
  { from, to }: Chunk,
  isLast: boolean,
): string[] {
  const ticks = outputTicks(grid);
  const [begin, end] = [shownAt(grid, from) / ticks, shownAt(grid, to) / ticks];
  const times = [begin];
  if (alignedSeconds !== null) {
    const first = Math.floor(begin / alignedSeconds + 1e-6) + 1;
    // The chunk's end is itself the first frame at or after a multiple.
    const last = isLast ? Infinity : Math.floor(end / alignedSeconds + 1e-6);
    for (let n = first; n < last && n * alignedSeconds < end; n++) times.push(n * alignedSeconds);
  }
  if (!isLast) times.push(end);
  return times.map((time) =>
    secondsText(Math.max(0, Math.floor((time - EARLY_SECONDS) * 1e6) / 1e6)),
  );
}
