/** What hostile commands and disguised sources reach at the agent: nothing. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stepArgv } from "../../../worker-node/ffmpeg/argv.ts";
import { resolveTools, runStep } from "../../../worker-node/ffmpeg/index.ts";
import { accepted } from "../../protocol/command/accepted.ts";
import { aimed, hostileVectors } from "../../protocol/command/hostile.ts";
import { vector } from "../../protocol/command/vector.ts";
import { makeMp4, scratch, serve } from "../ffmpeg/support.ts";
import { planVector, serveClip } from "./support.ts";

const dir = await scratch();
const tools = await resolveTools(process.env);
const path = join(dir, "clip.mp4");
await makeMp4(tools, path, { seconds: 1 });
const clip = await serveClip(tools, path);
const canaryFile = join(dir, "canary.mp4");
await makeMp4(tools, canaryFile, { seconds: 1 });
const canary = await serve(canaryFile);

describe("at the agent", () => {
  test("every hostile command is rejected before anything could run", async () => {
    const before = await readFile(canaryFile);
    for (const hostile of hostileVectors) {
      const aimedHere = aimed(hostile, canaryFile, canary.url);
      const plan = planVector(aimedHere, clip.info);
      expect(plan, hostile.line).toMatchObject({ status: "rejected", code: "UNSUPPORTED_COMMAND" });
    }
    expect(canary.served()).toBe(0);
    expect(await readFile(canaryFile)).toEqual(before);
  });

  test("an accepted command opens its inputs and outputs alone, each behind the whitelists", () => {
    // As long as any command could want it: none is run.
    const long = { ...clip.info, durationSeconds: 36_000 };
    for (const good of accepted) {
      const plan = planVector(good, long);
      if (plan.status === "rejected") throw new Error(plan.detail);
      for (const step of plan.steps) {
        if (step.kind !== "ffmpeg") throw new Error("a command is one run of ffmpeg");
        const argv = stepArgv(step, { inputUrl: () => clip.url, features: tools.features });
        const opened = argv.flatMap((argument, index) => (argument === "-i" ? [index + 1] : []));
        expect(opened.map((index) => argv[index])).toEqual(step.inputs.map(() => clip.url));
        for (const index of opened) {
          expect(argv.slice(index - 5, index - 1)).toEqual([
            ...["-format_whitelist", "mov,matroska,avi"],
            ...["-protocol_whitelist", "http,tcp"],
          ]);
        }
        const addresses = argv.filter((argument) => /^(?:file|https?):/.test(argument));
        const files = step.outputs.map(({ file }) => `file:${file}`);
        expect(addresses.toSorted()).toEqual([...opened.map(() => clip.url), ...files].toSorted());
      }
    }
  });
});

const playlists: readonly (readonly [string, (url: string, file: string) => string])[] = [
  [
    "HLS of a server",
    (url) => `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${url}\n#EXT-X-ENDLIST\n`,
  ],
  [
    "HLS of a file",
    (_, file) => `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:${file}\n#EXT-X-ENDLIST\n`,
  ],
  ["ffconcat of a file", (_, file) => `ffconcat version 1.0\nfile '${file}'\n`],
  ["ffconcat of a server", (url) => `ffconcat version 1.0\nfile '${url}'\n`],
  [
    "DASH",
    (url) =>
      `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="0" bandwidth="1"><BaseURL>${url}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
  ],
  [
    "SDP",
    () =>
      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
  ],
  ["a list of images", (_, file) => `${file}\n`.repeat(20)],
];

describe("a source in disguise", () => {
  test.for(playlists)(
    "%s opens nothing, under a command whose check was passed on another source",
    async ([, make]) => {
      const disguised = join(dir, "disguised.mp4");
      await writeFile(disguised, make(canary.url, canaryFile));
      const source = await serve(disguised);
      const before = canary.served();
      const plan = planVector(vector("-i {{input}} -c copy {{output}}"), clip.info);
      if (plan.status === "rejected") throw new Error(plan.detail);
      const [step] = plan.steps;
      if (step?.kind !== "ffmpeg") throw new Error("a command is one run of ffmpeg");
      const scratchDir = await mkdtemp(join(dir, "disguise-"));
      const ran = await runStep(tools, step, {
        inputUrl: () => source.url,
        scratchDir,
        signal: new AbortController().signal,
        onProgress: () => {},
        stallMs: 20_000,
      });
      expect(ran).toMatchObject({ status: "failed", code: "TRANSCODE_ERROR" });
      expect(canary.served()).toBe(before);
      expect(await readdir(scratchDir)).toEqual([]);
      expect(existsSync(canaryFile)).toBe(true);
    },
  );
});
