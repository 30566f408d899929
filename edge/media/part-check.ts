/** Whether an upload's parts make up its file, decided from what was recorded and what the client lists. */
import type { RecordedPart } from "../catalogue/uploads.ts";
import { type PartPlan, partCountOf, sizeOfPart } from "./part-plan.ts";

/** A part as a client lists it at complete. */
export interface ListedPart {
  readonly partNumber: number;
  readonly etag: string;
}

/** A part to complete with, and the ETags that may be the stored one, likeliest first. */
export interface PartChoice {
  readonly partNumber: number;
  readonly etags: readonly [string, ...string[]];
}

export type PartCheck =
  | { readonly status: "ok"; readonly parts: readonly PartChoice[] }
  | { readonly status: "incomplete"; readonly detail: string };

/** Problems named one by one before the rest are only counted: a detail is to be read. */
const MAX_NAMED = 20;

/**
 * Checks the parts of a proxied upload. `listed` null means that the client trusts what was recorded; otherwise
 * it must list every part, by an ETag that is still current.
 */
export function checkProxiedParts(
  plan: PartPlan,
  recorded: readonly RecordedPart[],
  listed: readonly ListedPart[] | null,
): PartCheck {
  const byNumber = new Map(recorded.map((part) => [part.partNumber, part]));
  const wanted = listed === null ? null : index(listed);
  const problems: string[] = unknownParts(plan, listed);
  const parts: PartChoice[] = [];
  for (let n = 1; n <= partCountOf(plan); n++) {
    const part = byNumber.get(n);
    const asked = wanted?.get(n);
    const expected = sizeOfPart(plan, n);
    if (part === undefined) problems.push(`part ${n} is missing`);
    else if (part.size !== expected) {
      problems.push(`part ${n} has ${part.size} bytes instead of ${expected}`);
    } else if (wanted !== null && asked === undefined) problems.push(`part ${n} is not listed`);
    else if (asked !== undefined && asked !== part.etag && !part.rivals.includes(asked)) {
      problems.push(`part ${n} has another etag than the one listed`);
    } else {
      parts.push({
        partNumber: n,
        etags: asked === undefined ? [part.etag, ...part.rivals] : [asked],
      });
    }
  }
  return verdict(problems, parts);
}

/** Checks the list a client completes a direct upload with: the store alone knows those parts. */
export function checkDirectParts(plan: PartPlan, listed: readonly ListedPart[]): PartCheck {
  const wanted = index(listed);
  const problems: string[] = unknownParts(plan, listed);
  const parts: PartChoice[] = [];
  for (let n = 1; n <= partCountOf(plan); n++) {
    const etag = wanted.get(n);
    if (etag === undefined) problems.push(`part ${n} is not listed`);
    else parts.push({ partNumber: n, etags: [etag] });
  }
  return verdict(problems, parts);
}

/**
 * The lists to try to complete with, likeliest first: one, but for parts whose writes overlapped. At most
 * `limit`, since every combination is a call to the store.
 */
export function* partLists(parts: readonly PartChoice[], limit: number): Generator<ListedPart[]> {
  const contested = parts.filter((part) => part.etags.length > 1);
  const total = contested.reduce((product, part) => product * part.etags.length, 1);
  for (let i = 0; i < Math.min(total, limit); i++) {
    let rest = i;
    const chosen = new Map<number, string>();
    for (const part of contested) {
      chosen.set(part.partNumber, part.etags[rest % part.etags.length] ?? part.etags[0]);
      rest = Math.floor(rest / part.etags.length);
    }
    yield parts.map((part) => ({
      partNumber: part.partNumber,
      etag: chosen.get(part.partNumber) ?? part.etags[0],
    }));
  }
}

/** HTTP puts quotes around an ETag, JSON lists of them often do not: both mean the same. */
export function bareEtag(etag: string): string {
  return etag.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

function index(listed: readonly ListedPart[]): Map<number, string> {
  return new Map(listed.map((part) => [part.partNumber, bareEtag(part.etag)]));
}

function unknownParts(plan: PartPlan, listed: readonly ListedPart[] | null): string[] {
  const count = partCountOf(plan);
  return (listed ?? [])
    .filter((part) => part.partNumber > count)
    .map((part) => `part ${part.partNumber} does not exist: the upload has ${count}`);
}

function verdict(problems: readonly string[], parts: readonly PartChoice[]): PartCheck {
  if (problems.length === 0) return { status: "ok", parts };
  const named = problems.slice(0, MAX_NAMED).join("; ");
  const more = problems.length - MAX_NAMED;
  return { status: "incomplete", detail: more > 0 ? `${named}; and ${more} more.` : `${named}.` };
}
