/** Browser sessions: what a key is exchanged for, so that no script ever holds it. */
import { z } from "zod";
import { scopeSchema, timeSchema } from "./common.ts";

export const sessionRequestSchema = z.strictObject({
  key: z.string().min(1).max(512).describe("An API key."),
});

export const sessionSchema = z
  .object({
    accountId: z.string(),
    keyId: z.string().nullable().describe("Null for ROOT_API_KEY."),
    scopes: z.array(scopeSchema),
    expiresAt: timeSchema
      .nullable()
      .describe("When the session ends; null where the request came with a key of its own."),
  })
  .meta({ id: "Session" });
export type Session = z.infer<typeof sessionSchema>;
