/**
 * What a failed ffmpeg run means, judged by its text: exit codes differ between versions for the same fault
 * (5.1 gives 1 where 7 gives 234) and prove nothing. Pure.
 */
import { MAX_ALLOC_BYTES } from "./argv.ts";
import { cleanLine, sentenceOf } from "./clean-line.ts";
import type { EngineFailure, HardwareFault } from "./types.ts";

/** How a run ended that was not a success, and what it said. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderr: readonly string[];
  /** Whether a hardware encoder or decoder was asked for: some words only then mean the hardware. */
  readonly usesHardware: boolean;
  /** Resident memory it was allowed, in bytes; null: no limit of ours. */
  readonly memoryBytes: number | null;
  /** What to do about it when memory was short; a sentence. */
  readonly memoryAdvice?: string;
}

export interface Diagnosis extends EngineFailure {
  readonly hardwareFault: HardwareFault | null;
}

/**
 * In this order: a card whose sessions are used up says so first and "No capable devices found" last.
 * Words of ffmpeg 5.1 and 7: libavcodec/nvenc.c, vaapi_encode.c (with libva's vaErrorStr), qsvenc.c (with qsv.c's
 * table of errors), videotoolboxenc.c (with the numbers of VTErrors.h), and libavutil/hwcontext_*.c.
 */
const hardwareWords: readonly (readonly [HardwareFault, RegExp])[] = [
  [
    "exhausted",
    /OpenEncodeSessionEx failed: (?:out of memory|incompatible client key)|CUDA_ERROR_OUT_OF_MEMORY|No decoder surfaces left|\d \(resource allocation failed\)|HW busy now|failed to allocate memory \(-4\)|compression session: -12915/,
  ],
  // Before the driver that ffmpeg then asks for: the library is not there at all.
  ["absent", /Cannot load (?:lib(?:cuda|nvidia-encode|nvcuvid)|nvcuda)/],
  [
    "driver",
    /Driver does not support the required nvenc API version|minimum required Nvidia driver|(?:EncodePicture|LockBitstream|RegisterResource) failed|CUDA_ERROR_(?:UNKNOWN|ILLEGAL_ADDRESS|LAUNCH_FAILED|ECC_UNCORRECTABLE|SYSTEM_NOT_READY|NOT_INITIALIZED)|picture encode issue: |Failed to sync to picture completion|internal encoding error|(?:device (?:failed|lost)|GPU Hang) \(-\d+\)|(?:cannot encode|Error encoding) frame: -?\d/,
  ],
  [
    "unsupported",
    /10 bit encode not supported|B frames as references are not supported|Frame Dimension less than the minimum supported value|No usable encoding (?:profile|entrypoint) found|Codec not supported|not supported by (?:the )?(?:device|hardware)|Hardware does not support encoding at size|Driver does not support .*RC mode|Error initializing the encoder: (?:unsupported|invalid|incompatible)|Current (?:profile|resolution|frame rate|picture structure|pixel format) is unsupported|not supported by the QSV runtime|qscale not available for encoder|the requested (?:resolution|RT Format|VAProfile|VAEntryPoint) is not supported/i,
  ],
  [
    "absent",
    /unsupported device \(2\)|No capable devices found|CUDA_ERROR_NO_DEVICE|CUDA_ERROR_INVALID_DEVICE|Failed to initiali[sz]e VAAPI|No VA display found|Error (?:creating|initializing) an?(?: internal)? MFX session|Device creation failed|No device available for|cannot create compression session/,
  ],
  [
    "graph",
    /Failed setup for format (?:cuda|vaapi|qsv)|Impossible to convert between the formats supported by the filter|picture decode issue: |internal decoding error/,
  ],
  // Whatever else a device's encoder or memory complains of, in words that no list here has.
  ["driver", /^\[(?:\w+_(?:nvenc|vaapi|qsv|videotoolbox)|AVHW(?:Device|Frames)Context) @ /],
];

/** Faults of the machine or of the way to the source, that another try may not meet. */
const resourceWords =
  /Cannot allocate memory|Out of memory|No space left on device|Too many open files|Resource temporarily unavailable|Disk quota exceeded|Input\/output error|Connection (?:refused|reset|timed out)|HTTP error 5\d\d|Server returned 5XX|Stream ends prematurely|failed to execute/i;

/** Lines that say that something failed but not what. */
const emptyWords =
  /^(?:Conversion failed|Error while (?:filtering|processing the decoded)|Failed to inject frame|Error (?:initializing|re)[^:]*(?:stream|filters)|Error opening (?:input|output) files? |Error selecting an encoder|Terminating thread|Task finished with error|Error sending frames|Could not open encoder before EOF|Nothing was written|Error while opening encoder|Last message repeated)/i;

/** Refused by `-max_alloc`, by the limit on memory, or by the machine: ffmpeg says the same of all three. */
const memoryWords =
  /Cannot allocate memory|Out of memory|std::bad_alloc|malloc of size \d+ failed/i;

const crashSignals = new Set(["SIGSEGV", "SIGABRT", "SIGILL", "SIGBUS", "SIGFPE"]);

/** Says what a run that failed by itself means for the job. */
export function diagnose(ending: Ending): Diagnosis {
  const starved = starvedOf(ending);
  if (starved) return { ...starved, hardwareFault: null };
  const killed = killedBy(ending);
  if (killed) {
    // A crash in a driver's library takes ffmpeg with it.
    const isDriver = ending.usesHardware && crashSignals.has(ending.signal ?? "");
    return { ...killed, hardwareFault: isDriver ? "driver" : null };
  }
  const prefix = `FFmpeg exited with code ${ending.exitCode}`;
  const hardware = hardwareFaultOf(ending);
  if (hardware) {
    return {
      code: "TRANSCODE_ERROR",
      detail: `${prefix}: ${sentenceOf(hardware.line)}`,
      retryable: true,
      hardwareFault: hardware.fault,
    };
  }
  const resource = ending.stderr.find((line) => resourceWords.test(line));
  if (resource !== undefined) {
    const started = !/failed to execute/.test(resource);
    return {
      code: started ? "TRANSCODE_ERROR" : "ENGINE_INVOCATION_ERROR",
      detail: started
        ? `${prefix}: ${sentenceOf(resource)}`
        : `FFmpeg could not be started: ${sentenceOf(resource)}`,
      retryable: true,
      hardwareFault: null,
    };
  }
  const telling = tellingSentence(ending.stderr);
  return {
    code: "TRANSCODE_ERROR",
    detail: telling === null ? `${prefix} without a message.` : `${prefix}: ${telling}`,
    // With a message the same input fails the same way again; without one nothing is known.
    retryable: telling === null,
    hardwareFault: null,
  };
}

/** A refused allocation, which may end in a crash; a graphics card has memory of its own. */
function starvedOf({
  stderr,
  usesHardware,
  memoryBytes,
  memoryAdvice,
}: Ending): EngineFailure | null {
  const line = usesHardware ? undefined : stderr.find((text) => memoryWords.test(text));
  if (line === undefined) return null;
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 ** 2)} MiB`;
  const whole = memoryBytes === null ? "" : `, ${mebibytes(memoryBytes)} in all`;
  const advice = memoryAdvice === undefined ? "" : ` ${memoryAdvice}`;
  return {
    code: "TRANSCODE_ERROR",
    detail: `FFmpeg asked for more memory than it is allowed (${mebibytes(MAX_ALLOC_BYTES)} at once${whole}): ${sentenceOf(line)}.${advice}`,
    // A larger machine of the same fleet may allow more.
    retryable: true,
  };
}

/** Ends that are not ffmpeg's own: signals, of which it reports SIGTERM and SIGINT as exit code 255. */
function killedBy(ending: Ending): EngineFailure | null {
  if (ending.signal === "SIGXFSZ") {
    return {
      code: "TRANSCODE_ERROR",
      detail: "FFmpeg was stopped because its output grew beyond the size allowed.",
      retryable: false,
    };
  }
  if (ending.signal !== null) {
    const what = crashSignals.has(ending.signal) ? "crashed with" : "was killed by";
    return invocationError(`FFmpeg ${what} ${ending.signal}.`);
  }
  if (ending.exitCode === 255 && !ending.stderr.some((l) => /Operation not permitted/.test(l))) {
    return invocationError("FFmpeg was told to stop by another process (exit code 255).");
  }
  return null;
}

function invocationError(detail: string): EngineFailure {
  return { code: "ENGINE_INVOCATION_ERROR", detail, retryable: true };
}

/** The fault of the hardware that the text tells of, with the line that does; null when it is none. */
export function hardwareFaultOf(
  ending: Pick<Ending, "stderr" | "usesHardware">,
): { fault: HardwareFault; line: string } | null {
  if (!ending.usesHardware) return null;
  for (const [fault, words] of hardwareWords) {
    const line = ending.stderr.find((text) => words.test(text));
    if (line !== undefined) return { fault, line };
  }
  return null;
}

/** ffmpeg's last word, and its first in brackets where that says more; null when it said nothing. */
export function tellingSentence(stderr: readonly string[]): string | null {
  const sentences = stderr.map(sentenceOf).filter((text) => text !== "");
  const meaningful = sentences.filter((text) => !emptyWords.test(text));
  const last = meaningful.at(-1) ?? sentences.at(-1);
  const first = meaningful[0];
  if (last === undefined) return null;
  return first === undefined || first === last ? last : `${last} (${first})`;
}

/** ffmpeg's log for the ledger. */
export function cleanLog(stderr: readonly string[]): string[] {
  return stderr.slice(-40).map(cleanLine);
}
