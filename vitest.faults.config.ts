import { defineConfig } from "vitest/config";
import { edgeProject, prepareRuntime } from "./vitest.edge.ts";

prepareRuntime();
process.env.TELECINE_FAULTS = "full";
process.env.TELECINE_HISTORIES ??= "100000";

/** The long fault experiments: real processes, one after the other, because they measure times. */
export default defineConfig({
  test: {
    fileParallelism: false,
    projects: [
      await edgeProject("edge-faults", ["test/edge/pool/outbox-bulk.test.ts"], {
        TELECINE_FAULTS_OUTBOX: process.env.TELECINE_FAULTS_OUTBOX ?? "300",
      }),
      {
        test: {
          name: "faults",
          include: [
            "test/faults/**/*.test.ts",
            "test/domain/histories.test.ts",
            "test/worker-node/chunks/exact.test.ts",
            "test/worker-node/command/accepted.test.ts",
          ],
          testTimeout: 120_000,
        },
      },
    ],
  },
});
