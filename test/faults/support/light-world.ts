/** An edge process with a video, for experiments whose agents only speak the protocol. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findMediaTools } from "../../../cli/media-tools.ts";
import { type EdgeProcess, startEdgeProcess } from "./edge-process.ts";
import { makeClip } from "./footage.ts";
import { connectAgent, type ProtocolAgent } from "./protocol-agent.ts";

export interface LightWorld {
  readonly edge: EdgeProcess;
  readonly videoId: string;
  /** Makes a worker and connects it. */
  connect(name: string, slots?: number): Promise<ProtocolAgent & { readonly token: string }>;
  stop(): Promise<void>;
}

export async function startLightWorld(
  settings: Readonly<Record<string, string>>,
): Promise<LightWorld> {
  const folder = await mkdtemp(path.join(tmpdir(), "telecine-light-"));
  const edge = await startEdgeProcess(folder, settings);
  const clip = await makeClip(await findMediaTools(), folder, 1);
  const { videoId } = await edge.client.uploadFile(clip);
  const agents: ProtocolAgent[] = [];
  return {
    edge,
    videoId,
    connect: async (name, slots = 1) => {
      const { token } = await edge.client.createWorkerToken({ name, pool: "default" });
      const agent = await connectAgent({ url: edge.url, token, name, slots });
      agents.push(agent);
      return { ...agent, token };
    },
    stop: async () => {
      for (const agent of agents) agent.terminate();
      await edge.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
