/** Videos: what the API says of an uploaded source. */
import { z } from "zod";
import { idSchema } from "../ids.ts";
import { videoMetadataSchema } from "../media.ts";
import { listSchema, timeSchema } from "./common.ts";

export const videoSchema = z.object({
  videoId: idSchema("video"),
  filename: z.string(),
  /** Bytes; 0 while a file of unknown length is still arriving. */
  size: z.number().int(),
  contentType: z.string(),
  state: z.enum(["uploading", "ready"]),
  /** Null until read from the container's head, and where that cannot be read at the edge (AVI). */
  metadata: videoMetadataSchema.nullable(),
  createdAt: timeSchema,
});
export type Video = z.infer<typeof videoSchema>;

export const videoListSchema = listSchema("videos", videoSchema);
export type VideoList = z.infer<typeof videoListSchema>;

/** Longer names are refused; shorter ones are cut to 255 bytes (see `filename` in the answer). */
export const MAX_RAW_FILENAME_CHARACTERS = 4096;

/** `?filename=` of a single-request upload; a form's own file name goes without it. */
export const videoUploadQuerySchema = z.strictObject({
  filename: z
    .string({ error: "must be given once" })
    .min(1)
    .max(MAX_RAW_FILENAME_CHARACTERS)
    .optional(),
});
