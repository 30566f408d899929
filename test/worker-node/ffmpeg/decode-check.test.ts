import { join } from "node:path";
import { expect, it } from "vitest";
import { type DecodeSpan, decodeSpans } from "../../../worker-node/ffmpeg/decode-check.ts";
import { ffmpeg, scratch, toolSets } from "./support.ts";

const dir = await scratch();
const [{ tools }] = (await toolSets()) as [Awaited<ReturnType<typeof toolSets>>[number]];

it("every span must give a frame: one that decodes to nothing, without a word, is damaged", async () => {
  const spanOf = async (name: string, ...options: string[]): Promise<DecodeSpan> => {
    const file = join(dir, name);
    await ffmpeg(tools, ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=10:d=1", ...options, file]);
    const input = ["-protocol_whitelist", "file", "-i", `file:${file}`];
    return { input, hasVideo: true, hasAudio: false, fromSeconds: null, seconds: null };
  };
  const full = await spanOf("full.avi", "-c:v", "rawvideo");
  const empty = await spanOf("empty.avi", "-c:v", "rawvideo", "-frames:v", "0");
  const look = (...spans: DecodeSpan[]) => decodeSpans(tools, spans, new AbortController().signal);
  expect(await look(full, full)).toEqual({ status: "clean" });
  const damaged = { status: "damaged", detail: "no frame was decoded" };
  expect(await look(full, empty)).toEqual(damaged);
  expect(await look(empty, full)).toEqual(damaged);
});
