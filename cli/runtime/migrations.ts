import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** What is needed of D1 here; the embedded runtime's proxy has it. */
export interface MigratableDatabase {
  prepare(sql: string): {
    bind(...values: unknown[]): ReturnType<MigratableDatabase["prepare"]>;
    all(): Promise<{ results: unknown[] }>;
  };
  batch(statements: ReturnType<MigratableDatabase["prepare"]>[]): Promise<unknown>;
}

/**
 * Splits a migration into statements at semicolons that end a line. Ours hold no triggers and no
 * semicolon inside a literal; a test keeps it so.
 */
export function splitStatements(sql: string): string[] {
  return sql
    .replace(/^--.*$/gm, "")
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/**
 * Applies the numbered migrations that the database has not seen, each in one batch with its row in
 * `d1_migrations`, the table `wrangler d1 migrations apply` keeps: either may follow the other.
 *
 * @returns the names applied now, in order.
 */
export async function applyMigrations(
  database: MigratableDatabase,
  folder: string,
): Promise<readonly string[]> {
  await database
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .all();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const seen = new Set((results as { name: string }[]).map((row) => row.name));
  const files = (await readdir(folder)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  const pending = files.filter((name) => !seen.has(name));
  for (const name of pending) {
    const statements = splitStatements(await readFile(path.join(folder, name), "utf8"));
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
  return pending;
}
