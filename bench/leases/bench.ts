/** Bench (e): lease cycles through one Pool, against the raw socket echo of the same runtime. */
import { takePairs } from "../interleave.ts";
import { type Report, ratioRow } from "../report.ts";
import { startRuntime } from "../runtime.ts";
import type { Scope } from "../scope.ts";
import { uploadSmallVideo } from "../small-video.ts";
import { connectCycleAgents, postJobs } from "./cycles.ts";
import { echoRate } from "./sockets.ts";

const PAIRS = 5;
const AGENTS = 4;
const SLOTS = 4;
const CYCLES = 500;
const QUICK_CYCLES = 100;
const ECHOES = 5_000;
const LIMIT_MS = 90_000;

export async function benchLeases(scope: Scope, quick: boolean): Promise<Report> {
  const runtime = await startRuntime(scope, { counts: false });
  const videoId = await uploadSmallVideo(runtime.client, await scope.folder());
  const agents = await connectCycleAgents(scope, runtime, { agents: AGENTS, slots: SLOTS });
  const cycles = quick ? QUICK_CYCLES : CYCLES;
  const frame = JSON.stringify({ type: "echo", text: "x".repeat(1000) });
  const startedAt = performance.now();
  let posted = 0;
  const pairs = await takePairs(
    PAIRS,
    {
      ours: async () => {
        await postJobs(runtime, videoId, posted, cycles);
        posted += cycles;
        return agents.run(cycles);
      },
      rival: () =>
        echoRate(scope, runtime.url, { sockets: AGENTS, window: SLOTS, count: ECHOES, frame }),
    },
    () => performance.now() - startedAt > LIMIT_MS,
  );
  return {
    bench: `leases (${AGENTS} agents of ${SLOTS} slots, ${cycles} jobs a run)`,
    rows: [
      ratioRow(
        {
          what: "lease cycles through one pool",
          unit: "/s",
          against: "socket echo, same runtime",
          goal: { of: "ratio", atLeast: 0.5 },
        },
        pairs,
      ),
    ],
    counts: [
      {
        what: "a cycle",
        value: "2 frames in (fail, pull), 2 out (ack, lease), 2 commits; an echo: 1 in, 1 out",
      },
    ],
  };
}
