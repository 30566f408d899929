import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { edgeProject, prepareRuntime } from "./vitest.edge.ts";

prepareRuntime();

export default defineConfig({
  test: {
    // Many tests wait for a process, a socket or a player more than they compute: on two cores one worker idles.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      await edgeProject("edge", ["test/edge/**/*.test.ts"]),
      {
        // In Node: pure code, the agent, sockets, ffmpeg, everything end to end, and each fault a few times.
        test: {
          name: "node",
          include: [
            "test/{protocol,client,dashboard,domain,worker-node,cli,e2e,rules,faults}/**/*.test.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
