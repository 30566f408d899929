/**
 * Every request that the embedded edge makes passes through here: what the platform's own network does
 * when it is deployed. A host is resolved, each of its addresses must be public, and the connection goes to
 * an address that was checked, so that a name cannot change its mind in between (DNS rebinding).
 */
import { lookup as dnsLookup } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, type Dispatcher, request } from "undici";

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

/** Of the connection, not of the message. */
const HOP_HEADERS = new Set(["connection", "transfer-encoding"]);
/** What a request is given anew: where it goes, and how long it is as it is sent. */
const RENEWED_HEADERS = new Set([...HOP_HEADERS, "host", "content-length"]);
/** What this host says for itself: no peer speaks in its name. */
const REFUSED = "x-telecine-refused";
const UNREACHABLE = "x-telecine-unreachable";
const OWN_HEADERS = new Set([REFUSED, UNREACHABLE]);

/** Of these a `Response` may not even have an empty body (Fetch standard, "null body status"). */
const BODILESS_STATUSES = new Set([204, 205, 304]);
/** What a `Response` can have for its status (Fetch standard, "initialize a response"). */
const MAX_STATUS = 599;

const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Longest silence of a peer. The Worker's own limit of 10 s for a webhook does not reach us: without this one a
 * consumer that never answers would hold its connection for minutes.
 */
const SILENCE_TIMEOUT_MS = 15_000;
/** The operator's store may take its time to join the parts of an upload of many gigabytes. */
const TRUSTED_SILENCE_TIMEOUT_MS = 300_000;

/** The least of a fetch `Request` that is read here; the runtime's own class has it. */
export interface OutboundRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<[string, string]>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Fit to be made a fetch `Response`. */
export interface OutboundAnswer {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: AsyncIterable<Uint8Array> | null;
}

/**
 * Sends one request; redirects are answers like any other. Refusals are 403 with `x-telecine-refused`; a peer that
 * could not be reached, or broke off, is 502 with `x-telecine-unreachable`, which says how. `signal` gives it up.
 */
export async function sendOutbound(
  incoming: OutboundRequest,
  rules: OutboundRules,
  signal?: AbortSignal,
): Promise<OutboundAnswer> {
  const url = new URL(incoming.url);
  const trusted = rules.trustedOrigins.includes(url.origin);
  let verdict: AddressVerdict | null = null;
  try {
    verdict = trusted ? null : await checkHost(url.hostname, rules);
  } catch (error) {
    return notReached(error);
  }
  if (verdict?.status === "refused") {
    return { status: 403, headers: [[REFUSED, verdict.detail]], body: null };
  }
  const silenceMs = trusted ? TRUSTED_SILENCE_TIMEOUT_MS : SILENCE_TIMEOUT_MS;
  const dispatcher = new Agent({
    connect: {
      lookup: verdict ? pinned(verdict.addresses) : dnsLookup,
      timeout: CONNECT_TIMEOUT_MS,
    },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    pipelining: 0,
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of incoming.headers) {
    if (!RENEWED_HEADERS.has(name.toLowerCase())) headers[name] = value;
  }
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
  const body = hasBody ? Buffer.from(await incoming.arrayBuffer()) : null;
  let answer: Dispatcher.ResponseData;
  try {
    const method = incoming.method as "GET";
    answer = await request(url, { method, headers, body, dispatcher, signal: signal ?? null });
  } catch (error) {
    void dispatcher.destroy();
    return notReached(error);
  }
  const answered: [string, string][] = [];
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || HOP_HEADERS.has(name) || OWN_HEADERS.has(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) answered.push([name, each]);
  }
  answer.body.once("close", () => void dispatcher.close());
  const status = answer.statusCode;
  if (status > MAX_STATUS) {
    await answer.body.dump();
    return notReached(new Error(`${status} is no HTTP status`));
  }
  if (incoming.method !== "HEAD" && !BODILESS_STATUSES.has(status)) {
    return { status, headers: answered, body: answer.body };
  }
  // What it has is its headers, the length of what a GET would get among them.
  await answer.body.dump();
  return { status, headers: answered, body: null };
}

function notReached(error: unknown): OutboundAnswer {
  const cause = error as { code?: string; message?: string };
  // A header's value: what a message may hold beyond that is left out.
  const detail = (cause.code ?? cause.message ?? String(error)).replace(/[^\x20-\x7e]/g, " ");
  return { status: 502, headers: [[UNREACHABLE, detail]], body: null };
}
