import { defineConfig } from "vitest/config";

process.env.TELECINE_FAULTS = "full";
process.env.TELECINE_HISTORIES ??= "100000";

/** The long fault experiments: real processes, one after the other, because they measure times. */
export default defineConfig({
  test: {
    name: "faults",
    include: [
      "test/faults/**/*.test.ts",
      "test/domain/histories.test.ts",
      "test/worker-node/command/accepted.test.ts",
    ],
    fileParallelism: false,
    testTimeout: 120_000,
  },
});
