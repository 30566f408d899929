/** How an attempt ends, by what goes wrong in it: every cause has its code, and none leaves scratch behind. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { CopyStep } from "../../protocol/plan.ts";
import { createDevices } from "../../worker-node/devices.ts";
import type { Engine } from "../../worker-node/engine.ts";
import { UNCONFINED } from "../../worker-node/ffmpeg/confinement.ts";
import { runProcess } from "../../worker-node/ffmpeg/process.ts";
import { SOURCE } from "./support/fake-edge.ts";
import { serve } from "./support/http-server.ts";
import { LEASE, leaseOne } from "./support/lease-one.ts";
import { taskSpec } from "./support/messages.ts";
import {
  type AgentSetUp,
  ENCODE,
  goodEngine,
  OUTPUT,
  planOf,
  progress,
} from "./support/run-agent.ts";

const CPU: EncoderCapability = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8],
  maxSessions: null,
};
const GPU: EncoderCapability = { ...CPU, encoder: "h264_nvenc", device: "cuda:0", maxSessions: 2 };

const copy: CopyStep = {
  kind: "copy",
  stage: "transcoding",
  source: "in_1",
  file: "result.mp4",
};

describe("failures", () => {
  const broken: readonly (readonly [string, Partial<Engine>, object])[] = [
    [
      "a source that is no video",
      {
        probe: async () => ({
          status: "failed",
          code: "UNSUPPORTED_FORMAT",
          detail: "no video",
          retryable: false,
        }),
      },
      { stage: "probing", code: "UNSUPPORTED_FORMAT", detail: "no video", retryable: false },
    ],
    [
      "ffmpeg's own failure",
      {
        run: async () => ({
          status: "failed",
          code: "TRANSCODE_ERROR",
          detail: "FFmpeg exited with code 1: Invalid data found",
          retryable: false,
          exitCode: 1,
          log: ["Invalid data found"],
          hardwareFault: null,
        }),
      },
      {
        stage: "transcoding",
        code: "TRANSCODE_ERROR",
        engine: { device: "cpu", encoder: "libx264", exitCode: 1, log: ["Invalid data found"] },
      },
    ],
    [
      "success without a file",
      { run: async () => ({ status: "ok", log: [] }) },
      { stage: "transcoding", code: "ENGINE_EMPTY_RESPONSE", retryable: true },
    ],
    [
      "an output that the gate refuses",
      { check: async () => [{ status: "invalid", detail: "3 frames instead of 5" }] },
      { code: "ENGINE_INVALID_RESPONSE", detail: "3 frames instead of 5", retryable: true },
    ],
    [
      "a bug of the agent",
      {
        run: async () => {
          throw new TypeError("oops");
        },
      },
      { code: "ENGINE_ERROR", detail: "The agent failed: oops", retryable: true },
    ],
  ];
  test.each(broken)(
    "%s has its code and stage, and leaves no scratch",
    async (_name, part, expected) => {
      const { connection, attempts } = await leaseOne(goodEngine(part));
      expect(await connection.next("fail")).toMatchObject({
        type: "fail",
        lease: LEASE,
        ...expected,
      });
      expect(await attempts()).toEqual([]);
    },
  );

  test("a plan that is rejected fails in planning, for good", async () => {
    const plan = () => ({ status: "rejected", code: "UNSUPPORTED_FORMAT", detail: "no" }) as const;
    const { connection } = await leaseOne(goodEngine(), { setUp: { plan } });
    expect(await connection.next("fail")).toMatchObject({
      stage: "planning",
      code: "UNSUPPORTED_FORMAT",
      detail: "no",
      retryable: false,
    });
  });

  test("a source that cannot be read is the cause, whatever ffmpeg made of it", async () => {
    const probe: Engine["probe"] = async ({ url }) => {
      await (await fetch(url)).arrayBuffer();
      return {
        status: "failed",
        code: "UNSUPPORTED_FORMAT",
        detail: "moov not found",
        retryable: false,
      };
    };
    const { connection } = await leaseOne(goodEngine({ probe }), {
      prepare: (edge) => {
        edge.source.handler = (_request, response) => response.writeHead(404).end();
      },
    });
    expect(await connection.next("fail")).toMatchObject({
      stage: "probing",
      code: "SOURCE_UNAVAILABLE",
      detail: "Input 'in_1' could not be read from the edge: status 404.",
    });
  });

  test("an output that the store refuses is no failure of the video", async () => {
    const { connection } = await leaseOne(goodEngine(), {
      prepare: (edge) => {
        edge.outputs.handler = (_request, response) => response.writeHead(413).end();
      },
    });
    expect(await connection.next("fail")).toMatchObject({
      stage: "transcoding",
      code: "ENGINE_ERROR",
      detail: "The output could not be stored: begin of 'result.mp4': status 413",
      retryable: false,
    });
  });
});

describe("inputs", () => {
  const readAll: Engine["probe"] = async ({ url }) => {
    const body = await (await fetch(url)).text();
    return {
      status: "failed",
      code: "UNSUPPORTED_FORMAT",
      detail: `read ${body}`,
      retryable: false,
    };
  };

  test("a URL's bytes are served on loopback like any other's", async () => {
    const url = await serve((_request, response) => response.end("stranger"));
    const task = taskSpec(0, { kind: "url", url: url.href });
    const { connection } = await leaseOne(goodEngine({ probe: readAll }), { lease: { task } });
    expect((await connection.next("fail")).detail).toBe("read stranger");
  });

  test.each([
    ["https://10.0.0.1/a.mp4", "The input's URL must not point at an address that is not public."],
    ["http://example.com/a.mp4", "The input's URL must use https://."],
  ])("%s is SOURCE_UNAVAILABLE for good", async (url, detail) => {
    const task = taskSpec(0, { kind: "url", url });
    const { connection } = await leaseOne(goodEngine(), { lease: { task } });
    expect(await connection.next("fail")).toMatchObject({
      stage: "probing",
      code: "SOURCE_UNAVAILABLE",
      detail,
      retryable: false,
    });
  });

  test("a copy step makes the source's bytes the output's", async () => {
    const { connection, edge } = await leaseOne(goodEngine(), {
      setUp: { plan: () => planOf(copy) },
    });
    await connection.next("complete");
    expect(edge.stored.get("result.mp4")?.equals(SOURCE)).toBe(true);
  });

  test("an ffmpeg that starves while its source is away is not taken for stalled", async () => {
    const moved: number[] = [];
    const run: Engine["run"] = async (_step, { inputUrl, movement, scratchDir }) => {
      const reading = fetch(inputUrl("in_1")).then((answer) => answer.arrayBuffer());
      await asked.promise;
      for (let look = 0; look < 3; look += 1) moved.push(movement?.() ?? 0);
      answer.resolve();
      await reading;
      await writeFile(join(scratchDir, "result.mp4"), OUTPUT);
      return { status: "ok", log: [] };
    };
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const { connection } = await leaseOne(goodEngine({ run }), {
      prepare: (edge) => {
        edge.source.handler = async (_request, response) => {
          asked.resolve();
          await answer.promise;
          response.end(SOURCE);
        };
      },
    });
    await connection.next("complete");
    expect(new Set(moved).size).toBe(3);
  });
});

describe("hardware", () => {
  /** An encode with the best encoder that is left. */
  const plan: NonNullable<AgentSetUp["plan"]> = (_work, _sources, _output, [best]) =>
    best === undefined
      ? { status: "rejected", code: "UNSUPPORTED_FORMAT", detail: "no encoder" }
      : planOf({ ...ENCODE, encoder: { name: best.encoder, device: best.device } });

  test("a device that fails rests, and the attempt goes on without it and says so", async () => {
    const devices = createDevices([GPU, CPU], { now: () => 0 });
    const run: Engine["run"] = async (step, options) => {
      if (step.encoder?.device === "cuda:0") {
        return {
          status: "failed",
          code: "ENGINE_INVOCATION_ERROR",
          detail: "OpenEncodeSessionEx failed",
          retryable: true,
          exitCode: 1,
          log: ["OpenEncodeSessionEx failed: out of memory (10)"],
          hardwareFault: "exhausted",
        };
      }
      return goodEngine().run(step, options);
    };
    const { connection } = await leaseOne(goodEngine({ run }), { setUp: { devices, plan } });
    const { engine } = await connection.next("complete");
    expect(engine).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
    expect(engine.log.at(0)).toContain("OpenEncodeSessionEx failed");
    expect(engine.log).toContain(
      "cuda:0 failed and has no session left for a minute; continued without it",
    );
    expect(devices.encoders()).toEqual([CPU]);
  });

  test("without another way the hardware's failure stands", async () => {
    const devices = createDevices([GPU], { now: () => 0 });
    const run: Engine["run"] = async () => ({
      status: "failed",
      code: "ENGINE_INVOCATION_ERROR",
      detail: "OpenEncodeSessionEx failed",
      retryable: true,
      exitCode: 1,
      log: [],
      hardwareFault: "exhausted",
    });
    const { connection } = await leaseOne(goodEngine({ run }), { setUp: { devices, plan } });
    expect(await connection.next("fail")).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      retryable: true,
    });
  });
});

test("a stopped attempt is logged as stopped, whatever error it ends in, never as the agent's failure", async () => {
  const probing = Promise.withResolvers<void>();
  const probe: Engine["probe"] = ({ signal }) => {
    probing.resolve();
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  const { connection, lines } = await leaseOne(goodEngine({ probe }));
  await probing.promise;
  connection.say({ type: "revoke", lease: LEASE, reason: "cancelled" });
  await connection.next("pull", ({ free }) => free === 1);
  expect(lines.join("\n")).toContain("cancelled");
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});

describe.runIf(process.platform !== "win32")("real processes", () => {
  test("a revocation kills the whole group, grandchildren that ignore SIGTERM included", async () => {
    const pids = Promise.withResolvers<readonly number[]>();
    const run: Engine["run"] = async (_step, { scratchDir, signal }) => {
      await runProcess({
        command: "/bin/sh",
        args: [
          "-c",
          'trap "" TERM; sh -c "trap \\"\\" TERM; echo \\$\\$; sleep 600" & echo $$; wait',
        ],
        cwd: scratchDir,
        confinement: UNCONFINED,
        signal,
        onStdoutLine: (line) => {
          seen.push(Number(line));
          if (seen.length === 2) pids.resolve(seen);
        },
      });
      return { status: "aborted", log: [] };
    };
    const seen: number[] = [];
    const { connection, attempts } = await leaseOne(goodEngine({ run }));
    const group = await pids.promise;
    const isAlive = (pid: number) =>
      stat(`/proc/${pid}/exe`).then(
        () => true,
        () => false,
      );
    expect(await Promise.all(group.map(isAlive))).toEqual([true, true]);
    connection.say({ type: "revoke", lease: LEASE, reason: "cancelled" });
    await connection.next("pull", ({ free }) => free === 1);
    expect(await Promise.all(group.map(isAlive))).toEqual([false, false]);
    expect(await attempts()).toEqual([]);
  });
});

test("bytes written to scratch are movement, even when no frame is counted", async () => {
  const finish = Promise.withResolvers<void>();
  const run: Engine["run"] = async (_step, { scratchDir, onProgress }) => {
    onProgress({ ...progress, frame: 1 });
    await writeFile(join(scratchDir, "result.mp4"), Buffer.alloc(5_000));
    await finish.promise;
    return { status: "ok", log: [] };
  };
  const { connection } = await leaseOne(goodEngine({ run }));
  const moved = await connection.next("progress", ({ movement }) => movement > 5_000);
  expect(moved.frame).toBe(1);
  finish.resolve();
  await connection.next("complete");
});
