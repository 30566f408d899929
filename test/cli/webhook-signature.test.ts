import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { verifyWebhook } from "../../cli/webhook-signature.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const other = `whsec_${Buffer.from("another secret of 24 byt").toString("base64")}`;
const now = Date.parse("2026-11-22T17:01:02.345Z");
const body = '{"type":"job.completed","data":{"jobId":"job_1","name":"Überblick"}}';

/** Signed by the public library. */
function signedAt(at: number, by: readonly string[] = [secret]) {
  const signatures = by.map((each) => new Webhook(each).sign("dlv_1", new Date(at), body));
  return {
    id: "dlv_1",
    timestamp: String(Math.floor(at / 1000)),
    signature: signatures.join(" "),
  };
}

describe("a webhook", () => {
  test("that the public library signed is verified", () => {
    expect(verifyWebhook([secret], signedAt(now), body, now)).toEqual({ status: "verified" });
  });

  test("is verified by any of several secrets, and any of several signatures", () => {
    expect(verifyWebhook([other, secret], signedAt(now), body, now).status).toBe("verified");
    const rotating = signedAt(now, [other, secret]);
    expect(verifyWebhook([secret], rotating, body, now).status).toBe("verified");
  });

  test.for([
    ["another body", [secret], signedAt(now), `${body} `],
    ["another secret", [other], signedAt(now), body],
    ["no secret at all", [], signedAt(now), body],
    ["another id", [secret], { ...signedAt(now), id: "dlv_2" }, body],
    ["a signature that was cut", [secret], cut(signedAt(now)), body],
    ["another version", [secret], { ...signedAt(now), signature: "v2,AAAA" }, body],
    ["no signature", [secret], { ...signedAt(now), signature: null }, body],
    ["a timestamp that is none", [secret], { ...signedAt(now), timestamp: "now" }, body],
  ] as const)("with %s is refused", ([, secrets, headers, text]) => {
    expect(verifyWebhook(secrets, headers, text, now).status).toBe("refused");
  });

  test("is refused more than five minutes from now, and says how far", () => {
    const minutes = 60_000;
    expect(verifyWebhook([secret], signedAt(now - 5 * minutes), body, now).status).toBe("verified");
    for (const [at, word] of [
      [now - 5 * minutes - 1000, "past"],
      [now + 5 * minutes + 1000, "future"],
    ] as const) {
      const verdict = verifyWebhook([secret], signedAt(at), body, now);
      expect(verdict).toMatchObject({ reason: expect.stringContaining(`301 s in the ${word}`) });
    }
  });
});

function cut(headers: ReturnType<typeof signedAt>) {
  return { ...headers, signature: headers.signature.slice(0, -4) };
}
