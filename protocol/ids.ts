/**
 * Identifiers: a prefix that names the kind and a ULID (https://github.com/ulid/spec), so that ids of
 * one kind sort by creation time. Made at the edge; this file only describes them.
 */
import { z } from "zod";

export const idPrefixes = {
  video: "vid_",
  upload: "upl_",
  job: "job_",
  worker: "wkr_",
  webhook: "whk_",
  delivery: "dlv_",
  preset: "pre_",
  key: "key_",
} as const;

export type IdKind = keyof typeof idPrefixes;
export type IdOf<K extends IdKind> = `${(typeof idPrefixes)[K]}${string}`;

/** Crockford base32 without I, L, O, U; the first digit is at most 7 (128 bits). */
const ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}";

const patterns = Object.fromEntries(
  Object.entries(idPrefixes).map(([kind, prefix]) => [kind, new RegExp(`^${prefix}${ULID}$`)]),
) as Record<IdKind, RegExp>;

/** Whether `text` is a well-formed id of the kind. Says nothing about whether it exists. */
export function isId<K extends IdKind>(kind: K, text: string): text is IdOf<K> {
  return patterns[kind].test(text);
}

/** Schema of one kind of id. It is a string's, so that the OpenAPI document can say its pattern. */
export function idSchema<K extends IdKind>(kind: K): z.ZodType<IdOf<K>, IdOf<K>> {
  const text = z.string().regex(patterns[kind], {
    error: `must be an id of the form ${idPrefixes[kind]}<ULID>`,
  });
  // The pattern is the type: what it lets through begins with the prefix.
  return text as unknown as z.ZodType<IdOf<K>, IdOf<K>>;
}

/**
 * A task's id is derived from its job and its place in the plan, so that creating a job twice makes
 * the same tasks: `tsk_<the job's ULID>_<index>`.
 */
export function taskIdOf(jobId: string, index: number): string {
  return `tsk_${jobId.slice(idPrefixes.job.length)}_${index}`;
}

export const taskIdSchema = z.string().regex(new RegExp(`^tsk_${ULID}_\\d{1,6}$`));

/** Accounts and pools are slugs. */
export const slugSchema = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, {
  error: "must be 1 to 64 lower-case letters, digits or inner hyphens",
});
