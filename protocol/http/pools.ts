/** Pools as clients see them. */
import { z } from "zod";

/** Most shards of one pool: at several hundred workers each, more than any fleet has. */
export const MAX_SHARDS = 64;

export const poolRequestSchema = z.strictObject({
  shards: z.number().int().min(1).max(MAX_SHARDS),
});

export const poolSchema = z
  .object({
    name: z.string(),
    shards: z.number().int().describe("Objects that new jobs are spread over."),
    shardsInUse: z
      .number()
      .int()
      .describe("With those that are drained: they go when their last job has ended."),
  })
  .meta({ id: "Pool" });
