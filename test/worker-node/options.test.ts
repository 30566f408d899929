import { hostname } from "node:os";
import { expect, test } from "vitest";
import { parseOptions } from "../../worker-node/options.ts";

const good = ["--url", "https://video.example.com", "--token", "wkt_abc"];

test("flags and environment are read, flags first", () => {
  const env = { TELECINE_URL: "http://127.0.0.1:1", TELECINE_WORKER_TOKEN: "wkt_env" };
  const fromEnv = parseOptions([], env, false);
  expect(fromEnv).toMatchObject({
    status: "ok",
    options: {
      url: new URL("http://127.0.0.1:1"),
      token: "wkt_env",
      name: hostname(),
      slots: null,
      scratch: null,
      logFormat: "json",
      allowPrivateInputs: false,
      maxInputBytes: 1_000_000_000,
    },
  });
  const args = [
    ...good,
    "--name",
    "gpu-1",
    "--slots",
    "3",
    "--scratch",
    "/data",
    "--exit-with-stdin",
  ];
  expect(parseOptions(args, env, true)).toMatchObject({
    status: "ok",
    options: {
      url: new URL("https://video.example.com"),
      token: "wkt_abc",
      name: "gpu-1",
      slots: 3,
      scratch: "/data",
      logFormat: "pretty",
      exitWithStdin: true,
    },
  });
});

test.each([
  [["--token", "wkt_a"], "--url is missing: give the edge's address, or set TELECINE_URL."],
  [
    ["--url", "ftp://x", "--token", "wkt_a"],
    "--url 'ftp://x' is not an http:// or https:// address",
  ],
  [["--url", "video.example.com", "--token", "wkt_a"], "--url 'video.example.com' is not an http"],
  [["--url", "https://x"], "--token is missing: set TELECINE_WORKER_TOKEN"],
  [["--url", "https://x", "--token", "secret-key"], "--token must be a worker's token"],
  [[...good, "--slots", "0"], "--slots must be a whole number from 1 to 256, not '0'."],
  [[...good, "--slots", "two"], "--slots must be a whole number from 1 to 256, not 'two'."],
  [[...good, "--log-format", "xml"], "--log-format must be json or pretty, not 'xml'."],
  [[...good, "--parent-pid", "x"], "--parent-pid must be a whole number"],
  [[...good, "--name", "x".repeat(101)], "--name must be at most 100 characters, not 101."],
  [[...good, "--slot", "1"], "Unknown option '--slot'"],
  [[...good, "extra"], "Unexpected argument 'extra'"],
])("%j is refused with the thing, the rule and the remedy", (args, problem) => {
  const parsed = parseOptions(args, {}, false);
  if (parsed.status !== "invalid") throw new Error(parsed.status);
  expect(parsed.problems.join("\n")).toContain(problem);
});

test("a wrong token is never repeated", () => {
  const parsed = parseOptions(["--url", "https://x", "--token", "s3cret"], {}, false);
  expect(JSON.stringify(parsed)).not.toContain("s3cret");
});

test("everything that is wrong is said at once", () => {
  const parsed = parseOptions(["--slots", "x"], {}, false);
  expect(parsed).toMatchObject({ status: "invalid", problems: { length: 3 } });
});

test("--help wins over what is missing", () => {
  expect(parseOptions(["--help"], {}, false)).toEqual({ status: "help" });
});
