/**
 * Presigned URLs of the store's S3 API (direct mode): the bytes bypass the Worker. They are SigV4 query
 * signatures; whoever holds one may make that one request until it ends.
 */
import { AwsClient } from "aws4fetch";
import type { Settings } from "../env.ts";
import { objectUrl } from "./s3-url.ts";

export interface PresignTime {
  /** From 1 to 604,800: SigV4's limit is a week. */
  readonly expiresInSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Presigner {
  /** A GET, ranges honoured. */
  get(key: string, time: PresignTime): Promise<string>;
  /** A PUT that succeeds once: `headers` are signed and must be sent as they are. */
  put(
    key: string,
    contentType: string,
    time: PresignTime,
  ): Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }>;
  /** A PUT of one part of a multipart upload. */
  putPart(key: string, uploadId: string, partNumber: number, time: PresignTime): Promise<string>;
}

/** SigV4's ceiling for query signatures. */
const MAX_EXPIRY_SECONDS = 604_800;

/** A presigner over the credentials of the settings, or null when bytes go through the Worker. */
export function createPresigner(settings: Settings): Presigner | null {
  const { direct } = settings;
  if (direct === null) return null;
  const client = new AwsClient({
    accessKeyId: direct.accessKeyId,
    secretAccessKey: direct.secretAccessKey,
    service: "s3",
    region: direct.region,
  });
  const sign = async (
    method: "GET" | "PUT",
    url: URL,
    time: PresignTime,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const seconds = Math.min(Math.max(Math.ceil(time.expiresInSeconds), 1), MAX_EXPIRY_SECONDS);
    url.searchParams.set("X-Amz-Expires", String(seconds));
    const datetime = new Date(time.now).toISOString().replace(/[:-]|\.\d{3}/g, "");
    const signed = await client.sign(url.toString(), {
      method,
      headers,
      // `allHeaders`: aws4fetch leaves content-type unsigned otherwise.
      aws: { signQuery: true, allHeaders: true, datetime },
    });
    return signed.url;
  };
  return {
    get: (key, time) => sign("GET", objectUrl(direct, key), time),
    async put(key, contentType, time) {
      const headers = { "content-type": contentType, "if-none-match": "*" };
      return { url: await sign("PUT", objectUrl(direct, key), time, headers), headers };
    },
    putPart(key, uploadId, partNumber, time) {
      const url = objectUrl(direct, key);
      url.searchParams.set("partNumber", String(partNumber));
      url.searchParams.set("uploadId", uploadId);
      return sign("PUT", url, time);
    },
  };
}
