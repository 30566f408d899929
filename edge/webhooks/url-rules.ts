/** Where webhooks may go. Pure; checked when a URL is registered and again before each send. */
import ipaddr from "ipaddr.js";
import { hasSuffix, isHostName, isPort, isPrivateName } from "../../protocol/host-names.ts";

const MAX_URL_LENGTH = 2048;

/** Names kept for what has no server on the internet (RFC 6761, RFC 7686). */
const UNREACHABLE_SUFFIXES = ["test", "invalid", "onion"];

export interface WebhookUrlRules {
  /** Development: http and https to loopback are allowed. */
  readonly allowInsecure: boolean;
  /** Hosts (with port) that this service itself answers on. */
  readonly ownHosts: readonly string[];
}

export type WebhookUrlVerdict =
  | { readonly status: "ok"; readonly url: string }
  /** `rule` is a predicate, to be put after the name of the field: "must use https://". */
  | { readonly status: "refused"; readonly rule: string };

/** Judges a webhook URL. `url` of a good one is its normal form, without a fragment. */
export function checkWebhookUrl(text: string, rules: WebhookUrlRules): WebhookUrlVerdict {
  const refused = (rule: string): WebhookUrlVerdict => ({ status: "refused", rule });
  if (text.length > MAX_URL_LENGTH)
    return refused(`must be at most ${MAX_URL_LENGTH} characters long`);
  if (!URL.canParse(text)) return refused("must be a URL");
  const url = new URL(text);
  const isLoopback = rules.allowInsecure && isLoopbackHost(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    return refused("must use https://");
  }
  if (url.username !== "" || url.password !== "") {
    return refused("must not contain a user name or password");
  }
  if (!isPort(url.port)) return refused("must not use port 0");
  if (rules.ownHosts.includes(url.host)) return refused("must not point at this service itself");
  if (!isLoopback) {
    const rule = hostRule(url.hostname);
    if (rule !== null) return refused(rule);
  }
  url.hash = "";
  return { status: "ok", url: url.href };
}

function isLoopbackHost(hostname: string): boolean {
  if (hostname === "localhost") return true;
  const address = literalAddress(hostname);
  return address !== null && address.range() === "loopback";
}

/** The URL parser has written every form of an IPv4 address (decimal, octal, hexadecimal) as dotted decimal. */
function literalAddress(hostname: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const text = hostname.replace(/^\[(.*)\]$/, "$1");
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

function hostRule(hostname: string): string | null {
  if (literalAddress(hostname) !== null) return "must name a host, not an IP address";
  if (!isHostName(hostname)) return "must name a host";
  const isPublic =
    hostname.replace(/\.$/, "").includes(".") &&
    !isPrivateName(hostname) &&
    !hasSuffix(hostname, UNREACHABLE_SUFFIXES);
  return isPublic ? null : "must name a public host";
}
