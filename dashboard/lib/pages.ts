/** A list that comes in pages: the first kept fresh, more on request. */
import { useEffect, useState } from "preact/hooks";
import { useAction, useResource } from "./resource.ts";

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface Pages<T> {
  /** Undefined until the first page has come. */
  readonly items: readonly T[] | undefined;
  readonly error: unknown;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly more: () => void;
  readonly reload: () => void;
}

/**
 * Loads the first page when `key` changes and every `everyMs`, which may depend on what the page holds; further pages
 * stay as they were when they were asked for.
 */
export function usePages<T>(
  key: string,
  load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
  options: { readonly everyMs?: number | ((items: readonly T[]) => number) } = {},
): Pages<T> {
  const { everyMs } = options;
  const [pace, setPace] = useState(typeof everyMs === "function" ? everyMs([]) : everyMs);
  const first = useResource(
    key,
    async (signal) => {
      const page = await load(undefined, signal);
      if (typeof everyMs === "function") setPace(everyMs(page.items));
      return page;
    },
    pace === undefined ? {} : { everyMs: pace },
  );
  const [rest, setRest] = useState<Page<T> | null>(null);
  // Another list has other pages.
  useEffect(() => setRest(null), [key]);
  const cursor = (rest ?? first.data)?.nextCursor ?? null;
  const next = useAction(async () => {
    if (cursor === null) return;
    const page = await load(cursor, AbortSignal.timeout(60_000));
    setRest((was) => ({ ...page, items: [...(was?.items ?? []), ...page.items] }));
  });
  const items =
    first.data === undefined ? undefined : [...first.data.items, ...(rest?.items ?? [])];
  return {
    items,
    error: first.error ?? next.error,
    // Once further pages are shown, the end of the list is theirs to tell.
    hasMore: cursor !== null,
    isLoadingMore: next.isBusy,
    more: () => void next.run(),
    reload: first.reload,
  };
}
