/** What workers last said of themselves, for the lists. */

export interface SaidHello {
  readonly workerId: string;
  /** JSON of name, slots and capabilities. */
  readonly hello: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Keeps the newest `hello` of each worker; an older one that comes late changes nothing. */
export async function recordHellos(db: D1Database, said: readonly SaidHello[]): Promise<void> {
  const newest = new Map<string, SaidHello>();
  for (const one of said) {
    const other = newest.get(one.workerId);
    if (other === undefined || other.at <= one.at) newest.set(one.workerId, one);
  }
  await db
    .prepare(
      `UPDATE workers SET last_hello = said.value ->> 'hello', last_seen_at = said.value ->> 'at'
       FROM json_each(?1) AS said
       WHERE workers.id = said.value ->> 'workerId'
         AND (last_seen_at IS NULL OR last_seen_at <= said.value ->> 'at')`,
    )
    .bind(JSON.stringify([...newest.values()]))
    .run();
}
