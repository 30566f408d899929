/** Staging and production are what development is, under names of their own. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";

const config = path.resolve(import.meta.dirname, "../../wrangler.toml");

/** What is read here of wrangler's configuration: the package does not ship the type that it names. */
interface Configuration {
  readonly name?: string;
  readonly d1_databases: readonly Record<string, unknown>[];
  readonly r2_buckets: readonly Record<string, unknown>[];
  readonly durable_objects: { readonly bindings: readonly Record<string, unknown>[] };
  readonly ratelimits: readonly Record<string, unknown>[];
  readonly queues: {
    readonly producers?: readonly Record<string, unknown>[];
    readonly consumers?: readonly Record<string, unknown>[];
  };
  readonly [key: string]: unknown;
}

function read(environment: string | undefined): Configuration {
  return readConfig({ config, ...(environment === undefined ? {} : { env: environment }) });
}

/** Names of resources, which environments must not share. */
const named = ["database_name", "database_id", "bucket_name", "queue", "namespace_id"];

function unnamed(binding: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(binding).filter(([key]) => !named.includes(key)));
}

/** What an environment binds, without the names of the resources. */
function shapeOf(environment: string | undefined) {
  const { d1_databases, r2_buckets, durable_objects, queues, ratelimits, ...rest } =
    read(environment);
  return {
    databases: d1_databases.map(unnamed),
    buckets: r2_buckets.map(unnamed),
    objects: durable_objects.bindings.map(unnamed),
    limits: ratelimits.map(unnamed),
    producers: queues.producers?.map(unnamed),
    consumers: queues.consumers?.map(unnamed),
    vars: rest.vars,
    migrations: rest.migrations,
    triggers: rest.triggers,
    assets: rest.assets,
    compatibility: [rest.compatibility_date, rest.compatibility_flags],
  };
}

function namesOf(environment: string | undefined): readonly unknown[] {
  const { name, d1_databases, r2_buckets, queues, ratelimits } = read(environment);
  return [
    name,
    ...d1_databases.map(({ database_name }) => database_name),
    ...r2_buckets.map(({ bucket_name }) => bucket_name),
    ...ratelimits.map(({ namespace_id }) => namespace_id),
    ...(queues.producers ?? []).map(({ queue }) => queue),
    ...(queues.consumers ?? []).map(({ queue }) => queue),
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
