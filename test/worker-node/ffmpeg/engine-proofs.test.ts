/** What is proved of VAAPI, Quick Sync and VideoToolbox, on ones that are made up (`media-engine.ts`): no hardware is here. */
import { describe, expect, it } from "vitest";
import { capabilitiesSchema } from "../../../protocol/media.ts";
import { type Proofs, prove } from "../../../worker-node/ffmpeg/capabilities.ts";
import type { Devices } from "../../../worker-node/ffmpeg/encoder-candidates.ts";
import { proveEncoder, proveSessions } from "../../../worker-node/ffmpeg/encoder-proof.ts";
import { type Engine, type EngineKind, mediaEngine } from "./media-engine.ts";
import { scratch, toolSets } from "./support.ts";

const dir = await scratch();
const [usual] = await toolSets();
if (usual === undefined) throw new Error("no tools");
const { tools: real } = usual;
const signal = new AbortController().signal;
const NODE = "/dev/dri/renderD128";
const names = { vaapi: `vaapi:${NODE}`, qsv: `qsv:${NODE}`, videotoolbox: "videotoolbox" };
const kinds: readonly EngineKind[] = ["vaapi", "qsv", "videotoolbox"];

function devicesOf(kind: EngineKind): Devices {
  const isMac = kind === "videotoolbox";
  return { cuda: [], render: isMac ? [] : [NODE], videotoolbox: isMac };
}

async function proofsOf(kind: EngineKind, change: Partial<Engine> = {}): Promise<Proofs> {
  const engine = await mediaEngine(real, dir, kind, change);
  return prove(engine.tools, devicesOf(kind), signal);
}

const hardware = ({ capabilities }: Proofs) =>
  capabilities.encoders.filter(({ device }) => device !== "cpu");

describe.each(kinds)("%s is proved with the options of production", (kind) => {
  const device = names[kind];

  it("by codec, depth and sessions, and stands before software", async () => {
    const proofs = await proofsOf(kind, { sessions: 3 });
    expect(capabilitiesSchema.parse(proofs.capabilities)).toEqual(proofs.capabilities);
    expect(proofs.isConclusive).toBe(true);
    const [h264, hevc, software] = proofs.capabilities.encoders;
    const common = { device, maxSessions: 3 };
    expect(h264).toMatchObject({ ...common, encoder: `h264_${kind}`, bitDepths: [8] });
    expect(hevc).toMatchObject({ ...common, encoder: `hevc_${kind}`, bitDepths: [8, 10] });
    expect(software).toMatchObject({ encoder: "libx264", device: "cpu" });
    // Pictures stay on VAAPI's devices; the others are handed them at the encoder.
    expect(h264?.decodes?.toSorted()).toEqual(
      kind === "vaapi" ? ["h264:8", "hevc:10", "hevc:8"] : undefined,
    );
  });

  it.each(["quality", "rate"] as const)(
    "and not believed where a plan's %s is refused",
    async (mode) => {
      const modes = mode === "quality" ? (["rate"] as const) : (["quality"] as const);
      const proofs = await proofsOf(kind, { codecs: ["h264"], modes });
      expect(hardware(proofs)).toEqual([]);
      expect(proofs.refusals.find((refusal) => refusal.device === device)?.reason).toMatch(
        /rc mode|ratecontrol|runtime|qscale|bitrate/i,
      );
    },
  );

  it("at 8 bits where it has no ten", async () => {
    const proofs = await proofsOf(kind, { codecs: ["hevc"], tenBits: false, speaks: 7 });
    expect(hardware(proofs)).toMatchObject([{ encoder: `hevc_${kind}`, bitDepths: [8] }]);
  });

  it("and a device whose sessions others have is tried another time", async () => {
    const engine = await mediaEngine(real, dir, kind, { sessions: 1 });
    const leave = await engine.occupy(1);
    const candidate = { encoder: `h264_${kind}`, codec: "h264", device } as const;
    const full = await proveEncoder(candidate, 8, { tools: engine.tools, dir, signal });
    expect(full).toMatchObject({ status: "refused", isBusy: true });
    await leave();
    const free = await proveSessions(candidate, { tools: engine.tools, dir, signal });
    expect(free).toEqual({ sessions: 1, isCertain: true });
  });

  it("within a bound, where the driver hangs", async () => {
    const engine = await mediaEngine(real, dir, kind, { hangs: `h264_${kind}` });
    const candidate = { encoder: `h264_${kind}`, codec: "h264", device } as const;
    const context = { tools: engine.tools, dir, signal, timeoutMs: 500 };
    expect(await proveEncoder(candidate, 8, context)).toEqual({ status: "hung" });
  });
});

it.each(["vaapi", "qsv"] as const)(
  "a render node without a driver of %s is refused",
  async (kind) => {
    const proofs = await proofsOf(kind, { nodes: [], codecs: ["h264"] });
    expect(hardware(proofs)).toEqual([]);
    expect(proofs.refusals[0]?.reason).toContain("No VA display found");
  },
);
