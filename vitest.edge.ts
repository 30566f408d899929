/** The edge's tests run inside workerd, against the real runtime: how that is set up, for every configuration. */
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";

/** What the local runtime must be told before it starts. */
export function prepareRuntime(): void {
  process.env.X_LOCAL_OBSERVABILITY = "false";
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
  process.env.WRANGLER_SEND_METRICS = "false";
}

/** A project inside workerd. `bindings` are added to the settings that its tests run under. */
export async function edgeProject(
  name: string,
  include: readonly string[],
  bindings: Readonly<Record<string, string>> = {},
) {
  const migrations = await readD1Migrations("migrations");
  return {
    plugins: [
      cloudflareTest({
        main: "./edge/index.ts",
        wrangler: { configPath: "./wrangler.toml" },
        miniflare: {
          // The local S3 API on the bucket that MEDIA binds, and where it listens.
          r2Buckets: {
            MEDIA: {
              id: "telecine-media",
              s3Credentials: { accessKeyId: "test-access", secretAccessKey: "test-secret" },
            },
          },
          serviceBindings: {
            LOCAL_ORIGIN: async (_request, miniflare) =>
              new Response((await miniflare.ready).origin),
          },
          bindings: {
            ROOT_API_KEY: "test-root-key-0123456789",
            SIGNING_SECRET: "test-signing-secret-0123456789",
            ALLOW_INSECURE_WEBHOOKS: "true",
            TEST_MIGRATIONS: migrations,
            ...bindings,
          },
        },
      }),
    ],
    test: {
      name,
      include: [...include],
      setupFiles: ["test/edge/apply-migrations.ts"],
      // A busy machine is no failure: as in the other project.
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  };
}
