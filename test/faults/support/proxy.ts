/** A TCP proxy that can swallow everything: what a dead link, a full NAT table or a frozen router looks like. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  /** Where it listens: stands in for the target's URL. */
  readonly url: string;
  /** From now on nothing passes in either direction, and nothing is closed. New connections hang, too. */
  swallow(): void;
  /** What was held back goes on its way. */
  pass(): void;
  /** Breaks every connection on the client's side only: the server keeps a socket that is half open. */
  breakClients(): void;
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  isHalfOpen: boolean;
}

/** Starts a proxy on a free port of the loopback interface. */
export async function startProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<Pair>();
  let isSwallowing = false;
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const pair: Pair = { client, server, isHalfOpen: false };
    pairs.add(pair);
    join(pair, () => pairs.delete(pair));
    if (isSwallowing) hold(pair);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    swallow: () => {
      isSwallowing = true;
      for (const pair of pairs) hold(pair);
    },
    pass: () => {
      isSwallowing = false;
      for (const { client, server, isHalfOpen } of pairs) {
        if (isHalfOpen) continue;
        client.resume();
        server.resume();
      }
    },
    breakClients: () => {
      for (const pair of pairs) {
        pair.isHalfOpen = true;
        pair.client.destroy();
      }
    },
    stop: async () => {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

function hold({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

/** Data, ends and errors of one side reach the other, unless the pair was made half open. */
function join(pair: Pair, onGone: () => void): void {
  const link = (from: Socket, to: Socket) => {
    from.on("data", (chunk: Buffer) => {
      if (!to.destroyed && !to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => to.end());
    // What an error was is of no interest: `close` follows it.
    from.on("error", () => {});
    from.on("close", () => {
      if (pair.isHalfOpen && from === pair.client) return;
      to.destroy();
      onGone();
    });
  };
  link(pair.client, pair.server);
  link(pair.server, pair.client);
}
