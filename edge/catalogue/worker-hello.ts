/** What a worker last said of itself, for the lists. */

/** Keeps the newest `hello`; an older one that comes late changes nothing. `hello` is JSON of name, slots, capabilities. */
export async function recordHello(
  db: D1Database,
  said: { readonly workerId: string; readonly hello: string; readonly at: number },
): Promise<void> {
  await db
    .prepare(
      `UPDATE workers SET last_hello = ?2, last_seen_at = ?3
       WHERE id = ?1 AND (last_seen_at IS NULL OR last_seen_at <= ?3)`,
    )
    .bind(said.workerId, said.hello, said.at)
    .run();
}
