/**
 * Which URLs may be a job's source, as far as it can be said before any name is resolved: the edge refuses the
 * others when a job is made, the agent before every fetch and redirect. Pure.
 */
import { isHostName, isLocalhost, isPort, isPrivateName } from "./host-names.ts";

/** What the URL class of either runtime gives. */
export interface UrlParts {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly username: string;
  readonly password: string;
}

export interface SourceUrlRules {
  /** Development (`ALLOW_PRIVATE_INPUTS`): loopback may be fetched, over http, too. */
  readonly allowLoopback: boolean;
  /** The range of an address by ipaddr.js' names, IPv4 taken out of mapped IPv6; null for what is a name. */
  rangeOf(host: string): string | null;
}

/** Whether an address of this range belongs to the internet (or, where that is allowed, to this machine). */
export function isAllowedRange(range: string, allowLoopback: boolean): boolean {
  return range === "unicast" || (allowLoopback && range === "loopback");
}

/** The rule that a source's URL breaks, as a predicate ("must use https://"); null for a good one. */
export function sourceUrlRule(url: UrlParts, rules: SourceUrlRules): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const range = rules.rangeOf(host);
  const isLoopback =
    rules.allowLoopback && (range === null ? isLocalhost(host) : range === "loopback");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    return "must use https://";
  }
  if (url.username !== "" || url.password !== "") {
    return "must not contain a user name or password";
  }
  if (!isPort(url.port)) return "must not use port 0";
  if (isLoopback) return null;
  if (range !== null) {
    return isAllowedRange(range, false) ? null : "must not point at an address that is not public";
  }
  if (!isHostName(host)) return "must name a host";
  return isPrivateName(host) ? "must name a public host" : null;
}
