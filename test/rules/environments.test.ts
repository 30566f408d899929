/** Staging and production are what development is, under names of their own. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";

const config = path.resolve(import.meta.dirname, "../../wrangler.toml");

/** What an environment binds, without the names of the resources. */
function shapeOf(environment: string | undefined) {
  const read = readConfig({ config, ...(environment === undefined ? {} : { env: environment }) });
  return {
    databases: read.d1_databases.map(({ binding, migrations_dir }) => [binding, migrations_dir]),
    buckets: read.r2_buckets.map(({ binding }) => binding),
    objects: read.durable_objects.bindings.map(({ name, class_name }) => [name, class_name]),
    migrations: read.migrations,
    producers: read.queues.producers?.map(({ binding }) => binding),
    consumers: read.queues.consumers?.map(({ queue: _, ...settings }) => settings),
    triggers: read.triggers,
    assets: read.assets,
    vars: read.vars,
    compatibility: [read.compatibility_date, read.compatibility_flags],
  };
}

function namesOf(environment: string | undefined): readonly string[] {
  const read = readConfig({ config, ...(environment === undefined ? {} : { env: environment }) });
  return [
    read.name ?? "",
    ...read.d1_databases.map(({ database_name }) => database_name ?? ""),
    ...read.r2_buckets.map(({ bucket_name }) => bucket_name ?? ""),
    ...(read.queues.producers ?? []).map(({ queue }) => queue),
    ...(read.queues.consumers ?? []).map(({ queue }) => queue),
  ];
}

describe.each(["staging", "production"])("the environment %s", (environment) => {
  test("binds what the default one binds", () => {
    expect(shapeOf(environment)).toEqual(shapeOf(undefined));
  });

  test("shares no resource with the default one", () => {
    const own = new Set(namesOf(undefined));
    expect(namesOf(environment).filter((name) => own.has(name))).toEqual([]);
  });
});
