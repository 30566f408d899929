/** What the experiments with real agents share: an edge process, a clip, paced tools, and agents by their names. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { findMediaTools, type MediaTools, probeFile } from "../../../cli/media-tools.ts";
import { type AgentProcess, startAgentProcess, untilConnected } from "./agent-process.ts";
import { type EdgeProcess, startEdgeProcess } from "./edge-process.ts";
import { FRAMES_PER_SECOND, makeClip, pacedTools } from "./footage.ts";

export interface WorldOptions {
  readonly clipSeconds: number;
  /** Settings of the edge. */
  readonly settings: Readonly<Record<string, string>>;
  /** Encodes go as fast as they can: parts of a video are read from the middle, which cannot be paced. */
  readonly unpaced?: boolean;
}

export interface World {
  readonly edge: EdgeProcess;
  readonly folder: string;
  readonly tools: MediaTools;
  readonly videoId: string;
  /** Starts the agent of this name, or starts it again; each name has its own token. */
  startAgent(
    name: string,
    options?: { readonly slots?: number; readonly url?: string },
  ): Promise<AgentProcess>;
  /** The agent that runs under this name now. */
  agent(name: string): AgentProcess;
  /** Holds the bytes of a completed job against the clip: every frame once. */
  checkFrames(bytes: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const folder = await mkdtemp(path.join(tmpdir(), "telecine-faults-"));
  const tools = await findMediaTools();
  const environment =
    options.unpaced === true
      ? { FFMPEG_PATH: tools.ffmpeg, FFPROBE_PATH: tools.ffprobe }
      : await pacedTools(tools, folder);
  const edge = await startEdgeProcess(folder, options.settings);
  const { client } = edge;
  const clip = await makeClip(tools, folder, options.clipSeconds);
  const { videoId } = await client.uploadFile(clip);
  const tokens = new Map<string, string>();
  const agents = new Map<string, AgentProcess>();
  let probes = 0;
  const tokenOf = async (name: string): Promise<string> => {
    const known = tokens.get(name);
    if (known !== undefined) return known;
    const { token } = await client.createWorkerToken({ name, pool: "default" });
    tokens.set(name, token);
    return token;
  };
  return {
    edge,
    folder,
    tools,
    videoId,
    startAgent: async (name, { slots = 1, url = edge.url } = {}) => {
      const token = await tokenOf(name);
      const scratch = path.join(folder, "scratch", name);
      const agent = startAgentProcess({ url, token, name, scratch, slots, environment });
      agents.set(name, agent);
      await untilConnected(agent);
      return agent;
    },
    agent: (name) => {
      const agent = agents.get(name);
      if (agent === undefined) throw new Error(`no agent is called ${name}`);
      return agent;
    },
    checkFrames: async (bytes) => {
      const file = path.join(folder, `probed-${probes++}.mp4`);
      await writeFile(file, bytes);
      const probed = await probeFile(tools, file);
      await rm(file);
      const video = probed.streams.find((stream) => stream.codec_type === "video");
      expect(Number(video?.nb_read_frames)).toBe(options.clipSeconds * FRAMES_PER_SECOND);
    },
    stop: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.stop()));
      await edge.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
