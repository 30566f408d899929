/**
 * Signed URLs of a job's outputs: `/v1/signed/<token>/<name>`. The signature is a path segment because a
 * relative URL inside a playlist drops the query; one token covers every output of that run of the job.
 */
import { z } from "zod";
import type { Settings } from "../env.ts";
import { readToken, signToken } from "./token.ts";

export interface OutputClaims {
  readonly accountId: string;
  readonly jobId: string;
  readonly run: number;
  /**
   * Whether the job had completed when the URL was signed: its holder was promised the whole of it, so a record that
   * is behind, and still says that the output grows, must not answer.
   */
  readonly isWhole: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const PURPOSE = "output-url/1";
const payloadSchema = z.tuple([z.string(), z.string(), z.number(), z.boolean(), z.number()]);

/** An absolute URL of the output `name`, good for `OUTPUT_URL_TTL_SECONDS` from `now` (milliseconds). */
export async function signOutputUrl(
  settings: Settings,
  output: {
    /** E.g. `https://video.example.com`, without a trailing slash. */
    readonly origin: string;
    readonly accountId: string;
    readonly jobId: string;
    readonly run: number;
    readonly isWhole: boolean;
    readonly name: string;
    readonly now: number;
  },
): Promise<string> {
  const expiresAt = output.now + settings.outputUrlTtlSeconds * 1000;
  const payload: z.infer<typeof payloadSchema> = [
    output.accountId,
    output.jobId,
    output.run,
    output.isWhole,
    expiresAt,
  ];
  const token = await signToken(settings.signingSecret, PURPOSE, payload);
  return `${output.origin}/v1/signed/${token}/${encodeURIComponent(output.name)}`;
}

/** What the token permits; null if it is forged or `now` is at or past its end. */
export async function readOutputToken(
  settings: Settings,
  token: string,
  now: number,
): Promise<OutputClaims | null> {
  const read = await readToken(settings.signingSecret, PURPOSE, token);
  if (read === null) return null;
  const parsed = payloadSchema.safeParse(read.payload);
  if (!parsed.success) return null;
  const [accountId, jobId, run, isWhole, expiresAt] = parsed.data;
  return expiresAt <= now ? null : { accountId, jobId, run, isWhole, expiresAt };
}
