/**
 * The first piece of the sound, made while the first chunk of a presentation is: the sound of a film takes minutes, and
 * nothing can be watched before there is some. It costs hardly any CPU time, so it needs no slot of its own; the whole's
 * run makes the same samples once more. A help and no more: without it the chunk is delivered all the same.
 */
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import type {
  MediaIndex,
  PresentationPlan,
  RenditionIndex,
  TaskPart,
} from "../../protocol/chunks/contract.ts";
import { preludeTracks } from "../../protocol/chunks/prelude.ts";
import type { VideoMetadata } from "../../protocol/media.ts";
import { mediaFile, preludeFile } from "../../protocol/packaging/presentation.ts";
import { renditionOf } from "../../protocol/packaging/segments.ts";
import type { Divisible, PromisedOutput } from "../../protocol/plan.ts";
import type { Work } from "../attempt-parts.ts";
import { describeError } from "../http.ts";
import type { Judged } from "../judge-outputs.ts";
import { readFragmentedFile } from "../packaging/read-rendition.ts";
import { runFfmpeg } from "../run-ffmpeg.ts";
import { indexOf } from "./cut-chunk.ts";
import { aboutTrack, soundStep } from "./perform-sound.ts";

/** Beyond the first segment: what encoders look ahead, and a fragment that is not the file's last. */
const BEYOND_SECONDS = 3;
/** What ffmpeg writes: the first segment, and what is made after it. */
const rawSound = (track: string) => `${track}.raw.mp4`;

/** Files of sound that go up with the chunk's own. */
export interface Prelude {
  readonly promises: readonly PromisedOutput[];
  /** By file. */
  readonly indexes: ReadonlyMap<string, RenditionIndex>;
  /** They were checked meanwhile. */
  readonly judged: Judged;
}

const NO_PRELUDE: Prelude = { promises: [], indexes: new Map(), judged: new Map() };

/** The first segment of every track, cut where the whole's ends, too; none with a later chunk. Never rejects. */
export async function makePrelude(
  work: Work,
  { plan: { presentation }, chunk: { index: chunk, reads } }: Extract<TaskPart, { kind: "chunk" }>,
  division: Divisible,
): Promise<Prelude> {
  const tracks = preludeTracks(presentation, chunk);
  if (presentation === null || division.sound === null || tracks.length === 0) return NO_PRELUDE;
  const without = (why: string): Prelude => {
    if (!work.signal.aborted) work.log("warn", `the first piece of sound is left out: ${why}`);
    return NO_PRELUDE;
  };
  try {
    const { outputs, promises } = beginningOf(division.sound, presentation, tracks);
    // It lies among the pictures of the first chunk, and a little further.
    const ran = await runFfmpeg(beside(work), soundStep(division.source, outputs, null, reads));
    if (ran.status !== "ok") return without(ran.status === "failed" ? ran.detail : ran.status);
    const indexes = new Map<string, RenditionIndex>();
    for (const track of tracks) {
      const index = await cutPrelude(work.workDir, presentation, track);
      indexes.set(preludeFile(track), { ...index, track: "audio" });
    }
    const files = promises.map((promise) => ({ file: join(work.workDir, promise.file), promise }));
    const judged = new Map<string, { readonly media: VideoMetadata }>();
    for (const [at, result] of (await work.engine.check(files, work.signal)).entries()) {
      if (result.status === "invalid") return without(result.detail);
      judged.set(promises[at]?.file ?? "", { media: result.media });
    }
    return { promises, indexes, judged };
  } catch (error) {
    return without(describeError(error));
  }
}

/** How far the attempt is, the chunk says alone. */
function beside(work: Work): Work {
  return { ...work, tracker: { ...work.tracker, stepMoved: () => {} } };
}

/** The whole's own options, so that its samples are the same. */
function beginningOf(
  sound: NonNullable<Divisible["sound"]>,
  { segmentSeconds }: PresentationPlan,
  tracks: readonly string[],
) {
  const seconds = String(segmentSeconds + BEYOND_SECONDS);
  const outputs = tracks.flatMap((track) =>
    sound.outputs
      .filter(({ file }) => file === mediaFile(track))
      .map((output) => ({
        ...output,
        file: rawSound(track),
        options: [...output.options, "-t", seconds],
      })),
  );
  const promises = tracks.flatMap((track) =>
    sound.promises
      .filter(({ file }) => file === mediaFile(track))
      .map((promise) => ({ ...promise, file: preludeFile(track), durationSeconds: null })),
  );
  return { outputs, promises };
}

/** Keeps the fragments of the first segment, which follow the head without a gap. */
async function cutPrelude(
  workDir: string,
  presentation: PresentationPlan,
  track: string,
): Promise<MediaIndex> {
  const raw = join(workDir, rawSound(track));
  const about = aboutTrack(presentation, track);
  const { head, headBytes, fragments } = await readFragmentedFile(raw);
  const { segments } = renditionOf(
    head,
    headBytes.length,
    fragments,
    presentation.segmentSeconds,
    "shown",
  );
  const [first] = segments;
  if (first === undefined) throw new RangeError(`'${track}' has no sound.`);
  const end = first.offset + first.size;
  const file = await open(raw, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end), 0, end, 0);
    const target = await open(join(workDir, preludeFile(track)), "w", 0o600);
    await target.write(buffer, 0, bytesRead, 0).finally(() => target.close());
  } finally {
    await file.close();
  }
  await unlink(raw);
  const kept = fragments.filter(({ offset }) => offset < end);
  return indexOf(head, headBytes, kept, about);
}
