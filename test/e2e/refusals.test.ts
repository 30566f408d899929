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

/** Sends the text on a socket, nothing more, and gives what comes back until `answers` answers are there. */
function exchange(text: string, answers = 1): Promise<string> {
  const { port } = new URL(world.host.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.on("data", (bytes) => {
      answer += bytes;
      if (answer.split('"requestId"').length > answers && answer.endsWith("}}")) socket.destroy();
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
    const json = JSON.stringify({ text: "x".repeat(8_000_000) });
    const answer = await exchange(
      head("Content-Type: application/json", `Content-Length: ${json.length}`).replace(
        "/v1/videos?filename=a.mp4",
        "/v1/uploads",
      ) +
        json +
        head("Content-Length: 0").replace("/v1/videos", "/v1/second"),
      2,
    );
    expect(answer).toContain("The body must be at most 1000000 bytes.");
    expect(answer).toContain("No route POST /v1/second.");
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

describe("a request with a Host that names no host", () => {
  const hosts = [
    "bad host",
    "a:99999",
    "<script>",
    "[::1",
    "http://a/b",
    "user:pw@evil.example",
    "x\\y",
  ];
  test.each(hosts)("is refused before anything is done: %s", async (host) => {
    const lines = ["POST /v1/tus HTTP/1.1", `Host: ${host}`, `X-API-KEY: ${key}`];
    const tus = ["Tus-Resumable: 1.0.0", "Upload-Length: 10", "Upload-Metadata: filename YS5tcDQ="];
    const answer = await exchange([...lines, ...tus, "Content-Length: 0", "", ""].join("\r\n"));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"VALIDATION_ERROR"');
    expect(answer).toContain("The header Host must be");
    const headers = { "x-api-key": key };
    const videos = await fetch(`${world.host.url}/v1/videos`, { headers });
    expect(await videos.json()).toEqual({ videos: [], nextCursor: null });
  });
});
