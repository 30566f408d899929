/** The embedded edge's way out: names are resolved once, checked, and connected to as checked. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkHost, isPublicAddress, sendOutbound } from "../../cli/runtime/outbound.ts";

const strict = { allowLoopback: false };
const resolvesTo =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

describe("an address", () => {
  test.for([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fc00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
  ])("%s is not public", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.for(["93.184.216.34", "2606:4700::1111"])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe("a host", () => {
  test("is refused when any of its addresses is private", async () => {
    const verdict = await checkHost("a.example", strict, resolvesTo("93.184.216.34", "10.0.0.1"));
    expect(verdict).toEqual({
      status: "refused",
      detail: "a.example resolves to 10.0.0.1, which is not public",
    });
  });

  test("that is an address is judged without asking the resolver", async () => {
    const never = () => Promise.reject(new Error("asked"));
    expect((await checkHost("[::1]", strict, never)).status).toBe("refused");
    expect((await checkHost("93.184.216.34", strict, never)).status).toBe("ok");
  });

  test("on loopback is reached in development alone", async () => {
    expect((await checkHost("127.0.0.1", { allowLoopback: true })).status).toBe("ok");
    expect((await checkHost("10.0.0.1", { allowLoopback: true })).status).toBe("refused");
  });
});

describe("an outbound request", () => {
  let connections = 0;
  const server = createServer((request, response) => {
    if (request.url === "/object") {
      response.writeHead(200, { "content-length": "9647442" }).end();
      return;
    }
    const status = /^\/status\/(\d+)$/.exec(request.url ?? "")?.[1];
    if (status !== undefined) {
      response.writeHead(Number(status)).end();
      return;
    }
    response.writeHead(request.url === "/moved" ? 302 : 200, {
      location: "http://10.0.0.1/",
      "x-telecine-refused": "says the host",
      "x-telecine-unreachable": "says the host",
    });
    response.end(request.headers["x-test"]);
  });
  let origin = "";
  beforeAll(async () => {
    server.on("connection", () => connections++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const get = (path: string, rules: Parameters<typeof sendOutbound>[1]) =>
    sendOutbound(new Request(`${origin}${path}`, { headers: { "x-test": "kept" } }), rules);

  test("to a private address is answered 403 without a connection", async () => {
    const before = connections;
    const answer = await get("/", { trustedOrigins: [], allowLoopback: false });
    expect(answer.status).toBe(403);
    expect(answer.headers[0]?.[0]).toBe("x-telecine-refused");
    expect(connections).toBe(before);
  });

  test("reaches an origin that its operator trusts, with its headers", async () => {
    const answer = await get("/", { trustedOrigins: [origin], allowLoopback: false });
    expect(await new Response(ReadableStream.from(answer.body ?? [])).text()).toBe("kept");
  });

  test("by HEAD tells the length of what a GET would get: a store's size of an object", async () => {
    const answer = await sendOutbound(new Request(`${origin}/object`, { method: "HEAD" }), {
      trustedOrigins: [origin],
      allowLoopback: false,
    });
    expect(answer.body).toBeNull();
    expect(new Headers(answer.headers).get("content-length")).toBe("9647442");
  });

  test("that nobody answers says so, and is no answer of the host's", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => closed.once("listening", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const answer = await sendOutbound(new Request(`http://127.0.0.1:${port}/`), {
      trustedOrigins: [],
      allowLoopback: true,
    });
    expect(answer.status).toBe(502);
    expect(new Headers(answer.headers).get("x-telecine-unreachable")).toMatch(/ECONNREFUSED/);
  });

  test("lets no host speak for the guard", async () => {
    const answer = await get("/liar", { trustedOrigins: [], allowLoopback: true });
    const names = answer.headers.map(([name]) => name);
    expect(names).not.toContain("x-telecine-refused");
    expect(names).not.toContain("x-telecine-unreachable");
    for await (const _ of answer.body ?? []);
  });

  test.each([200, 201, 202, 204, 205, 304, 404, 503])(
    "hands back an answer of %i as it is",
    async (status) => {
      const answer = await get(`/status/${status}`, { trustedOrigins: [], allowLoopback: true });
      // What the runtime is given: it throws for what Fetch does not allow, and the Worker then sees a 500.
      expect(new Response(answer.body && ReadableStream.from(answer.body), answer).status).toBe(
        status,
      );
      for await (const _ of answer.body ?? []);
    },
  );

  test("calls a status that HTTP does not know no answer", async () => {
    const answer = await get("/status/999", { trustedOrigins: [], allowLoopback: true });
    expect(answer.status).toBe(502);
    expect(new Headers(answer.headers).get("x-telecine-unreachable")).toBe("999 is no HTTP status");
  });

  test("hands a redirect back and does not follow it", async () => {
    const answer = await get("/moved", { trustedOrigins: [], allowLoopback: true });
    expect(answer.status).toBe(302);
    for await (const _ of answer.body ?? []);
  });
});
