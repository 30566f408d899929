/** Takes what grants access out of text that people will read: logs, and the details of failures. */

const rules: readonly (readonly [RegExp, string])[] = [
  [/\bwkt_[A-Za-z0-9_-]+/g, "wkt_[redacted]"],
  [/(\/leases\/)[^/\s"'?#]+/g, "$1[redacted]"],
  [/(\/signed\/)[^/\s"'?#]+/g, "$1[redacted]"],
  [/(\bBearer\s+)[^\s"',]+/gi, "$1[redacted]"],
  // The agent's own loopback source: its path is its only lock.
  [/(127\.0\.0\.1:\d+\/)[^/\s"']+/g, "$1[redacted]"],
  [/(https?:\/\/)[^/\s"'@]+@/gi, "$1[redacted]@"],
  // Queries of presigned URLs are credentials.
  [/(https?:\/\/[^\s"'?#]+)[?#][^\s"']*/gi, "$1?[redacted]"],
];

/** The same text without tokens, grants, userinfo and queries of URLs. */
export function redact(text: string): string {
  return rules.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}
