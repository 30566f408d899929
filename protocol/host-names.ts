/**
 * What can be said of a URL's host and port before any name is resolved. Pure: both ends parse the URL with the
 * URL class of their runtime, which has put every form of an IPv4 address into dotted decimals.
 */

/** Names that never belong to a public host (RFC 6761, RFC 6762, RFC 8375; `internal` is reserved by ICANN since 2024). */
const PRIVATE_SUFFIXES = ["localhost", "local", "internal", "home.arpa"] as const;

/** RFC 1035 section 2.3.4; without the final dot. */
const MAX_NAME_LENGTH = 253;
/** RFC 1035 labels, with the underscore that names of machines have in practice. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A host name in lower case, without the final dot of a name that is given from the root. */
function normalName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, "");
}

/** Whether a host, not being an address, can be a name of the DNS. `hostname` is as the URL class gives it. */
export function isHostName(hostname: string): boolean {
  const name = normalName(hostname);
  return name.length <= MAX_NAME_LENGTH && name.split(".").every((label) => LABEL.test(label));
}

/** Whether a name belongs to one of these suffixes, or is one. */
export function hasSuffix(hostname: string, suffixes: readonly string[]): boolean {
  const name = normalName(hostname);
  return suffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

/** Whether a name is kept for this machine (RFC 6761 section 6.3). */
export function isLocalhost(hostname: string): boolean {
  return hasSuffix(hostname, ["localhost"]);
}

/** Whether a name is kept for machines of a site, so that nobody outside can mean one of ours by it. */
export function isPrivateName(hostname: string): boolean {
  return hasSuffix(hostname, PRIVATE_SUFFIXES);
}

/** Whether a URL's port can be connected to; the URL class lets 0 through. */
export function isPort(port: string): boolean {
  return port !== "0";
}
