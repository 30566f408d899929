/** Which packets are frames, as a decoder counts them. No encoder here codes fields apart: ffprobe is played. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readFrameIndex, resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { type video, withVideo } from "../../protocol/recipes/sources.ts";

const dir = mkdtempSync(join(tmpdir(), "telecine-index-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Counts so many frames and packets, and lists three packets. */
async function playing(counts: string) {
  const ffprobe = join(dir, "ffprobe");
  writeFileSync(
    ffprobe,
    `#!/bin/sh\ncase "$*" in\n*-count_frames*) echo ${counts};;\n*) printf '0,1,9,40,K__\\n1,1,9,49,___\\n2,1,9,58,___\\n';;\nesac\n`,
  );
  chmodSync(ffprobe, 0o700);
  return { ...(await resolveTools(process.env)), ffprobe };
}

const listed = async (counts: string, changes: Partial<typeof video>) => {
  const source = { ...withVideo(changes), format: "matroska,webm", mp4: null };
  const request = { url: "http://127.0.0.1:9/", sizeBytes: 1, source };
  return readFrameIndex(await playing(counts), {
    ...request,
    signal: new AbortController().signal,
  });
};

describe("packets of interlaced H.264", () => {
  const interlaced = { interlaced: true };
  test("of which two become a frame are not listed as frames", async () => {
    expect(await listed("50,100", interlaced)).toMatchObject({ status: "unknown" });
  });

  test("that nothing is known of are not, either", async () => {
    expect(await listed("", interlaced)).toMatchObject({ status: "unknown" });
  });

  test("of which each becomes a frame, but for the last that wait for others, are", async () => {
    const found = await listed("97,100", interlaced);
    expect(found).toMatchObject({ status: "ok", index: { times: [0, 1, 2] } });
  });
});

test("packets of progressive video are not decoded to be listed", async () => {
  expect(await listed("50,100", {})).toMatchObject({ status: "ok" });
});
