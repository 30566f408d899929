import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

process.env.X_LOCAL_OBSERVABILITY = "false";
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
process.env.WRANGLER_SEND_METRICS = "false";

const migrations = await readD1Migrations("migrations");

export default defineConfig({
  test: {
    projects: [
      {
        // Inside workerd: the edge against the real runtime.
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
              },
            },
          }),
        ],
        test: {
          name: "edge",
          include: ["test/edge/**/*.test.ts"],
          setupFiles: ["test/edge/apply-migrations.ts"],
        },
      },
      {
        // In Node: pure code, the agent, sockets, ffmpeg, everything end to end, and each fault a few times.
        test: {
          name: "node",
          include: ["test/{protocol,domain,worker-node,cli,e2e,rules,faults}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
    ],
  },
});
