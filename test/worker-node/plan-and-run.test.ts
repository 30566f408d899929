/** In which order what was made is delivered: what could be made again another way is checked before it goes up. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Work } from "../../worker-node/attempt-parts.ts";
import type { DeliveryOrder } from "../../worker-node/deliver.ts";
import { createDevices } from "../../worker-node/devices.ts";
import { planRunAndDeliver } from "../../worker-node/plan-and-run.ts";
import { taskSpec } from "./support/messages.ts";
import { ENCODE, goodEngine, planOf } from "./support/run-agent.ts";

test.each([
  ["by a device is checked first", "cuda:0", "checked_first"],
  ["in software goes up at once", "cpu", "at_once"],
] as const)("what is made %s", async (_, device, expected) => {
  const workDir = await mkdtemp(join(tmpdir(), "telecine-order-"));
  onTestFinished(() => rm(workDir, { recursive: true, force: true }));
  const nothing = () => {};
  const work = {
    workDir,
    assignment: { task: taskSpec(), ttlMs: 1000 },
    signal: new AbortController().signal,
    log: nothing,
    engine: goodEngine(),
    devices: createDevices([]),
    inputs: { failure: () => null },
    tracker: {
      ...{ enter: nothing, planned: nothing, beginStep: nothing, chose: nothing },
      ...{ stage: () => "transcoding", stepMoved: nothing },
    },
  } as unknown as Work;
  const orders: DeliveryOrder[] = [];
  const plan = planOf({ ...ENCODE, encoder: { name: "h264_nvenc", device } });
  await planRunAndDeliver(
    work,
    () => plan,
    async (_ran, order) => {
      orders.push(order);
      return { status: "ok", value: null };
    },
  );
  expect(orders).toEqual([expected]);
});
