/** An agent that was given one lease. */
import type { EdgeMessageOf } from "../../../protocol/messages.ts";
import type { Engine } from "../../../worker-node/engine.ts";
import { startFakeEdge } from "./fake-edge.ts";
import { leaseMessage, leaseRef, welcome } from "./messages.ts";
import { type AgentSetUp, runAgent } from "./run-agent.ts";

export const LEASE = leaseRef(0);

/** Starts an agent and gives it one lease, `LEASE`. */
export async function leaseOne(
  engine: Engine,
  options: {
    readonly setUp?: AgentSetUp;
    readonly lease?: Partial<EdgeMessageOf<"lease">>;
    readonly prepare?: (edge: Awaited<ReturnType<typeof startFakeEdge>>) => void;
  } = {},
) {
  const edge = await startFakeEdge();
  options.prepare?.(edge);
  const { attempts, lines } = await runAgent(edge, engine, options.setUp);
  const connection = await edge.connection();
  await connection.next("hello");
  connection.say(welcome([], { progressIntervalMs: 20 }));
  await connection.next("pull");
  connection.say(leaseMessage(LEASE, options.lease));
  return { edge, connection, attempts, lines };
}
