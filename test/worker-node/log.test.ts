import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog } from "../../worker-node/log.ts";
import { redact } from "../../worker-node/redact.ts";

const word = fc.stringMatching(/^[A-Za-z0-9_-]{12,40}$/);

test("no token, grant, signature or password survives redaction", () => {
  const around = (secret: string) => [
    `token wkt_${secret} was refused`,
    `GET https://e.example/v1/leases/${secret}/inputs/in_1 401`,
    `/v1/leases/${secret}/outputs`,
    `/v1/signed/${secret}/x.m3u8`,
    `authorization: Bearer ${secret}`,
    `https://store.example/b/k?X-Amz-Signature=${secret}&x=1`,
    `http://127.0.0.1:4711/${secret}: Invalid data`,
    `https://user:${secret}@host.example/a`,
  ];
  fc.assert(
    fc.property(word, (secret) => {
      for (const line of around(secret)) expect(redact(line)).not.toContain(secret);
    }),
  );
});

test("what is no secret stays readable", () => {
  const line = "[libx264] frame I:3 https://example.com/a/clip.mp4 in_1: Invalid data found";
  expect(redact(line)).toBe(line);
});

test("a JSON line carries time, level, message and inherited fields, redacted", () => {
  const lines: string[] = [];
  const log = createLog(
    "json",
    (line) => lines.push(line),
    () => 0,
  );
  log.with({ jobId: "job_1" })("warn", "lost wkt_secretsecret", { epoch: 2 });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: "1970-01-01T00:00:00.000Z",
      level: "warn",
      message: "lost wkt_[redacted]",
      jobId: "job_1",
      epoch: 2,
    },
  ]);
});

test("a pretty line is one line for people", () => {
  const lines: string[] = [];
  const log = createLog(
    "pretty",
    (line) => lines.push(line),
    () => 0,
  );
  log("info", "connected", { pool: "default", none: undefined });
  log("error", "no disk");
  expect(lines).toEqual(["00:00:00 connected pool=default", "00:00:00 error: no disk"]);
});
