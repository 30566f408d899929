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

describe("a command that people use becomes, in real ffmpeg, outputs that pass the gate", () => {
  test.concurrent.for(chosen.map((vector) => [vector.line, vector] as const))(
    "%s",
    async ([line, vector], context) => {
      const { expect: expectHere } = context;
      if (line.includes("libsvtav1")) requires(context, tools, "encoder", "libsvtav1");
      if (line.includes("cas=")) requires(context, tools, "filter", "cas");
      expectHere(await runVector(tools, dir, vector, clip)).toBeNull();
    },
  );

  test("some of every kind of output were among them", () => {
    const formats = new Set(chosen.flatMap(({ outputs }) => Object.values(outputs)));
    expect(formats.size).toBeGreaterThanOrEqual(4);
  });
});
