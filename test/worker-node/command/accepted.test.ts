import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { accepted } from "../../protocol/command/accepted.ts";
import { makeMp4, scratch } from "../ffmpeg/support.ts";
import { runVector, serveClip } from "./support.ts";

const dir = await scratch();
const tools = await resolveTools(process.env);
const path = join(dir, "clip.mp4");
await makeMp4(tools, path, { seconds: 2 });
const clip = await serveClip(tools, path);

describe("a command that people use becomes, in real ffmpeg, outputs that pass the gate", () => {
  test.for(accepted.map((vector) => [vector.line, vector] as const))("%s", async ([, vector]) => {
    expect(await runVector(tools, dir, vector, clip)).toBeNull();
  });
});
