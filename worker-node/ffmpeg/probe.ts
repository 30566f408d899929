/** Finds out what a source is, or why it is none, before anything is encoded. */
import { tmpdir } from "node:os";
import type { SourceInfo } from "../../protocol/media.ts";
import { isMatroska } from "../../protocol/recipes/parts/span.ts";
import { loopbackUrl, MAX_ALLOC_BYTES, QUIET, sourceWhitelists } from "./argv.ts";
import { tellingSentence } from "./failure.ts";
import { PROBE_ENTRIES, parseProbe } from "./ffprobe-json.ts";
import { withFieldsSeen } from "./field-look.ts";
import { createHttpReader } from "./http-ranges.ts";
import { withLengthFound } from "./matroska-length.ts";
import type { Movie } from "./mp4-boxes.ts";
import { readMovieOf, readMp4Facts } from "./mp4-facts.ts";
import { type ProcessResult, runProcess } from "./process.ts";
import { toSourceInfo } from "./source-info.ts";
import type { ProbeRequest, ProbeResult, Tools } from "./types.ts";
import { describeLimit } from "./usage-watch.ts";

/** ffprobe reads a container's head; a damaged AVI makes it search the whole file. */
const PROBE_TIMEOUT_MS = 120_000;
/** A thousand streams fit; more is an attack. */
const MAX_PROBE_TEXT = 2_000_000;

/** Sentences of ffprobe that mean that the bytes never reached it. */
const transportWords =
  /Connection (?:refused|reset|timed out)|HTTP error|Server returned|Input\/output error|Stream ends prematurely|Cannot allocate memory/;

/**
 * Probes a source served over loopback HTTP. What is no video or audio of an accepted container is
 * UNSUPPORTED_FORMAT; what is one, but damaged beyond reading, is TRANSCODE_ERROR; neither is retryable.
 */
export async function probeSource(tools: Tools, request: ProbeRequest): Promise<ProbeResult> {
  if (request.sizeBytes === 0) return unsupported("The source is empty.");
  const url = loopbackUrl(request.url);
  const reading = new AbortController();
  // Read while ffprobe starts; whoever does not need it stops it.
  const movie = readMovieOf({
    ...request,
    url,
    signal: AbortSignal.any([request.signal, reading.signal]),
  });
  try {
    return await probeWith(tools, { ...request, url }, movie);
  } finally {
    reading.abort();
  }
}

async function probeWith(
  tools: Tools,
  request: ProbeRequest,
  movie: ReturnType<typeof readMovieOf>,
): Promise<ProbeResult> {
  const result = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES)],
      ...["-show_entries", PROBE_ENTRIES, "-show_data_hash", "SHA256", "-of", "json"],
      ...sourceWhitelists(),
      request.url,
    ],
    cwd: tmpdir(),
    signal: request.signal,
    timeoutMs: PROBE_TIMEOUT_MS,
    maxStdout: MAX_PROBE_TEXT,
  });
  // An aborted probe has no result worth telling: whoever aborted it knows why.
  request.signal.throwIfAborted();
  const probed = result.end.kind === "exited" ? parseProbe(result.stdout) : null;
  if (probed === null) return unreadable(result, await looksLikeContainer(request));
  const told = toSourceInfo(probed, request.sizeBytes);
  const refusal = contentRefusal(told);
  if (refusal !== null) return unsupported(refusal);
  const source = await withFieldsSeen(tools, told, probed, request);
  if (isMatroska(source.format) && source.durationSeconds === null) {
    return { status: "ok", source: await withLengthFound(source, request) };
  }
  if (!source.format.split(",").includes("mov")) return { status: "ok", source };
  const boxes = await movie;
  const mp4 = await readMp4Facts(tools, source, boxes, request);
  request.signal.throwIfAborted();
  return { status: "ok", source: { ...source, mp4, ...copiesOf(boxes) } };
}

/** ffprobe also exits with 0 for files without anything in them: the content decides. */
function contentRefusal(source: SourceInfo): string | null {
  if (source.video === null && source.audio.length === 0) {
    return source.attachedPictures > 0
      ? "The source holds a still picture and neither video nor audio."
      : "The source holds neither video nor audio that can be decoded.";
  }
  return null;
}

/** ffmpeg writes the first description of a copy's pictures alone (movenc.c): those that are of another would be lost. */
function copiesOf(movie: Movie | null): Pick<SourceInfo, "copies"> {
  const pictures = movie?.tracks.filter(({ handler }) => handler === "vide") ?? [];
  return pictures.some(({ descriptions }) => descriptions > 1) ? { copies: false } : {};
}

/** First bytes of the accepted containers: EBML, RIFF AVI, and ISO BMFF or QuickTime boxes. */
function isContainerHead(head: Uint8Array): boolean {
  const text = String.fromCharCode(...head);
  const [a, b, c, d] = head;
  const ebml = a === 0x1a && b === 0x45 && c === 0xdf && d === 0xa3;
  return ebml || /^(?:RIFF.{4}AVI |.{4}(?:ftyp|moov|mdat|wide|free|skip))/s.test(text);
}

/** Whether the source begins as one of the accepted containers does; false when it cannot be read. */
async function looksLikeContainer({ url, sizeBytes, signal }: ProbeRequest): Promise<boolean> {
  const head = await createHttpReader(url, sizeBytes, signal)
    .read(0, 12)
    .catch(() => new Uint8Array(0));
  return isContainerHead(head);
}

function unreadable(result: ProcessResult, isContainer: boolean): ProbeResult {
  const { end, stderr } = result;
  const said = tellingSentence(stderr);
  const all = stderr.join("\n");
  if (end.kind === "too_much_output") return unsupported("The source declares too many streams.");
  if (end.kind === "limit") {
    return {
      status: "failed",
      code: "TRANSCODE_ERROR",
      detail: `The source cannot be probed: it takes ${describeLimit(end.passed)}.`,
      retryable: false,
    };
  }
  if (end.kind === "timeout" || end.kind === "not_started" || result.signal !== null) {
    return {
      status: "failed",
      code: "ENGINE_INVOCATION_ERROR",
      detail: `FFprobe did not finish: ${end.kind === "exited" ? `killed by ${result.signal}` : end.kind}.`,
      retryable: true,
    };
  }
  if (transportWords.test(all)) {
    return {
      status: "failed",
      code: "TRANSCODE_ERROR",
      detail: `The source could not be read: ${said}`,
      retryable: true,
    };
  }
  if (/not on whitelist/.test(all)) {
    return unsupported(
      `The content is of another format than those accepted (MP4, MOV, AVI, MKV, WebM).`,
    );
  }
  if (isContainer) {
    return {
      status: "failed",
      code: "TRANSCODE_ERROR",
      detail: `The source is damaged or incomplete: ${said}`,
      retryable: false,
    };
  }
  return unsupported(`The content is no video or audio: ${said ?? "ffprobe found nothing in it."}`);
}

function unsupported(detail: string): ProbeResult {
  return { status: "failed", code: "UNSUPPORTED_FORMAT", detail, retryable: false };
}
