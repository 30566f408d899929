/** W3C Trace Context (https://www.w3.org/TR/trace-context/): the id that a request, its job and its attempts share. */
import { z } from "zod";

/** `trace-id`, section 3.2.2.3: 32 lower-case hex digits, not all zero. */
export const traceIdSchema = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/);

/**
 * The trace id of a `traceparent` header, or null where there is none or it is not valid. Versions to come may append
 * fields (section 3.2.4); `ff` is none.
 */
export function traceIdOf(header: string | undefined): string | null {
  const match = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(
    header?.trim() ?? "",
  );
  const [, version, traceId, parentId, more] = match ?? [];
  if (traceId === undefined || parentId === "0".repeat(16)) return null;
  if (version === "00" && more !== undefined) return null;
  return traceIdSchema.safeParse(traceId).success ? traceId : null;
}
