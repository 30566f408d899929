/** Plain sockets to the echo. */
import WebSocket from "ws";
import type { Scope } from "../scope.ts";

/**
 * Sends frames to the echo over `sockets` sockets, `window` of them under way on each, until `count` have come back.
 *
 * @returns frames a second.
 */
export async function echoRate(
  scope: Scope,
  url: string,
  load: {
    readonly sockets: number;
    readonly window: number;
    readonly count: number;
    readonly frame: string;
  },
): Promise<number> {
  const { sockets, window, count, frame } = load;
  const opened = await Promise.all(
    Array.from({ length: sockets }, () =>
      open(scope, new URL("/bench/echo", url.replace(/^http/, "ws"))),
    ),
  );
  let sent = 0;
  let received = 0;
  const done = Promise.withResolvers<void>();
  const startedAt = performance.now();
  for (const socket of opened) {
    const next = () => {
      if (sent >= count) return;
      sent += 1;
      socket.send(frame);
    };
    socket.on("message", () => {
      received += 1;
      if (received === count) done.resolve();
      next();
    });
    socket.once("close", () => done.reject(new Error("the echo closed its socket")));
    for (let i = 0; i < window; i++) next();
  }
  await done.promise;
  const rate = (count * 1000) / (performance.now() - startedAt);
  for (const socket of opened) socket.removeAllListeners("close").close();
  return rate;
}

async function open(scope: Scope, url: URL): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  scope.defer(() => socket.terminate());
  await new Promise<void>((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}
