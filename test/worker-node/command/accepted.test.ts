import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { accepted } from "../../protocol/command/accepted.ts";
import { makeMp4, scratch } from "../ffmpeg/support.ts";
import { requires } from "../support/requires.ts";
import { runVector, serveClip } from "./support.ts";

const dir = await scratch();
const tools = await resolveTools(process.env);
const path = join(dir, "clip.mp4");
await makeMp4(tools, path, { seconds: 2 });
const clip = await serveClip(tools, path);

/** All of them take minutes of CPU: the long run has every one, this one every sixth. */
const isLong = process.env.TELECINE_FAULTS === "full";
const chosen = accepted.filter((_, index) => isLong || index % 6 === 0);

/** Filters of these commands that ffmpeg 4.1 has not. */
const newer = ["asoftclip", "cas", "pixelize", "speechnorm", "xfade"];

describe("a command that people use becomes, in real ffmpeg, outputs that pass the gate", () => {
  test.concurrent.for(chosen.map((vector) => [vector.line, vector] as const))(
    "%s",
    async ([line, vector], context) => {
      const { expect: expectHere } = context;
      if (line.includes("libsvtav1")) requires(context, tools, "encoder", "libsvtav1");
      for (const filter of newer.filter((name) => line.includes(`${name}=`))) {
        requires(context, tools, "filter", filter);
      }
      expectHere(await runVector(tools, dir, vector, clip)).toBeNull();
    },
  );

  test("some of every kind of output were among them", () => {
    const formats = new Set(chosen.flatMap(({ outputs }) => Object.values(outputs)));
    expect(formats.size).toBeGreaterThanOrEqual(4);
  });
});

test.for([
  ["taken by name", "[0:v]null[v]", ["-map", "[v]"]],
  ["split without names", "split[a][b];[b]hflip[c];[a][c]hstack", []],
] as const)(
  "pictures that lie upside down in memory, %s, are encoded to AV1, and end",
  async ([, graph, mapped], context) => {
    requires(context, tools, "encoder", "libsvtav1");
    const upsideDown = join(dir, `upside-down-${mapped.length}.mp4`);
    const bytes = readFileSync(path);
    // Row b of the display matrix (ISO 14496-12, 8.3.2): ffmpeg puts a vflip before every graph.
    bytes.writeInt32BE(-65_536, bytes.indexOf("tkhd") + 4 + 4 + 20 + 8 + 8 + 16);
    writeFileSync(upsideDown, bytes);
    const encoding = ["-c:v", "libsvtav1", "-preset", "12", "-an", "{{output}}"];
    const args = ["-i", "{{input}}", "-filter_complex", graph, ...mapped, ...encoding];
    const vector = {
      ...{ line: args.join(" "), args, inputs: ["in_1"] },
      outputs: { out_1: "mp4" as const },
    };
    expect(await runVector(tools, dir, vector, await serveClip(tools, upsideDown))).toBeNull();
  },
);
