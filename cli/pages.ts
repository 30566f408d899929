/** Lists that come in pages of at most 200. */

const PAGE = 200;

/** The first `limit` items of a list, asked for page by page. */
export async function firstOf<Item>(
  limit: number,
  page: (query: {
    readonly limit: number;
    readonly cursor?: string;
  }) => Promise<{ readonly items: readonly Item[]; readonly nextCursor: string | null }>,
): Promise<{ readonly items: readonly Item[]; readonly nextCursor: string | null }> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: Math.min(PAGE, limit - items.length) };
    const answer: Awaited<ReturnType<typeof page>> = await page(
      cursor === null ? query : { ...query, cursor },
    );
    items.push(...answer.items);
    cursor = answer.nextCursor;
  } while (cursor !== null && items.length < limit);
  return { items, nextCursor: cursor };
}
