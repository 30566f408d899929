/** Cursors: the id of the last item given, wrapped so that nobody builds on what is inside. */
import { type IdKind, isId } from "../../protocol/ids.ts";
import { ApiError } from "./errors.ts";

/** What a list asks the catalogue for: one more than it shows, to know whether there is a next page. */
export interface PageQuery {
  readonly limit: number;
  readonly before: string | null;
}

function base64url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** What a cursor wraps; null for what is none. */
export function readCursor(text: string): string | null {
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
}

/** Reads `limit` and `cursor` of a list of things of this kind; a cursor of another list is refused. */
export function readPage(
  kind: IdKind,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): PageQuery {
  if (query.cursor === undefined) return { limit: query.limit + 1, before: null };
  const before = readCursor(query.cursor);
  if (before === null || !isId(kind, before)) {
    throw new ApiError(
      "VALIDATION_ERROR",
      "cursor must be the nextCursor of an answer of this list",
    );
  }
  return { limit: query.limit + 1, before };
}

/** Splits what the catalogue gave into the page and the cursor of the next one. */
export function toPage<Row>(
  rows: readonly Row[],
  limit: number,
  idOf: (row: Row) => string,
): { readonly items: readonly Row[]; readonly nextCursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items, nextCursor: hasMore ? base64url(idOf(last)) : null };
}
