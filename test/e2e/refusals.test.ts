/** Refusals over real sockets: what an honest client sees when it is told no while it still sends. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./telecine.ts";

let world: World;
let key: string;
beforeAll(async () => {
  world = await startWorld({
    workers: 0,
    environment: { ROOT_API_KEY: "e2e-root-key-0123456789" },
  });
  key = "e2e-root-key-0123456789";
}, 60_000);
afterAll(() => world.stop());

/** Sends the text on a socket and gives what comes back until the end of a JSON answer; sends nothing more. */
function exchange(text: string): Promise<string> {
  const { port } = new URL(world.host.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.on("data", (bytes) => {
      answer += bytes;
      if (answer.endsWith("}}")) socket.destroy();
    });
  });
}

const head = (...lines: string[]) =>
  [
    "POST /v1/videos?filename=a.mp4 HTTP/1.1",
    "Host: telecine",
    `X-API-KEY: ${key}`,
    ...lines,
    "",
    "",
  ].join("\r\n");

describe("a client that is refused while it sends", () => {
  test("hears why, and keeps its connection, when its JSON is too long", async () => {
    for (const route of ["/v1/jobs", "/v1/uploads", "/v1/keys", "/v1/jobs", "/v1/uploads"]) {
      const answer = await fetch(new URL(route, world.host.url), {
        method: "POST",
        headers: { "x-api-key": key, "content-type": "application/json" },
        body: JSON.stringify({ text: "x".repeat(8_000_000) }),
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        error: { detail: "The body must be at most 1000000 bytes." },
      });
    }
  });

  test("hears that its file is too large though it waits with the rest of it", async () => {
    const answer = await exchange(`${head("Content-Length: 2341000000")}first bytes`);
    expect(answer).toContain("File size is 2341 MB. Maximum allowed is 1000 MB.");
  });

  test("that asks before it sends is told no, not to go on", async () => {
    const answer = await exchange(head("Content-Length: 2341000000", "Expect: 100-continue"));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});
