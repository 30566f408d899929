/**
 * The HTTP calls a lease's grant permits, relative to its `base` (`/v1/leases/<token>`), which is the only
 * credential. They answer 401 once the grant has expired, and errors in the one shape of `errors.ts`.
 *
 * - `GET  {base}/inputs/{key}`            the source; ranges and HEAD
 * - `POST {base}/outputs`                 `beginOutputSchema` → 201 `begunOutputSchema`: where the bytes go
 * - `PUT  {base}/outputs/{filename}`      one write; 200 `{etag}`
 * - `HEAD {base}/outputs/{filename}`      whether it is written: `ETag` and `Content-Length`, or 404
 * - `PUT  {base}/outputs/{filename}/parts/{n}?uploadId=`  one part; 200 `{etag}`; again, it is replaced
 * - `POST {base}/outputs/{filename}/part-urls`  `morePartUrlsSchema` → `partUrlsSchema`
 *
 * A body must have a Content-Length. A PUT of an output may be repeated when its answer was lost: the same
 * bytes again are 200, others are 412 PRECONDITION_FAILED and change nothing. `Content-Digest: sha-256=:...:`
 * (RFC 9530) with a PUT has the bytes checked on arrival.
 *
 * In direct mode `begunOutput` names presigned URLs of the store instead of the PUTs; the agent follows
 * whatever URLs it was given, resolved against the edge's own. The store answers 412 to every repeated PUT:
 * HEAD then tells whether what is there is the agent's (length, and MD5 as the ETag). Parts are equal but
 * for the last.
 */
import { z } from "zod";
import { outputFilenameSchema, outputKeySchema } from "./task.ts";

/** Above this an output goes up in parts. */
export const MULTIPART_THRESHOLD_BYTES = 64 * 1024 * 1024;

export const beginOutputSchema = z.strictObject({
  key: outputKeySchema,
  filename: outputFilenameSchema,
  contentType: z.string().max(128),
  /** Null while the encoder still writes: then it goes up in parts. */
  sizeBytes: z.number().int().positive().nullable(),
});

export const begunOutputSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("single"),
    url: z.string(),
    /** Headers to send with the PUT, signed in direct mode. */
    headers: z.record(z.string(), z.string()),
  }),
  z.object({
    kind: z.literal("multipart"),
    uploadId: z.string(),
    partSizeBytes: z.number().int().positive(),
    /** URL of part n at index n−1; enough for the declared size, or a first batch when it is unknown. */
    partUrls: z.array(z.string()),
    /** POST here with `{from, count}` for more of them. */
    morePartUrls: z.string(),
  }),
]);
export type BegunOutput = z.infer<typeof begunOutputSchema>;

export const morePartUrlsSchema = z.strictObject({
  uploadId: z.string().max(1024),
  from: z.number().int().min(1).max(10_000),
  count: z.number().int().min(1).max(100),
});
export const partUrlsSchema = z.object({ partUrls: z.array(z.string()) });
export const putAnswerSchema = z.object({ etag: z.string() });
