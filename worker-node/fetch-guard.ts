/**
 * Fetches what a stranger's URL names, and never lets it name something inside. The address that was checked
 * is the address that is connected to: the check sits in the connection's own look-up, so that no second
 * answer of the DNS can slip in between (DNS rebinding).
 */
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import ipaddr from "ipaddr.js";
import { isAllowedRange, sourceUrlRule } from "../protocol/source-url.ts";
import { createDispatcher, headerOf, send } from "./http.ts";

const MAX_REDIRECTS = 3;

export type GuardedResult =
  | {
      readonly status: "answered";
      readonly statusCode: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: Readable;
    }
  /** It may not be fetched, now or later. `detail` names the rule, never a resolved address. */
  | { readonly status: "refused"; readonly detail: string }
  | { readonly status: "unreachable"; readonly detail: string }
  | { readonly status: "aborted" };

export interface FetchGuard {
  get(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<GuardedResult>;
  close(): Promise<void>;
}

export interface FetchGuardOptions {
  /** Development only: loopback may be fetched, over http too. */
  readonly allowLoopback: boolean;
  readonly lookup?: typeof systemLookup;
}

class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError";
}

export function createFetchGuard(options: FetchGuardOptions): FetchGuard {
  const dispatcher = createDispatcher({
    lookup: guardedLookup(options.lookup ?? systemLookup, options.allowLoopback),
  });
  return {
    get: (url, headers, signal) =>
      follow(url, options.allowLoopback, (target) =>
        send(dispatcher, target, {
          method: "GET",
          headers: { "accept-encoding": "identity", ...headers },
          signal,
        }),
      ),
    close: () => dispatcher.destroy(),
  };
}

/** The range of an address, IPv4 taken out of IPv4-mapped IPv6; null for what is no address. */
function rangeOf(address: string): string | null {
  return ipaddr.isValid(address) ? ipaddr.process(address).range() : null;
}

/** Whether an address belongs to the public internet (or, where allowed, to this machine's loopback). */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  const range = rangeOf(address);
  return range !== null && isAllowedRange(range, allowLoopback);
}

export type UrlVerdict =
  | { readonly status: "ok"; readonly url: URL }
  | { readonly status: "refused"; readonly detail: string };

/** What can be said of a URL before any name is resolved; the edge refuses by the same rules. */
export function checkUrl(text: string, allowLoopback: boolean): UrlVerdict {
  const url = URL.parse(text);
  if (url === null) return { status: "refused", detail: "The input's URL is not a URL." };
  const rule = sourceUrlRule(url, { allowLoopback, rangeOf });
  if (rule !== null) return { status: "refused", detail: `The input's URL ${rule}.` };
  return { status: "ok", url };
}

const REFUSED_ADDRESS = "The input's host is not a public address.";

async function follow(
  text: string,
  allowLoopback: boolean,
  get: (url: URL) => ReturnType<typeof send>,
): Promise<GuardedResult> {
  let next = text;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const verdict = checkUrl(next, allowLoopback);
    if (verdict.status === "refused") return verdict;
    const answer = await get(verdict.url);
    if (answer.status === "unreachable") return toUnreachable(answer);
    if (answer.status === "aborted") return answer;
    const location = headerOf(answer.headers, "location");
    if (!isRedirect(answer.statusCode) || location === null) return answer;
    answer.body.destroy();
    next = URL.parse(location, verdict.url.href)?.href ?? location;
  }
  return {
    status: "refused",
    detail: `The input's URL redirects more than ${MAX_REDIRECTS} times.`,
  };
}

function isRedirect(statusCode: number): boolean {
  return [301, 302, 303, 307, 308].includes(statusCode);
}

function toUnreachable(answer: {
  readonly detail: string;
  readonly cause: unknown;
}): GuardedResult {
  if (answer.cause instanceof AddressRefusedError) {
    return { status: "refused", detail: REFUSED_ADDRESS };
  }
  const code =
    answer.cause instanceof Error && "code" in answer.cause ? String(answer.cause.code) : "";
  return {
    status: "unreachable",
    detail:
      code === "ENOTFOUND"
        ? "The input's host name does not resolve."
        : `The input's host could not be reached (${code || answer.detail}).`,
  };
}

/** A look-up that answers with the addresses it checked; one that is not public refuses the name. */
function guardedLookup(lookup: typeof systemLookup, allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) {
        callback(error, [], 0);
        return;
      }
      const [first] = addresses;
      const isAllowed = addresses.every(({ address }) => isAllowedAddress(address, allowLoopback));
      if (first === undefined || !isAllowed) {
        callback(new AddressRefusedError(REFUSED_ADDRESS), [], 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
