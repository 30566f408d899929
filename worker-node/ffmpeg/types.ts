/** What the parts of this folder say to each other and to the agent. */
import type { ByteSpan } from "../../protocol/chunks/contract.ts";
import type { AttemptErrorCode } from "../../protocol/errors.ts";
import type { SourceInfo, VideoMetadata } from "../../protocol/media.ts";
import type { PromisedOutput } from "../../protocol/plan.ts";
import type { Confinement } from "./confinement.ts";

/** Options that came or went between the ffmpeg versions in use; found out by asking the binary. */
export interface ToolFeatures {
  /** `-stats_period`, since 4.4: without it `-progress` speaks every half second. */
  readonly statsPeriod: boolean;
  /** `-fps_mode`, since 5.1: without it the same is said with `-vsync`. */
  readonly fpsMode: boolean;
  /** `-movflags cmaf`, since 4.4: without it the flags and options it stands for are given. */
  readonly cmafFlag: boolean;
  /** The filter `libvmaf` is there, has its model, and measured something. */
  readonly vmaf: boolean;
}

/** An ffmpeg and an ffprobe that ran and told their version. */
export interface Tools {
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** ffmpeg's version as it prints it, e.g. `5.1.9-0+deb12u1`. */
  readonly version: string;
  readonly features: ToolFeatures;
  /** What every run of them is confined to. */
  readonly confinement: Confinement;
  /** Where a run may write that belongs to no attempt: in a sandbox, the agent's scratch. */
  readonly workDir: string;
}

/** How far an encode is. Null where ffmpeg does not know (`N/A`). */
export interface Progress {
  readonly frame: number | null;
  readonly fps: number | null;
  /** Media seconds per second of wall clock. */
  readonly speed: number | null;
  readonly outTimeSeconds: number | null;
  /** Bytes muxed so far. */
  readonly totalSize: number | null;
}

/** An expected failure of an ffmpeg run or a probe, ready for the agent's `fail`. */
export interface EngineFailure {
  readonly code: AttemptErrorCode;
  /** For people; paths and URLs redacted. */
  readonly detail: string;
  readonly retryable: boolean;
}

export type ProbeResult =
  | { readonly status: "ok"; readonly source: SourceInfo }
  | ({ readonly status: "failed" } & EngineFailure);

export interface ProbeRequest {
  /** The loopback URL (`http://127.0.0.1:...`) the source is served at, ranges honoured. */
  readonly url: string;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
  /**
   * Also find out what `webReady` needs before it leaves an MP4 as it is (key-frame gaps, a sample
   * decode). Costs a few seconds on long files; without it `source.mp4` carries the cheap facts and
   * `maxKeyframeGapSeconds: null`, `sampleDecodesCleanly: false`.
   */
  readonly forPassthrough?: boolean;
}

export interface RunStepOptions {
  /** The loopback URL of a task's input by its key (`in_1`); of one that is expected to need `reads` of it alone. */
  readonly inputUrl: (key: string, reads?: ByteSpan) => string;
  /** The attempt's private directory: ffmpeg's cwd, where its outputs and intermediates lie. */
  readonly scratchDir: string;
  readonly signal: AbortSignal;
  /** Threads for codecs and filters; ffmpeg's own choice when absent. */
  readonly threads?: number;
  /** `-progress` reports, as ffmpeg makes them. */
  readonly onProgress: (progress: Progress) => void;
  /** Without movement (frames, output time, bytes written, `movement`) for this long it is killed. */
  readonly stallMs: number;
  /** A counter that grows while the source is being read: bytes served by the loopback server. */
  readonly movement?: () => number;
  /** ffmpeg is stopped when its output files grow beyond this many bytes together. */
  readonly maxOutputBytes?: number;
}

/** What kind of fault of a hardware encoder it was; null when it was none. */
export type HardwareFault = "absent" | "driver" | "exhausted" | "unsupported" | "graph";

export type StepResult =
  | { readonly status: "ok"; readonly log: readonly string[] }
  | ({
      readonly status: "failed";
      readonly exitCode: number | null;
      readonly log: readonly string[];
      /** Set when the hardware failed rather than the work: software may do it. */
      readonly hardwareFault: HardwareFault | null;
    } & EngineFailure)
  /** The signal was aborted; everything is dead. */
  | { readonly status: "aborted"; readonly log: readonly string[] };

/** A file that a plan promised. */
export interface OutputFile {
  /** An absolute path. */
  readonly file: string;
  readonly promise: PromisedOutput;
  /** Absent: ffprobe is asked. */
  readonly listed?: ListedFile;
}

/**
 * What is known of a file of pictures alone because the agent itself put it together, from fragments whose every sample it
 * looked at: to read all of that once more costs a process. Times are in seconds on the file's own clock.
 */
export interface ListedFile {
  /** ffmpeg's name. */
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly durationSeconds: number;
  readonly startSeconds: number;
  /** Presentation times of the key frames that are nearest the beginning (the second) and the end. */
  readonly secondKey: number | null;
  readonly lastKey: number | null;
}

export type GateResult =
  | {
      readonly status: "ok";
      readonly media: VideoMetadata;
      /** Presented frames, and where the file's times begin in seconds. Absent: it has no pictures. */
      readonly pictures?: { readonly frames: number; readonly startSeconds: number };
    }
  | { readonly status: "invalid"; readonly detail: string };
