/** API keys as clients see them. */
import { z } from "zod";
import { slugSchema } from "../ids.ts";
import { listSchema, pageQueryShape, scopeSchema, timeSchema } from "./common.ts";

/** Ten years: longer than any key should live, and short enough that the sum stays a date. */
export const MAX_EXPIRY_SECONDS = 315_360_000;

/** How long a credential lives; without it, until it is revoked. */
export const expirySchema = z.number().int().min(1).max(MAX_EXPIRY_SECONDS);

/** A name that people give a thing: one line, without control characters. */
export const displayNameSchema = z
  .string()
  .min(1)
  .max(100)
  // Not `regex`: it would put the flag into the pattern of the OpenAPI document.
  .refine((name) => /^[^\p{Cc}\p{Zl}\p{Zp}]*$/u.test(name), {
    error: "must not contain control characters",
  });

export const keyRequestSchema = z.strictObject({
  name: displayNameSchema,
  scopes: z
    .array(scopeSchema)
    .min(1)
    .refine((scopes) => new Set(scopes).size === scopes.length, {
      error: "must name each scope once",
    }),
  accountId: slugSchema.optional().describe("Only ROOT_API_KEY names another account."),
  expiresInSeconds: expirySchema.optional(),
});

/** As a client writes it. */
export type KeyRequest = z.input<typeof keyRequestSchema>;

const keySchema = z
  .object({
    keyId: z.string(),
    name: z.string(),
    scopes: z.array(scopeSchema),
    accountId: z.string(),
    createdAt: timeSchema,
    expiresAt: timeSchema.nullable(),
  })
  .meta({ id: "Key" });
export type Key = z.infer<typeof keySchema>;

/** What is shown in the first answer alone, and left out when it is replayed for an `Idempotency-Key`. */
export const shownOnceSchema = z
  .string()
  .optional()
  .describe("Shown this once: left out where the answer is replayed for an Idempotency-Key.");

export const createdKeySchema = keySchema
  .extend({ key: shownOnceSchema })
  .meta({ id: "CreatedKey" });
export type CreatedKey = z.infer<typeof createdKeySchema>;

export const keyListSchema = listSchema("keys", keySchema);
export type KeyList = z.infer<typeof keyListSchema>;
export const keyListQuerySchema = z.strictObject({
  ...pageQueryShape,
  accountId: slugSchema.optional(),
});
