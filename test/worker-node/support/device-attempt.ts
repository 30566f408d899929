/** One attempt of an agent whose devices are made up, from the lease to the message that ends it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EncoderCapability } from "../../../protocol/media.ts";
import { planTask } from "../../../protocol/plan-task.ts";
import type { TaskInput, TaskSpec, Work } from "../../../protocol/task.ts";
import type { Devices } from "../../../worker-node/devices.ts";
import { ffmpegEngine } from "../../../worker-node/engine.ts";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { makeMp4, scratch, toolSets } from "../ffmpeg/support.ts";
import { startFakeEdge } from "./fake-edge.ts";
import { leaseMessage, leaseRef, taskSpec, welcome } from "./messages.ts";
import { runAgent } from "./run-agent.ts";

type Connection = Awaited<ReturnType<Awaited<ReturnType<typeof startFakeEdge>>["connection"]>>;

/** What every box has beside its devices. */
export const CPU: EncoderCapability = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8],
  maxSessions: null,
};

export const narrower: Work = { mode: "recipe", recipe: { name: "resize", width: 200 } };

/** The tools that stand-ins hand real work to, a folder for them, and an MP4 of two seconds. */
export async function setStage() {
  const [usual] = await toolSets();
  if (usual === undefined) throw new Error("no tools");
  const { tools: real } = usual;
  const dir = await scratch();
  const clip = join(dir, "clip.mp4");
  await makeMp4(real, clip, { seconds: 2 });
  return { real, dir, source: await readFile(clip) };
}

/** The next message of a type that the agent sends. */
export type NextMessage = <T extends "complete" | "fail" | "release">(
  type: T,
) => ReturnType<Connection["next"]>;

export interface DeviceAttempt {
  readonly tools: Tools;
  readonly devices: Devices;
  readonly source: Buffer;
  readonly work: Work;
  readonly outputs?: TaskSpec["outputs"];
}

/** Starts an agent with these tools and leases it the work on an MP4 of these bytes. `stored`: what it delivers. */
export async function attemptOn(
  attempt: DeviceAttempt,
): Promise<{ readonly next: NextMessage; readonly stored: ReadonlyMap<string, Buffer> }> {
  const edge = await startFakeEdge();
  edge.source.bytes = attempt.source;
  const { devices } = attempt;
  await runAgent(edge, ffmpegEngine(attempt.tools), { devices, plan: planTask, slots: 8 });
  const connection = await edge.connection();
  await connection.next("hello");
  connection.say(welcome());
  await connection.next("pull");
  const input: TaskInput = {
    kind: "video",
    videoId: "vid",
    filename: "clip.mp4",
    contentType: "video/mp4",
    sizeBytes: attempt.source.length,
  };
  const whole = taskSpec(0);
  const task: TaskSpec = {
    ...whole,
    ...{ work: attempt.work, inputs: { in_1: input }, outputs: attempt.outputs ?? whole.outputs },
  };
  connection.say(leaseMessage(leaseRef(0), { task, slots: 3 }));
  return { next: (type) => connection.next(type), stored: edge.stored };
}
