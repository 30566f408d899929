import { describe, expect, it } from "vitest";
import { capabilitiesSchema } from "../../../protocol/media.ts";
import { proveCapabilities } from "../../../worker-node/ffmpeg/capabilities.ts";
import type { EncoderCandidate } from "../../../worker-node/ffmpeg/encoder-candidates.ts";
import { proveEncoder } from "../../../worker-node/ffmpeg/encoder-proof.ts";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { scratch, standIn, toolSets } from "./support.ts";

const dir = await scratch();
const sets = await toolSets();
const signal = new AbortController().signal;

describe.each(sets)("capabilities of $name", ({ tools }) => {
  it("are what the protocol carries, and hold an H.264 encoder of 8 bits", async () => {
    const capabilities = await proveCapabilities(tools, signal);
    expect(capabilitiesSchema.parse(capabilities)).toEqual(capabilities);
    const h264 = capabilities.encoders.find(({ codec }) => codec === "h264");
    expect(h264?.bitDepths).toContain(8);
  });

  it("are not proved at all once the agent stops", async () => {
    const stopped = AbortSignal.abort(new Error("stopping"));
    await expect(proveCapabilities(tools, stopped)).rejects.toThrow("stopping");
  });
});

const [usual] = sets;
if (usual === undefined) throw new Error("no tools");

const x264: EncoderCandidate = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8, 10],
};

/** An ffmpeg that rewrites or refuses its arguments by `rules` (which see `argv`) and runs the real one with the rest. */
async function altered(rules: string): Promise<Tools> {
  const ffmpeg = await standIn(
    dir,
    `ffmpeg-${crypto.randomUUID()}`,
    `let argv = process.argv.slice(2);
     const refuse = (text) => { console.error(text); process.exit(1); };
     ${rules}
     const run = require("node:child_process").spawnSync(${JSON.stringify(usual?.tools.ffmpeg)}, argv, { stdio: "inherit" });
     process.exit(run.status ?? 1);`,
  );
  return { ...(usual as { tools: Tools }).tools, ffmpeg };
}

describe("an encoder is proved by what comes out", () => {
  const prove = async (tools: Tools, candidate = x264, depth: 8 | 10 = 8) =>
    (await proveEncoder(candidate, depth, { tools, dir, signal })).status;

  it("and a real one passes", async () => {
    expect(await prove(usual.tools)).toBe("proved");
  });

  it("not by its exit code: one that wrote nothing is refused", async () => {
    expect(await prove(await altered("process.exit(0);"))).toBe("refused");
  });

  it("not by its name: one that makes another codec is refused", async () => {
    const tools = await altered(
      'argv = argv.map((a) => a === "libx264" ? "mpeg4" : a).filter((a) => a !== "-preset" && a !== "ultrafast");',
    );
    expect(await prove(tools)).toBe("refused");
  });

  it("with the bit depth it was given: one that turns 10 bits into 8 does 8 bits only", async () => {
    const x265: EncoderCandidate = { ...x264, encoder: "libx265", codec: "hevc" };
    const tools = await altered('argv.splice(-4, 0, "-pix_fmt", "yuv420p");');
    expect(await prove(usual.tools, x265, 10)).toBe("proved");
    expect(await prove(tools, x265, 10)).toBe("refused");
    expect(await prove(tools, x265, 8)).toBe("proved");
  });

  it("with every frame: one that gives up half-way is refused", async () => {
    const tools = await altered(
      'argv = argv.map((a, i) => argv[i - 1] === "-frames:v" ? "7" : a);',
    );
    expect(await prove(tools)).toBe("refused");
  });
});
