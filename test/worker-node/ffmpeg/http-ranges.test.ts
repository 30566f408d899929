import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createHttpReader } from "../../../worker-node/ffmpeg/http-ranges.ts";

it("a range whose socket was let go meanwhile is asked for again, on another", async () => {
  const used = new WeakSet<object>();
  let refused = 0;
  const server = createServer((request, response) => {
    if (used.has(request.socket)) {
      refused += 1;
      request.socket.destroy();
      return;
    }
    used.add(request.socket);
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    response.writeHead(206).end(Buffer.alloc(Number(to) - Number(from) + 1, 7));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const size = 200_000;
  const signal = new AbortController().signal;
  const reader = createHttpReader(`http://127.0.0.1:${port}/`, size, signal);
  for (const at of [0, 100_000, 199_990])
    expect(await reader.read(at, 10)).toEqual(Buffer.alloc(10, 7));
  expect(refused).toBeGreaterThan(0);
});
