/** What all HTTP resources share: times, lists and the health answer. */
import { z } from "zod";

export const healthSchema = z.object({ status: z.literal("ok") });

/** ISO 8601 in UTC, as in `2026-11-22T17:01:02.345Z`. */
export const timeSchema = z.iso.datetime();

export const scopeSchema = z.enum(["read", "write", "admin"]);

/** A week: what a job may ask for at most, of working and of waiting, and a server may allow. */
export const MAX_TIMEOUT_SECONDS = 604_800;

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** A query parameter. One that is repeated arrives as an array. */
export function parameter() {
  return z.string({
    error: (issue) => (Array.isArray(issue.input) ? "must be given once" : undefined),
  });
}

/** A query parameter that is a whole number; everything in a query is text. */
export function wholeNumberParameter(min: number, max: number) {
  return parameter()
    .regex(/^\d{1,9}$/, { error: `must be a whole number from ${min} to ${max}` })
    .transform(Number)
    .refine((value) => value >= min && value <= max, {
      error: `must be a whole number from ${min} to ${max}`,
    });
}

/** `limit` and `cursor`, which every list takes. */
export const pageQueryShape = {
  limit: wholeNumberParameter(1, MAX_LIMIT).default(DEFAULT_LIMIT),
  cursor: parameter().min(1).max(200).optional(),
};
/** The body of a request that says it all by its path: none, or an empty object. Fields would be a misunderstanding. */
export const emptyRequestSchema = z.strictObject({});

export const pageQuerySchema = z.strictObject(pageQueryShape);

/** `{<plural>: [...], nextCursor}`. */
export function listSchema<Plural extends string, Item extends z.ZodType>(
  plural: Plural,
  item: Item,
) {
  return z.object({
    [plural]: z.array(item),
    nextCursor: z.string().nullable(),
  } as Record<Plural, z.ZodArray<Item>> & { nextCursor: z.ZodNullable<z.ZodString> });
}

/** Of a client's `metadata`, as JSON in UTF-8. */
const MAX_METADATA_BYTES = 4096;
/** SQLite refuses JSON nested deeper than 1,000, and serializers of many languages far shallower. */
const MAX_METADATA_DEPTH = 64;

function isNestedAtMost(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isNestedAtMost(inner, depth - 1));
}

/** Bytes of a value's JSON in UTF-8. JSON escapes lone surrogates, so encoding it cannot throw. */
function jsonBytes(value: unknown): number {
  return encodeURIComponent(JSON.stringify(value)).replace(/%[0-9A-F]{2}/g, "x").length;
}

/** A client's own data, echoed back as it is. */
export const clientMetadataSchema = z
  .record(z.string(), z.unknown())
  .refine((value) => isNestedAtMost(value, MAX_METADATA_DEPTH), {
    error: `must be nested at most ${MAX_METADATA_DEPTH} deep`,
    // The length of what is nested without end cannot be taken.
    abort: true,
  })
  .refine((value) => jsonBytes(value) <= MAX_METADATA_BYTES, {
    error: `must be at most ${MAX_METADATA_BYTES} bytes of JSON`,
  });
