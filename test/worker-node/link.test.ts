import { expect, onTestFinished, test, vi } from "vitest";
import type { EdgeMessage } from "../../protocol/messages.ts";
import { connectUrl, type Link, openLink } from "../../worker-node/link.ts";
import type { CloseCause } from "../../worker-node/session-model.ts";
import { startFakeEdge, TOKEN } from "./support/fake-edge.ts";
import { welcome } from "./support/messages.ts";

/** A link with its events as promises. */
function dial(edgeUrl: URL, token = TOKEN) {
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<CloseCause>();
  const heard = Promise.withResolvers<EdgeMessage>();
  const link: Link = openLink({
    edgeUrl,
    token,
    onOpen: () => opened.resolve(),
    onMessage: (message) => heard.resolve(message),
    onClose: (cause) => closed.resolve(cause),
  });
  onTestFinished(() => link.close());
  return { link, opened: opened.promise, closed: closed.promise, heard: heard.promise };
}

test("https becomes wss, http becomes ws, under the edge's own path", () => {
  expect(connectUrl(new URL("https://video.example.com/")).href).toBe(
    "wss://video.example.com/v1/workers/connect",
  );
  expect(connectUrl(new URL("http://127.0.0.1:8787")).href).toBe(
    "ws://127.0.0.1:8787/v1/workers/connect",
  );
});

test("it speaks the subprotocol, shows its token, and parses what it hears", async () => {
  const edge = await startFakeEdge();
  const { heard, opened, link } = dial(edge.url);
  await opened;
  const connection = await edge.connection();
  expect(connection.socket.protocol).toBe("telecine.v1");
  link.send({ type: "pull", free: 1 });
  expect(await connection.next("pull")).toEqual({ type: "pull", free: 1 });
  connection.say(welcome());
  expect(await heard).toEqual(welcome());
});

test("a wrong token is a refusal with its status", async () => {
  const edge = await startFakeEdge();
  const { closed } = dial(edge.url, "wkt_wrong");
  expect(await closed).toEqual({ kind: "refused", httpStatus: 401, retryAfterMs: null });
});

test("a close by the edge carries its code", async () => {
  const edge = await startFakeEdge();
  const { closed } = dial(edge.url);
  (await edge.connection()).socket.close(4409, "replaced");
  expect(await closed).toEqual({ kind: "closed", code: 4409, reason: "replaced" });
});

test("an edge that is not there, and one that dies, are lost connections", async () => {
  const edge = await startFakeEdge();
  const { closed, opened } = dial(edge.url);
  await opened;
  await edge.connection();
  await edge.stop();
  expect((await closed).kind).toBe("lost");
  expect((await dial(edge.url).closed).kind).toBe("lost");
});

test.each([
  ["no JSON", "hello?"],
  ["an unknown type", '{"type":"dance"}'],
  ["a binary frame", Buffer.from('{"type":"drain"}')],
])("%s is refused with 4400, never guessed at", async (_name, frame) => {
  const edge = await startFakeEdge();
  const { closed } = dial(edge.url);
  const { socket } = await edge.connection();
  const told = new Promise<number>((resolve) => socket.once("close", (code) => resolve(code)));
  socket.send(frame);
  expect(await closed).toMatchObject({ kind: "closed", code: 4400 });
  expect(await told).toBe(4400);
});

test("a socket whose pings are not answered is half open and given up", async () => {
  const edge = await startFakeEdge({ answersPings: false });
  const { closed, heard, link } = dial(edge.url);
  (await edge.connection()).say(welcome());
  await heard;
  link.setPingInterval(20);
  expect(await closed).toMatchObject({ kind: "lost" });
});

test("a socket whose pings are answered stays, however long nothing is said", async () => {
  const edge = await startFakeEdge();
  const { closed, heard, link } = dial(edge.url);
  const { socket } = await edge.connection();
  socket.send(JSON.stringify(welcome()));
  await heard;
  const over = vi.fn();
  void closed.then(over);
  // Long beside the pauses of a busy machine, which look like a silent peer.
  link.setPingInterval(500);
  for (let pings = 0; pings < 3; pings += 1) {
    await new Promise((resolve) => socket.once("message", resolve));
  }
  expect(over).not.toHaveBeenCalled();
});
