import { describe, expect, test } from "vitest";
import { checkWebhookUrl } from "../../../edge/webhooks/url-rules.ts";

const strict = { allowInsecure: false, ownHosts: ["telecine.example.com"] };
const development = { ...strict, allowInsecure: true };

describe("a webhook URL", () => {
  test.for([
    ["http://example.com/hook", "must use https://"],
    ["ftp://example.com/hook", "must use https://"],
    ["javascript:alert(1)", "must use https://"],
    ["not a url", "must be a URL"],
    [`https://example.com/${"a".repeat(2048)}`, "must be at most 2048 characters long"],
    ["https://user@example.com/", "must not contain a user name or password"],
    ["https://user:pass@example.com/", "must not contain a user name or password"],
    ["https://93.184.216.34/", "must name a host, not an IP address"],
    ["https://127.0.0.1/", "must name a host, not an IP address"],
    ["https://2130706433/", "must name a host, not an IP address"],
    ["https://0x7f.1/", "must name a host, not an IP address"],
    ["https://017700000001/", "must name a host, not an IP address"],
    ["https://[::1]/", "must name a host, not an IP address"],
    ["https://[::ffff:10.0.0.1]/", "must name a host, not an IP address"],
    ["https://169.254.169.254/latest", "must name a host, not an IP address"],
    ["https://localhost/", "must name a public host"],
    ["https://localhost./", "must name a public host"],
    ["https://a.LOCALHOST/", "must name a public host"],
    ["https://printer.local/", "must name a public host"],
    ["https://metadata.google.internal/", "must name a public host"],
    ["https://nas.home.arpa/", "must name a public host"],
    ["https://intranet/", "must name a public host"],
    ["https://x..y/", "must name a host"],
    ["https://.example.com/", "must name a host"],
    ["https://-a.example.com/", "must name a host"],
    ["https://a!b.example.com/", "must name a host"],
    [`https://${"a".repeat(64)}.example.com/`, "must name a host"],
    [`https://${"a.".repeat(125)}example.com/`, "must name a host"],
    ["https://example.com:0/", "must not use port 0"],
    ["https://collector.onion/", "must name a public host"],
    ["https://telecine.example.com/v1/jobs", "must not point at this service itself"],
    ["https://TELECINE.example.com:443/", "must not point at this service itself"],
  ] as const)("%s is refused: it %s", ([url, rule]) => {
    expect(checkWebhookUrl(url, strict)).toEqual({ status: "refused", rule });
  });

  test("an https URL of a public host is taken in its normal form, without its fragment", () => {
    expect(checkWebhookUrl("https://Example.com:443/hook?a=1#x", strict)).toEqual({
      status: "ok",
      url: "https://example.com/hook?a=1",
    });
  });

  test("in development loopback is taken over http, and nothing else private is", () => {
    for (const url of ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/"]) {
      expect(checkWebhookUrl(url, development)).toEqual({ status: "ok", url });
    }
    expect(checkWebhookUrl("http://10.0.0.1/", development).status).toBe("refused");
    expect(checkWebhookUrl("http://example.com/", development).status).toBe("refused");
    expect(checkWebhookUrl("https://192.168.1.1/", development).status).toBe("refused");
  });
});
