import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { expect, test } from "vitest";
import * as schema from "../../../edge/catalogue/schema.ts";
import { testEnv } from "../http/harness.ts";

interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

test("the migrations make the tables and columns that the drizzle schema describes", async () => {
  const tables = Object.values(schema).filter((each) => each instanceof SQLiteTable);
  const made = await testEnv.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*_cf_*' AND name NOT GLOB 'sqlite_*' AND name <> 'd1_migrations'",
  ).all<{ name: string }>();
  expect(tables.map((table) => getTableConfig(table).name).sort()).toEqual(
    made.results.map((row) => row.name).sort(),
  );
  for (const table of tables) {
    const { name, columns, primaryKeys } = getTableConfig(table);
    const { results } = await testEnv.DB.prepare(`PRAGMA table_info(${name})`).all<Column>();
    const composite = primaryKeys.flatMap((key) => key.columns.map((column) => column.name));
    expect(
      columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        required: column.notNull,
        key: column.primary || composite.includes(column.name),
      })),
      name,
    ).toEqual(
      results.map((column) => ({
        name: column.name,
        type: column.type.toLowerCase(),
        required: column.notnull === 1,
        key: column.pk > 0,
      })),
    );
  }
});
