/** The command as people and scripts run it: child processes against one real service. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as requestHttp } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../cli/runtime/root.ts";
import { startWorld, type World } from "./telecine.ts";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World;
let large: string;
let small: string;
beforeAll(async () => {
  world = await startWorld();
  const picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=1"];
  // Pictures as they are: 34 MB, five parts.
  large = await world.makeClip("large.mkv", [...picture, "-c:v", "rawvideo"]);
  small = await world.makeClip("small.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1", "-c:v", "mpeg4"],
  ]);
}, 60_000);
afterAll(() => world.stop());

function start(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [path.join(ROOT, "cli/telecine.ts"), ...args], {
    cwd: world.folder,
    env: {
      ...process.env,
      NO_COLOR: "",
      XDG_STATE_HOME: path.join(world.folder, "state"),
      TELECINE_URL: world.host.url,
      TELECINE_API_KEY: world.host.rootKey,
      ...environment,
    },
  });
}

function end(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const run = (args: readonly string[], environment?: Readonly<Record<string, string>>) =>
  end(start(args, environment));

async function json<T>(args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await run([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

/** Passes everything on to the edge, but for parts from `holdFrom` on: those are asked for and never answered. */
async function startRelay(): Promise<Relay> {
  const relay = { holdFrom: Number.POSITIVE_INFINITY, onHeld: () => {}, answered: [] as number[] };
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const part = Number(/\/parts\/(\d+)$/.exec(url ?? "")?.[1] ?? 0);
    if (part >= relay.holdFrom) {
      incoming.resume();
      relay.onHeld();
      return;
    }
    const target = new URL(url ?? "/", world.host.url);
    const onward = requestHttp(target, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      if (part > 0) relay.answered.push(part);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(relay, {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

interface Relay {
  readonly url: string;
  readonly answered: number[];
  holdFrom: number;
  onHeld: () => void;
  stop(): Promise<void>;
}

describe("telecine upload", () => {
  test("that was killed goes on with the parts that are missing, and keeps nothing when done", async () => {
    const relay = await startRelay();
    const environment = { TELECINE_URL: relay.url };
    const args = ["upload", large, "--parallel", "1"];
    try {
      const first = start(args, environment);
      relay.holdFrom = 3;
      relay.onHeld = () => first.kill("SIGKILL");
      expect((await end(first)).code).toBeNull();
      expect(relay.answered.splice(0)).toEqual([1, 2]);

      relay.holdFrom = Number.POSITIVE_INFINITY;
      const second = await run(args, environment);
      expect(second.code).toBe(0);
      expect(second.stderr).toMatch(/going on with upl_\w+: 16\.8 MB are there already/);
      expect(second.stderr).toContain("100 %");
      expect(relay.answered).toEqual([3, 4, 5]);

      const videoId = second.stdout.trim();
      const content = await world.host.client.send("GET", `/v1/videos/${videoId}/content`);
      const bytes = Buffer.from(await content.arrayBuffer());
      expect(bytes.equals(await readFile(large))).toBe(true);
      expect(await readdir(path.join(world.folder, "state/telecine"))).toEqual([]);
    } finally {
      await relay.stop();
    }
  });

  test("begins anew when the edge no longer knows what was remembered", async () => {
    const relay = await startRelay();
    const first = start(["upload", large, "--parallel", "1"], { TELECINE_URL: relay.url });
    relay.holdFrom = 2;
    relay.onHeld = () => first.kill("SIGINT");
    const { code, stderr } = await end(first);
    expect([code, stderr]).toEqual([130, expect.stringContaining("the same command goes on")]);
    const [name] = await readdir(path.join(world.folder, "state/telecine"));
    const kept = await readFile(path.join(world.folder, "state/telecine", name ?? ""), "utf8");
    await world.host.client.abortUpload((JSON.parse(kept) as { uploadId: string }).uploadId);
    relay.holdFrom = Number.POSITIVE_INFINITY;
    const second = await run(["upload", large], { TELECINE_URL: relay.url });
    await relay.stop();
    expect(second.stderr).not.toContain("going on");
    expect([second.code, second.stdout]).toEqual([0, expect.stringMatching(/^vid_\w{26}\n$/)]);
  });

  test("of what is no file is wrong use", async () => {
    expect(await run(["upload", "missing.mp4"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "missing.mp4 does not exist. Give the path of a video.\n",
    });
    expect((await run(["upload", world.folder])).code).toBe(2);
    expect(await run(["upload", ""])).toMatchObject({
      code: 2,
      stderr: "The file's name is empty. Give the path of a video.\n",
    });
  });

  test("of what is no video is refused, and not remembered", async () => {
    await writeFile(path.join(world.folder, "words.mp4"), "no pictures");
    const refused = await run(["upload", "words.mp4"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("like text")]);
    expect(await readdir(path.join(world.folder, "state/telecine"))).toEqual([]);
  });

  test.skipIf(process.platform === "win32")("of a pipe waits for nobody to write", async () => {
    execFileSync("mkfifo", [path.join(world.folder, "pipe.mp4")]);
    expect(await run(["upload", "pipe.mp4"])).toMatchObject({
      code: 2,
      stderr: "pipe.mp4 is no file. Give the path of a video.\n",
    });
  });
});

describe("a job by the command", () => {
  test("is made, shown, listed, heard of by webhook, and its output saved", async () => {
    const listener = start([
      "webhooks",
      "listen",
      "--json",
      "--events",
      "job.completed",
      "--count",
      "1",
    ]);
    const listened = end(listener);
    await new Promise<void>((resolve) =>
      listener.stderr.on("data", (chunk) => {
        if (String(chunk).includes("Listening on")) resolve();
      }),
    );
    const out = path.join(world.folder, "done");
    const made = await run([
      ...["transcode", small, "--recipe", "resize", "--param", "height=90", "--priority", "-3"],
      ...["--out", out, "--json"],
    ]);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("completed")]);
    const job = JSON.parse(made.stdout);
    expect(job).toMatchObject({ state: "completed", priority: -3 });
    expect(await readdir(out)).toEqual(["result.mp4"]);
    const probed = await world.probe(path.join(out, "result.mp4"));
    expect(probed.streams[0]?.height).toBe(90);

    const heard = await listened;
    expect(heard.code).toBe(0);
    const event = JSON.parse(heard.stdout);
    expect(event).toMatchObject({
      verified: true,
      repeated: false,
      body: { type: "job.completed", data: { jobId: job.jobId } },
    });
    // The endpoint was there for as long as the command.
    expect(await json(["webhooks"])).toMatchObject({ webhooks: [] });
    const { deliveries } = await json<{ deliveries: { deliveryId: string }[] }>([
      ...["webhooks", "deliveries", "--job", job.jobId],
    ]);
    expect(deliveries[0]?.deliveryId).toBe(event.webhookId);

    const shown = await run(["job", job.jobId, "--follow", "--attempts"]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/state\s+completed[\s\S]*result\.mp4[\s\S]*by local-1/);
    const listed = await run(["jobs", "--state", "completed"]);
    expect(listed.stdout).toMatch(new RegExp(`^JOB .*\\n${job.jobId}  completed  100 %  resize`));
    expect(listed.stdout).not.toContain("\u001b");
  });

  test("joins several files in their order, and no other work takes more than one", async () => {
    const out = path.join(world.folder, "joined");
    const { videoId } = await json<{ videoId: string }>(["upload", small]);
    const made = await run([
      ...["transcode", small, videoId, small, "--recipe", "concat", "--format", "mov"],
      ...["--out", out, "--json"],
    ]);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("completed")]);
    const { inputs } = JSON.parse(made.stdout) as { inputs: Record<string, { videoId: string }> };
    expect(Object.keys(inputs)).toEqual(["in_1", "in_2", "in_3"]);
    expect(inputs.in_2).toEqual({ videoId });
    const probed = await world.probe(path.join(out, "result.mov"));
    expect(probed.streams[0]?.nb_read_frames).toBe("75");
    const one = await run(["transcode", small, "--recipe", "concat"]);
    expect([one.code, one.stderr]).toEqual([2, expect.stringContaining("two files or more")]);
    const two = await run(["transcode", small, small, "--recipe", "webReady"]);
    expect([two.code, two.stderr]).toEqual([2, expect.stringContaining("One file at a time")]);
  });

  test("that cannot complete exits 4, is cancelled once, and is retried where that may help", async () => {
    await json(["workers", "token", "--name", "nobody", "--pool", "empty"]);
    const queued = await json<{ jobId: string }>([
      ...["transcode", small, "--preset", "web-1080p", "--pool", "empty"],
    ]);
    const followed = run(["job", queued.jobId, "--follow"]);
    expect(await json(["cancel", queued.jobId])).toEqual({ cancelled: true, jobId: queued.jobId });
    expect((await followed).code).toBe(4);
    const again = await run(["cancel", queued.jobId]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("JOB_NOT_CANCELLABLE")]);
    const retried = await run(["retry", queued.jobId]);
    expect([retried.code, retried.stderr]).toEqual([
      1,
      expect.stringContaining("JOB_NOT_RETRYABLE"),
    ]);
  });

  test("that the edge calls invalid is wrong use, and says what is allowed", async () => {
    const neither = await run(["transcode", small]);
    expect([neither.code, neither.stderr]).toEqual([2, expect.stringContaining("--preset")]);
    const priority = await run(["transcode", small, "--recipe", "webReady", "--priority", "11"]);
    expect([priority.code, priority.stderr]).toEqual([2, expect.stringContaining("-10 to 10")]);
  });

  test("that would be refused is refused before a byte of the file is sent", async () => {
    const jobIds = async () =>
      (await world.host.client.listJobs({})).jobs.map(({ jobId }) => jobId);
    const before = await jobIds();
    const { videos } = await world.host.client.listVideos();
    const work = ["transcode", large, "--recipe"];
    const recipe = await run([...work, "nothing"]);
    expect([recipe.code, recipe.stderr]).toEqual([2, expect.stringContaining("webReady")]);
    const parameter = await run([...work, "resize", "--param", "heigth=90"]);
    expect([parameter.code, parameter.stderr]).toEqual([2, expect.stringContaining("'heigth'")]);
    const pool = await run([...work, "webReady", "--pool", "nowhere"]);
    expect([pool.code, pool.stderr]).toEqual([2, expect.stringContaining("pool must be one of")]);
    const folder = await run([...work, "webReady", "--out", small]);
    expect([folder.code, folder.stderr]).toEqual([2, expect.stringContaining("is no folder")]);
    const unnamed = await run([...work, "webReady", "--out", ""]);
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining("name is empty")]);
    expect((await world.host.client.listVideos()).videos).toEqual(videos);
    expect(await jobIds()).toEqual(before);
  });

  test("that is waited for goes on when the waiting is stopped, and says how to see it", async () => {
    await json(["workers", "token", "--name", "nobody", "--pool", "patient"]);
    const waiting = start([
      ...["transcode", small, "--recipe", "webReady", "--pool", "patient", "--wait"],
    ]);
    waiting.stderr.on("data", (chunk) => {
      if (String(chunk).includes("waiting for a worker")) waiting.kill("SIGINT");
    });
    const { code, stderr } = await end(waiting);
    const jobId = /telecine job (job_\w+) --follow/.exec(stderr)?.[1] ?? "";
    expect(code).toBe(130);
    expect(await json(["job", jobId])).toMatchObject({ state: "queued" });
    expect((await run(["cancel", jobId])).code).toBe(0);
  });
});

test("keys and workers are made, listed and revoked; a revoked key is refused", async () => {
  const { keyId, key } = await json<{ keyId: string; key: string }>([
    ...["keys", "create", "--name", "reader", "--scopes", "read"],
  ]);
  expect((await run(["jobs"], { TELECINE_API_KEY: key })).code).toBe(0);
  const refused = await run(["keys"], { TELECINE_API_KEY: key });
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining("scope 'admin'")]);
  expect((await run(["keys", "list"])).stdout).toMatch(new RegExp(`${keyId}\\s+reader\\s+read`));
  expect((await run(["keys", "revoke", keyId])).code).toBe(0);
  const revoked = await run(["jobs"], { TELECINE_API_KEY: key });
  expect([revoked.code, revoked.stderr]).toEqual([3, expect.stringContaining("revoked")]);
  expect((await run(["workers"])).stdout).toMatch(/local-1\s+default\s+connected/);
  expect((await run(["presets", "show", "hls-1080p"])).stdout).toContain("recipe.name");
});

describe("telecine doctor", () => {
  interface Report {
    readonly ok: boolean;
    readonly findings: readonly { level: string; name: string; text: string; remedy: string }[];
  }
  const folders = async () => {
    const folder = path.join(world.folder, "scratch");
    await mkdir(folder, { recursive: true });
    return ["--scratch", folder, "--data", folder];
  };

  test("finds a good machine well: encoders tried, key accepted, a worker connected", async () => {
    const { code, stdout } = await run(["doctor", ...(await folders()), "--json"], {
      MAX_FILE_SIZE_MB: "1",
    });
    const report = JSON.parse(stdout) as Report;
    expect(report.findings.filter(({ level }) => level === "fail")).toEqual([]);
    expect([code, report.ok]).toEqual([0, true]);
    const said = new Map(report.findings.map(({ name, text }) => [name, text]));
    expect(said.get("encoders")).toContain("libx264");
    expect(said.get("API key")).toContain("account default");
    expect(said.get("workers")).toContain("local-1");
  });

  test("says what to do without ffmpeg, with a wrong key and a wrong token", async () => {
    const { code, stdout } = await run(["doctor", ...(await folders()), "--json"], {
      PATH: "",
      FFMPEG_PATH: path.join(world.folder, "no-ffmpeg"),
      TELECINE_API_KEY: "tlk_wrong",
      TELECINE_WORKER_TOKEN: "wkt_wrong",
    });
    expect(code).toBe(1);
    const { findings } = JSON.parse(stdout) as Report;
    const failed = findings.filter(({ level }) => level === "fail");
    expect(failed.map(({ name }) => name)).toEqual(["ffmpeg", "API key", "worker token"]);
    expect(failed[0]?.remedy).toContain("FFMPEG_PATH");
    expect(failed[1]?.remedy).toContain("TELECINE_API_KEY");
    expect(failed[2]?.remedy).toContain("telecine workers token");
  });

  test("accepts an agent's token without taking its place", async () => {
    const { token } = await world.host.client.createWorkerToken({ name: "gpu-1" });
    const { stdout } = await run(["doctor", ...(await folders())], {
      FFMPEG_PATH: "/nowhere",
      TELECINE_WORKER_TOKEN: token,
    });
    expect(stdout).toMatch(/ok\s+worker token\s+accepted/);
  });

  test("says that nothing listens", async () => {
    const { url, stop } = await startRelay();
    await stop();
    const { code, stdout } = await run(["doctor", ...(await folders())], {
      FFMPEG_PATH: "/nowhere",
      TELECINE_URL: url,
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/fail\s+edge\s+.*ECONNREFUSED.*\n\s+→ Nothing listens there/);
  });
});

test("what was typed wrongly exits 2 and names what is meant; help exits 0", async () => {
  const typo = await run(["job5"]);
  expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining("Did you mean")]);
  expect((await run(["jobs", "--state", "done"])).stderr).toContain("must be one of queued");
  const secret = await run(["webhooks", "listen", "--secret", "Zm9v"]);
  expect([secret.code, secret.stderr]).toEqual([2, expect.stringContaining("must be whsec_")]);
  const help = await run(["--help"]);
  expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("Exit codes:")]);
  expect((await run(["jobs"], { TELECINE_API_KEY: "" })).code).toBe(3);
});

test("a demo that could not save what it makes says so before it starts anything", async () => {
  const place = path.join(world.folder, "telecine-demo");
  await writeFile(place, "");
  expect(await run(["demo", small])).toEqual({
    code: 1,
    stdout: "",
    stderr: "telecine-demo is no folder. The demo saves there: run it in another folder.\n",
  });
  await rm(place);
});
