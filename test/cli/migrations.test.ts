import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { splitStatements } from "../../cli/runtime/migrations.ts";

const folder = fileURLToPath(new URL("../../migrations/", import.meta.url));
const files = readdirSync(folder).sort();

describe("the migrations", () => {
  test("are numbered without a gap", () => {
    expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(
      files.map((_, index) => index + 1),
    );
  });

  test("make, statement by statement, what they make when SQLite reads them whole", () => {
    const whole = new DatabaseSync(":memory:");
    const split = new DatabaseSync(":memory:");
    for (const name of files) {
      const sql = readFileSync(path.join(folder, name), "utf8");
      whole.exec(sql);
      for (const statement of splitStatements(sql)) split.prepare(statement).run();
    }
    const schemaOf = (database: DatabaseSync) =>
      database.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY name").all();
    expect(schemaOf(split)).toEqual(schemaOf(whole));
    expect(schemaOf(split).length).toBeGreaterThan(10);
  });
});
