/** Outputs are checked and sent up at once, and what fails first ends the other. */
import { expect, test } from "vitest";
import type { Engine } from "../../worker-node/engine.ts";
import { startFakeEdge } from "./support/fake-edge.ts";
import { leaseMessage, leaseRef, welcome } from "./support/messages.ts";
import { goodEngine, MEDIA, runAgent } from "./support/run-agent.ts";

async function leaseWith(check: Engine["check"]) {
  const edge = await startFakeEdge();
  const { attempts } = await runAgent(edge, goodEngine({ check }));
  const connection = await edge.connection();
  await connection.next("hello");
  connection.say(welcome([], { progressIntervalMs: 20 }));
  await connection.next("pull");
  return { edge, connection, attempts, begin: () => connection.say(leaseMessage(leaseRef(0))) };
}

test("a file goes up while it is checked, and is reported when it has passed", async () => {
  const asked = Promise.withResolvers<void>();
  const { edge, connection, begin } = await leaseWith(async (files) => {
    // A check that goes first would wait here for ever.
    await asked.promise;
    return files.map(() => ({ status: "ok", media: MEDIA }));
  });
  edge.outputs.handler = (_request, response) => {
    edge.outputs.handler = null;
    asked.resolve();
    response.writeHead(503).end();
  };
  begin();
  const { outputs } = await connection.next("complete");
  expect(outputs.map(({ filename, media }) => [filename, media])).toEqual([["result.mp4", MEDIA]]);
});

test("a file that the gate refuses ends its own way up, and nothing is reported of it", async () => {
  const asked = Promise.withResolvers<void>();
  const { edge, connection, attempts, begin } = await leaseWith(async () => {
    await asked.promise;
    return [{ status: "invalid", detail: "3 frames instead of 5" }];
  });
  // Never answered.
  edge.outputs.handler = () => asked.resolve();
  begin();
  expect(await connection.next("fail")).toMatchObject({
    code: "ENGINE_INVALID_RESPONSE",
    detail: "3 frames instead of 5",
  });
  expect(connection.messages.some(({ type }) => type === "complete")).toBe(false);
  expect(await attempts()).toEqual([]);
});

test("a file that cannot be stored ends the check of it, and says why", async () => {
  const { edge, connection, begin } = await leaseWith(
    (_files, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  );
  edge.outputs.handler = (_request, response) => void response.writeHead(404).end();
  begin();
  expect(await connection.next("fail")).toMatchObject({
    code: "ENGINE_ERROR",
    detail: expect.stringContaining("could not be stored"),
  });
});
