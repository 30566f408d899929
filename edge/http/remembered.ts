/**
 * What this isolate has looked up in the record before. Nobody tells it of changes: whoever uses what it remembers has
 * that confirmed by the statement that relies on it, or asks for what never changes.
 */
export class Remembered<T> {
  readonly #limit: number;
  readonly #byDatabase = new WeakMap<D1Database, Map<string, T>>();

  /** @param limit how many are kept; beyond it the one looked up longest ago goes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(db: D1Database, key: string): T | undefined {
    return this.#byDatabase.get(db)?.get(key);
  }

  set(db: D1Database, key: string, value: T): void {
    const known = this.#byDatabase.get(db) ?? new Map<string, T>();
    this.#byDatabase.set(db, known);
    known.delete(key);
    known.set(key, value);
    const [oldest] = known.keys();
    if (known.size > this.#limit && oldest !== undefined) known.delete(oldest);
  }
}
