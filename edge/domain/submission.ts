import type { TaskOutput, Work } from "../../protocol/task.ts";

/** An input with where its bytes are. */
export type JobInput =
  | {
      readonly kind: "video";
      readonly videoId: string;
      /** Key of the source object in the store. */
      readonly key: string;
      readonly etag: string;
      readonly filename: string;
      readonly contentType: string;
      readonly sizeBytes: number;
    }
  | { readonly kind: "url"; readonly url: string };

/**
 * A job as it was accepted: all that the pool needs to create it. It is in the job's D1 row, and every
 * call to the pool about a job carries it, so that whichever call comes first creates the job. Immutable.
 */
export interface JobSubmission {
  readonly jobId: string;
  readonly accountId: string;
  readonly pool: string;
  readonly shard: number;
  /** Milliseconds since the epoch, from the edge's clock. */
  readonly createdAt: number;
  readonly work: Work;
  readonly inputs: Readonly<Record<string, JobInput>>;
  readonly outputs: Readonly<Record<string, TaskOutput>>;
  /** Whether the pictures are measured against the source. Absent: not. */
  readonly quality?: boolean;
  /** Of the request that asked for it (W3C Trace Context); absent where that had none. */
  readonly traceId?: string;
  readonly webhookUrl: string | null;
  readonly presetId: string | null;
  /** -10 to 10, higher first. */
  readonly priority: number;
  readonly timeoutSeconds: number;
  readonly queueTimeoutSeconds: number;
  readonly maxAttempts: number;
  /** The client's, echoed back. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** SHA-256 (hex) of the canonical spec: what makes two jobs the same work. */
  readonly specHash: string;
  /** Origin that output URLs in webhooks are made with, e.g. `https://video.example.com`. */
  readonly origin: string;
}
