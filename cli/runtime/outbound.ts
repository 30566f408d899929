/**
 * Every request that the embedded edge makes passes through here: what the platform's own network does
 * when it is deployed. A host is resolved, each of its addresses must be public, and the connection goes to
 * an address that was checked, so that a name cannot change its mind in between (DNS rebinding).
 */
import { lookup as dnsLookup } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, request } from "undici";

export interface OutboundRules {
  /** Origins that are reached whatever their address: the operator's own S3 endpoint. */
  readonly trustedOrigins: readonly string[];
  /** Development only: loopback may be reached. */
  readonly allowLoopback: boolean;
}

export type AddressVerdict =
  | { readonly status: "ok"; readonly addresses: readonly { address: string; family: number }[] }
  | { readonly status: "refused"; readonly detail: string };

/** Whether an IP address is one that anybody on the internet could be reached at. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "unicast";
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

/** Resolves a host and checks all of its addresses: one private address refuses the host. */
export async function checkHost(
  hostname: string,
  rules: Pick<OutboundRules, "allowLoopback">,
  resolve: (host: string) => Promise<{ address: string; family: number }[]> = (host) =>
    lookup(host, { all: true }),
): Promise<AddressVerdict> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(host);
  const addresses = family === 0 ? await resolve(host) : [{ address: host, family }];
  if (addresses.length === 0) return { status: "refused", detail: `${host} has no address` };
  for (const { address } of addresses) {
    if (isPublicAddress(address)) continue;
    if (rules.allowLoopback && isLoopback(address)) continue;
    return { status: "refused", detail: `${host} resolves to ${address}, which is not public` };
  }
  return { status: "ok", addresses };
}

/** A lookup for `net.connect` that answers with what was checked and asks nobody again. */
function pinned(addresses: readonly { address: string; family: number }[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all) callback(null, [...addresses]);
    else if (first) callback(null, first.address, first.family);
    else callback(new Error("no address"), "", 0);
  };
}

const HOP_HEADERS = new Set(["host", "connection", "transfer-encoding", "content-length"]);

/** The least of a fetch `Request` that is read here; the runtime's own class has it. */
export interface OutboundRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<[string, string]>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Sends one request; redirects are answers like any other. Refusals are 403 with `x-telecine-refused`. */
export async function sendOutbound(
  incoming: OutboundRequest,
  rules: OutboundRules,
): Promise<OutboundAnswer> {
  const url = new URL(incoming.url);
  const trusted = rules.trustedOrigins.includes(url.origin);
  const verdict = trusted ? null : await checkHost(url.hostname, rules);
  if (verdict?.status === "refused") {
    return { status: 403, headers: [["x-telecine-refused", verdict.detail]], body: null };
  }
  const dispatcher = new Agent({
    connect: { lookup: verdict ? pinned(verdict.addresses) : dnsLookup, timeout: 10_000 },
    pipelining: 0,
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of incoming.headers) {
    if (!HOP_HEADERS.has(name.toLowerCase())) headers[name] = value;
  }
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
  const answer = await request(url, {
    method: incoming.method as "GET",
    headers,
    body: hasBody ? Buffer.from(await incoming.arrayBuffer()) : null,
    dispatcher,
  });
  const answered: [string, string][] = [];
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || HOP_HEADERS.has(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) answered.push([name, each]);
  }
  answer.body.once("close", () => void dispatcher.close());
  return { status: answer.statusCode, headers: answered, body: answer.body };
}
