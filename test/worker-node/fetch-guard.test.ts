import type { lookup as systemLookup } from "node:dns";
import { once } from "node:events";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkUrl, createFetchGuard, isAllowedAddress } from "../../worker-node/fetch-guard.ts";
import { type Handler, serve } from "./support/http-server.ts";

const signal = new AbortController().signal;

/** A DNS in which every name has the given addresses. */
function dnsOf(...addresses: readonly string[]): typeof systemLookup {
  const answer = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const fake = (_name: string, _options: unknown, callback: (...result: unknown[]) => void) =>
    callback(null, answer);
  return fake as unknown as typeof systemLookup;
}

function guard(options: Partial<Parameters<typeof createFetchGuard>[0]> = {}) {
  const created = createFetchGuard({ allowLoopback: false, ...options });
  onTestFinished(() => created.close());
  return created;
}

/** Counts connections, so that "refused" can be told from "connected and failed". */
async function listener() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, connections: () => connections };
}

const privateAddresses = [
  "127.0.0.1",
  "127.255.255.254",
  "0.0.0.0",
  "10.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "100.100.100.200",
  "192.0.0.192",
  "198.18.0.1",
  "192.0.2.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
  "::ffff:a9fe:a9fe",
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::a00:1",
  "2002:7f00:1::",
  "2001::1",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fec0::1",
  "ff02::1",
  "2001:db8::1",
];

describe("addresses", () => {
  test.each(privateAddresses)("%s is not public", (address) => {
    expect(isAllowedAddress(address, false)).toBe(false);
  });

  test.each(["1.1.1.1", "203.0.114.1", "2606:4700::1111", "::ffff:1.1.1.1"])(
    "%s is public",
    (address) => {
      expect(isAllowedAddress(address, false)).toBe(true);
    },
  );

  test("in development loopback is allowed, and no other private address is", () => {
    const allowed = privateAddresses.filter((address) => isAllowedAddress(address, true));
    expect(allowed).toEqual([
      "127.0.0.1",
      "127.255.255.254",
      "::1",
      "::ffff:127.0.0.1",
      "::127.0.0.1",
    ]);
  });
});

describe("URLs", () => {
  test.each([
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:10.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://①②⑦.0.0.1/",
    "https://10.0.0.1:8443/",
  ])("%s names a private address and is refused unresolved", (url) => {
    expect(checkUrl(url, false)).toEqual({
      status: "refused",
      detail: "The input's URL must not point at an address that is not public.",
    });
  });

  test.each([
    ["http://example.com/a.mp4", "The input's URL must use https://."],
    ["http://127.0.0.1/a.mp4", "The input's URL must use https://."],
    ["ftp://example.com/a.mp4", "The input's URL must use https://."],
    ["file:///etc/passwd", "The input's URL must use https://."],
    ["data:video/mp4,x", "The input's URL must use https://."],
    ["concat:a|b", "The input's URL must use https://."],
    [
      "https://user:secret@example.com/",
      "The input's URL must not contain a user name or password.",
    ],
    ["https://example.com:0/", "The input's URL must not use port 0."],
    ["https://x..y/", "The input's URL must name a host."],
    ["https://localhost/", "The input's URL must name a public host."],
    ["https://metadata.google.internal/", "The input's URL must name a public host."],
    ["not a url", "The input's URL is not a URL."],
  ])("%s is refused by a rule that it names", (url, detail) => {
    expect(checkUrl(url, false)).toEqual({ status: "refused", detail });
  });

  test("in development http is allowed for loopback alone", () => {
    expect(checkUrl("http://127.0.0.1:9000/a.mp4", true).status).toBe("ok");
    expect(checkUrl("http://localhost:9000/a.mp4", true).status).toBe("ok");
    expect(checkUrl("http://example.com/a.mp4", true).status).toBe("refused");
    expect(checkUrl("https://10.0.0.1/a.mp4", true).status).toBe("refused");
  });
});

describe("fetching", () => {
  test.each(privateAddresses)(
    "a name that resolves to %s is refused before any connection",
    async (address) => {
      const { port, connections } = await listener();
      const result = await guard({ lookup: dnsOf(address) }).get(
        `https://video.example:${port}/a.mp4`,
        {},
        signal,
      );
      expect(result).toEqual({
        status: "refused",
        detail: "The input's host is not a public address.",
      });
      expect(connections()).toBe(0);
    },
  );

  test("one private address among public ones refuses the name", async () => {
    const result = await guard({ lookup: dnsOf("1.1.1.1", "10.0.0.1") }).get(
      "https://video.example/a.mp4",
      {},
      signal,
    );
    expect(result.status).toBe("refused");
  });

  test("the connection goes to the address that was checked, however the name resolves later", async () => {
    const { port, connections } = await listener();
    let lookups = 0;
    const rebinding = ((_name: string, _options: unknown, callback: (...r: unknown[]) => void) => {
      lookups += 1;
      // The first answer passes; a second one would lead inside.
      callback(null, [{ address: lookups === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }]);
    }) as unknown as typeof systemLookup;
    const result = await guard({ lookup: rebinding, allowLoopback: true }).get(
      `https://video.example:${port}/a.mp4`,
      {},
      signal,
    );
    expect(result.status).toBe("unreachable");
    expect(lookups).toBe(1);
    expect(connections()).toBe(1);
  });

  test("a name that does not resolve is unreachable, not refused", async () => {
    const nowhere = ((_name: string, _options: unknown, callback: (error: Error) => void) =>
      callback(
        Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }),
      )) as unknown as typeof systemLookup;
    expect(await guard({ lookup: nowhere }).get("https://no.example/", {}, signal)).toEqual({
      status: "unreachable",
      detail: "The input's host name does not resolve.",
    });
  });

  test("up to three redirects are followed", async () => {
    const redirectsLeft: Handler = (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end("there");
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    };
    const url = await serve(redirectsLeft);
    const fetcher = guard({ allowLoopback: true });
    const third = await fetcher.get(new URL("/3", url).href, {}, signal);
    if (third.status !== "answered") throw new Error(third.status);
    expect(await text(third.body)).toBe("there");
    expect(await fetcher.get(new URL("/4", url).href, {}, signal)).toEqual({
      status: "refused",
      detail: "The input's URL redirects more than 3 times.",
    });
  });

  test.each([
    "https://10.0.0.1/inside",
    "https://[::ffff:169.254.169.254]/latest",
    "http://video.example/clear",
    "file:///etc/passwd",
    "https://u:p@video.example/",
  ])("a redirect to %s is refused", async (location) => {
    const url = await serve((_request, response) => response.writeHead(302, { location }).end());
    const result = await guard({ allowLoopback: true }).get(url.href, {}, signal);
    expect(result.status).toBe("refused");
  });

  test("a redirect to a name that resolves to a private address is refused", async () => {
    const location = "https://inside.example/secret";
    const url = await serve((_request, response) => response.writeHead(302, { location }).end());
    const fetcher = guard({ allowLoopback: true, lookup: dnsOf("192.168.0.10") });
    expect((await fetcher.get(url.href, {}, signal)).status).toBe("refused");
  });
});
