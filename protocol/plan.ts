/**
 * What a recipe decides: the ffmpeg runs to make, and what they promise. A plan is plain data. The agent
 * turns each step into an argv by adding what the server owns: demuxer and protocol whitelists, the
 * loopback URL of each source, paths in its scratch directory, threads, progress and log options.
 */
import type { ByteSpan } from "./chunks/contract.ts";
import type { FileFormat, Rational, VideoCodec } from "./media.ts";
import type { Stage } from "./stages.ts";
import type { FileRole } from "./task.ts";

/** Stands in a step's options for the filter that brings sound to its target, known once it was measured. */
export const LOUDNESS_FILTER = "<loudness>";

export interface FfmpegStep {
  readonly kind: "ffmpeg";
  readonly stage: Extract<Stage, "segmenting" | "transcoding" | "merging">;
  /**
   * `source` is a key of the task's inputs (`in_1`), and `reads` what of it the step is expected to need (`Chunk.reads`);
   * `file` the file of an earlier step, `list` one that names files of earlier steps for ffmpeg's concat demuxer.
   */
  readonly inputs: readonly {
    readonly from:
      | { readonly source: string; readonly reads?: ByteSpan }
      | { readonly file: string }
      | { readonly list: string };
    readonly options: readonly string[];
  }[];
  /** `-filter_complex`, or null. */
  readonly filterComplex: string | null;
  readonly outputs: readonly {
    /**
     * A name in the scratch directory; that of a promised output, or of an intermediate file. With the muxer
     * `image2` it may hold one `%d`, for a file per picture, counted from 1.
     */
    readonly file: string;
    /** ffmpeg's muxer, given with `-f`. */
    readonly muxer: string;
    readonly options: readonly string[];
  }[];
  /** How far it has to go; progress is a fraction of these. */
  readonly expectedFrames: number | null;
  readonly expectedSeconds: number | null;
  /** The encoder it uses, for the ledger; null for stream copies. */
  readonly encoder: {
    readonly name: string;
    readonly device: string;
    /** Encoder sessions open at once; absent: 1. */
    readonly sessions?: number;
    /** Those of them that run on `device`; absent: all. */
    readonly deviceSessions?: number;
  } | null;
  /** An earlier step has written the loudness of the sound to `file`; this one brings it to the target, in LUFS. */
  readonly loudness?: { readonly file: string; readonly targetLufs: number };
}

/** The source's bytes are the output, unchanged. */
export interface CopyStep {
  readonly kind: "copy";
  readonly stage: "transcoding";
  readonly source: string;
  readonly file: string;
}

/** A text that the plan itself knows: a list of files, a track of cues. */
export interface WriteStep {
  readonly kind: "write";
  readonly stage: "merging";
  readonly file: string;
  readonly text: string;
}

/** Playlists and a manifest over fragmented files, whose names follow from those given (`packaging/`). */
export interface PackageStep {
  readonly kind: "package";
  readonly stage: "merging";
  /** Files as they are and byte ranges of them, or cut into a file per segment. */
  readonly layout: "single_file" | "segments";
  readonly segmentSeconds: number;
  readonly master: string;
  readonly manifest: string;
  readonly video: readonly { readonly name: string }[];
  readonly audio: readonly TrackName[];
  readonly subtitles: readonly TrackName[];
}

interface TrackName {
  readonly name: string;
  readonly language: string | null;
  /** For people. */
  readonly label: string;
}

/** Steps that the agent does itself. */
export type LocalStep = CopyStep | WriteStep | PackageStep;

export type Step = FfmpegStep | LocalStep;

/**
 * The pictures that an output was encoded from: upright, scaled, cut and tone-mapped as its encoder got them. What
 * an encode lost is measured against them.
 */
export interface Reference {
  readonly inputs: FfmpegStep["inputs"];
  /** A filter graph from those inputs that ends in the label `[reference]`. */
  readonly graph: string;
  readonly bitDepth: 8 | 10;
  readonly range: "tv" | "pc";
  /** What stands at the same time: the beginning of the output, or its first picture where times were shifted. */
  readonly alignment: "start" | "first_picture";
}

/** A rendition of pictures, as it is made whole and in chunks alike. */
export interface DivisibleRendition {
  /** That its files' names begin with. */
  readonly name: string;
  /** The graph's output that it encodes, e.g. `[v0]`. */
  readonly pad: string;
  readonly encoder: { readonly name: string; readonly device: string };
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  /** Of the encoder: quality, speed, key frames, colours. No timing, no muxing. */
  readonly options: readonly string[];
  /** Greatest bit rate in bit/s, where the encoder is bound to one. */
  readonly peakRate: number | null;
}

/** What a graph begins with and makes of several frames: a chunk cuts its own out behind it. */
export interface Temporal {
  /** As the graph has them, one after the other. */
  readonly filters: readonly string[];
  /** A picture is made of a frame, the one before and the one after it. */
  readonly deinterlaces: boolean;
  /** That frames are chosen for; null keeps each at its time. */
  readonly rate: Rational | null;
}

/**
 * How a plan's pictures can be made in parts: the same graph, the same encoders with the same options. Absent from
 * plans whose work does not divide.
 */
export interface Divisible {
  /** Key of the input. */
  readonly source: string;
  readonly inputOptions: readonly string[];
  /** The whole's, beginning with the link of the stream: `[0:0]scale=...[v0]`. */
  readonly graph: string;
  /** Absent: it makes every picture of one frame. */
  readonly temporal?: Temporal;
  readonly preset: string;
  readonly renditions: readonly DivisibleRendition[];
  /** Renditions of a ladder have a key frame at the first frame at or after each multiple of this; else null. */
  readonly alignedSeconds: number | null;
  /** What is not pictures: outputs of one ffmpeg run, and what they promise. Null where there is nothing. */
  readonly sound: {
    readonly outputs: FfmpegStep["outputs"];
    readonly promises: readonly PromisedOutput[];
  } | null;
  /** What the parts become: a presentation over their files, or one file. */
  readonly result:
    | { readonly kind: "package"; readonly step: PackageStep }
    | {
        readonly kind: "file";
        readonly muxer: string;
        /** Of streams copied: names of languages, tags of codecs, the container's own. */
        readonly options: readonly string[];
        /** The file of `sound`. */
        readonly soundFile: string | null;
      };
}

/** What the gate compares an output with before it is reported. Null fields are not compared. */
export interface PromisedOutput {
  /** Key of the task's outputs (`out_1`). */
  readonly key: string;
  /** Its name in the scratch directory; a companion and a part are delivered under it, too. */
  readonly file: string;
  readonly format: FileFormat;
  /** Absent: the file that was asked for. */
  readonly role?: FileRole;
  readonly video: {
    readonly codec: VideoCodec | "gif" | "mjpeg" | "png" | null;
    readonly width: number | null;
    readonly height: number | null;
    /** Presented frames: exact where the plan can know, else null. */
    readonly frames: number | null;
    /** As the source has them: whether they are of one kind to the end is to be seen. */
    readonly isCopy?: true;
  } | null;
  readonly audio: { readonly codec: string | null; readonly channels: number | null } | null;
  /** How many tracks of text; absent: not compared. */
  readonly subtitles?: number;
  /** Kinds of stream that the plan cannot tell: there may be some or none, whatever stands above. */
  readonly unknown?: readonly ("video" | "audio")[];
  readonly durationSeconds: number | null;
  readonly durationToleranceSeconds: number;
  /** It goes on where another file ends, which is checked too: of its pictures only the last are decoded. */
  readonly continues?: boolean;
  /** Of a text: files that it may name though they are not beside it, with their sizes in bytes. */
  readonly elsewhere?: Readonly<Record<string, number>>;
  /** Absent: nothing to compare its pictures with. */
  readonly reference?: Reference;
}

export interface Plan {
  readonly status: "planned";
  /** In a word what is done, for people: `passthrough`, `remux`, `encode`. */
  readonly action: string;
  readonly steps: readonly Step[];
  readonly outputs: readonly PromisedOutput[];
  readonly division?: Divisible;
}

/** The source cannot become what was asked; said before anything is encoded. */
export interface Rejection {
  readonly status: "rejected";
  readonly code: "UNSUPPORTED_FORMAT" | "UNSUPPORTED_COMMAND";
  readonly detail: string;
}

export type PlanResult = Plan | Rejection;
