/** Uploads in parts: how a client sends a file that may take hours and break in the middle. */
import { z } from "zod";
import { type ApiErrorCode, apiErrors } from "../errors.ts";
import { idSchema } from "../ids.ts";
import { clientMetadataSchema, timeSchema } from "./common.ts";
import { MAX_RAW_FILENAME_CHARACTERS } from "./videos.ts";

/** S3 and R2 number parts from 1 to 10,000. */
const partNumberSchema = z.number().int().min(1).max(10_000);

export const createUploadSchema = z.strictObject({
  filename: z.string().min(1).max(MAX_RAW_FILENAME_CHARACTERS),
  /** Exact size of the file in bytes. */
  size: z.number().int().min(1),
  /** Informative: a video is stored under the type that its extension stands for. */
  contentType: z
    .string()
    .max(255)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;.*)?$/, { error: "must be a media type" })
    .optional(),
  metadata: clientMetadataSchema.optional(),
});
export type CreateUpload = z.infer<typeof createUploadSchema>;

const uploadModeSchema = z.enum(["proxied", "direct"]);

export const createdUploadSchema = z.object({
  uploadId: idSchema("upload"),
  videoId: idSchema("video"),
  /** Bytes of every part but the last. */
  partSize: z.number().int(),
  partCount: z.number().int(),
  mode: uploadModeSchema,
  expiresAt: timeSchema,
});
export type CreatedUpload = z.infer<typeof createdUploadSchema>;

export const uploadedPartSchema = z.object({
  partNumber: partNumberSchema,
  etag: z.string(),
  size: z.number().int(),
});
export type UploadedPart = z.infer<typeof uploadedPartSchema>;

export const uploadSchema = createdUploadSchema.extend({
  state: z.enum(["open", "completing", "completed", "rejected"]),
  filename: z.string(),
  size: z.number().int(),
  /** Parts that have arrived; a direct upload's are known to the store alone until it is completed. */
  parts: z.array(uploadedPartSchema),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  /** Why `complete` refused the file for good. */
  rejection: z
    .object({
      code: z.enum(Object.keys(apiErrors) as [ApiErrorCode, ...ApiErrorCode[]]),
      detail: z.string(),
    })
    .nullable(),
  createdAt: timeSchema,
});
export type Upload = z.infer<typeof uploadSchema>;

/** Part URLs a client may ask for at once. */
const MAX_PART_URLS = 1000;

export const partUrlsRequestSchema = z.strictObject({
  partNumbers: z.array(partNumberSchema).min(1).max(MAX_PART_URLS),
});

export const partUrlsAnswerSchema = z.object({
  parts: z.array(z.object({ partNumber: partNumberSchema, url: z.string(), size: z.number() })),
  expiresAt: timeSchema,
});
export type PartUrls = z.infer<typeof partUrlsAnswerSchema>;

/** A part as it was acknowledged; `size` is there so that an answer to a part's PUT can be passed back as it is. */
const listedPartSchema = z.strictObject({
  partNumber: partNumberSchema,
  etag: z.string().min(1).max(1024),
  size: z.number().int().min(0).optional(),
});

/** `parts` may be left out in proxied mode: what was acknowledged is recorded. */
export const completeUploadSchema = z.strictObject({
  parts: z
    .array(listedPartSchema)
    .min(1)
    .max(10_000)
    .refine((parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length, {
      error: "must list each part once",
    })
    .optional(),
});
