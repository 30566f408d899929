/** What is proved of a graphics card, on one that is made up (`gpu.ts`): no hardware is here. */
import { readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { capabilitiesSchema } from "../../../protocol/media.ts";
import { type Proofs, prove } from "../../../worker-node/ffmpeg/capabilities.ts";
import type { EncoderCandidate } from "../../../worker-node/ffmpeg/encoder-candidates.ts";
import { proveEncoder, proveSessions } from "../../../worker-node/ffmpeg/encoder-proof.ts";
import { keptProofs, type MachineFacts } from "../../../worker-node/ffmpeg/proof-cache.ts";
import { toolsTable } from "../../../worker-node/tools-table.ts";
import { type Card, graphicsCard } from "./gpu.ts";
import { scratch, toolSets } from "./support.ts";

const dir = await scratch();
const [usual] = await toolSets();
if (usual === undefined) throw new Error("no tools");
const { tools: real } = usual;
const signal = new AbortController().signal;
const devices = { cuda: ["0"], render: [], videotoolbox: false };
const hardware = ({ capabilities }: Proofs) =>
  capabilities.encoders.filter(({ device }) => device !== "cpu");

const nvenc: EncoderCandidate = {
  encoder: "h264_nvenc",
  codec: "h264",
  device: "cuda:0",
  bitDepths: [8],
};

describe("a card is proved with the options of production", () => {
  it("by codec, depth, sessions and what it decodes, and said in the protocol's words", async () => {
    const card = await graphicsCard(real, dir, { sessions: 3 });
    const proofs = await prove(card.tools, devices, signal);
    expect(capabilitiesSchema.parse(proofs.capabilities)).toEqual(proofs.capabilities);
    expect(proofs.isConclusive).toBe(true);
    const common = { device: "cuda:0", maxSessions: 3, decodes: expect.any(Array) };
    expect(hardware(proofs)).toEqual([
      { ...common, encoder: "h264_nvenc", codec: "h264", bitDepths: [8] },
      { ...common, encoder: "hevc_nvenc", codec: "hevc", bitDepths: [8, 10] },
    ]);
    const [first] = hardware(proofs);
    expect(first?.decodes?.toSorted()).toEqual(["h264:8", "hevc:10", "hevc:8"]);
    const asked = (await card.asked()).map((argv) => argv.join(" "));
    expect(asked[0]).toContain("-rc vbr -cq 23 -b:v 0 -maxrate 4000k");
    expect(asked[0]).toContain("-b_ref_mode middle");
    expect(toolsTable(proofs.capabilities, proofs.refusals)).toMatch(
      /^cuda:0 +hevc +hevc_nvenc +8\+10 +3 +on the device +.*hevc:10/m,
    );
  });

  it.each([
    [{ tenBits: false }, /10 bit encode not supported/],
    [{ isAbsent: true }, /Cannot load libnvidia-encode/],
  ] satisfies [Partial<Card>, RegExp][])(
    "and %o is said as ffmpeg says it",
    async (change, why) => {
      const card = await graphicsCard(real, dir, {
        ...change,
        encoders: ["hevc_nvenc"],
        speaks: 7,
      });
      const proofs = await prove(card.tools, devices, signal);
      expect(proofs.refusals.find(({ device }) => device === "cuda:0")?.reason).toMatch(why);
      expect(hardware(proofs).flatMap(({ bitDepths }) => bitDepths)).not.toContain(10);
      expect(proofs.capabilities.encoders.length).toBeGreaterThan(0);
    },
  );

  it("without B-frames that are referred to, where it refuses those", async () => {
    const card = await graphicsCard(real, dir, {
      referencedBFrames: false,
      encoders: ["h264_nvenc"],
    });
    const proofs = await prove(card.tools, devices, signal);
    expect(hardware(proofs)).toMatchObject([{ encoder: "h264_nvenc", plain: true }]);
  });

  it("and one without filters of its own is handed its pictures in memory", async () => {
    const card = await graphicsCard(real, dir, { decodes: null, encoders: ["h264_nvenc"] });
    const [found] = hardware(await prove(card.tools, devices, signal));
    expect(found).toMatchObject({ encoder: "h264_nvenc" });
    expect(found).not.toHaveProperty("decodes");
  });
});

describe("sessions", () => {
  it.each([
    [1, 1, "out of memory (10)"],
    [2, 2, "incompatible client key (21)"],
    [3, 3, "out of memory (10)"],
    [5, 5, "out of memory (10)"],
    [100, 8, "out of memory (10)"],
  ] as const)("of a card with %d are counted as %d", async (sessions, counted, exhausted) => {
    const { tools } = await graphicsCard(real, dir, { sessions, exhausted });
    const proved = await proveSessions(nvenc, { tools, dir, signal });
    expect(proved).toEqual({ sessions: counted, isCertain: true });
  });

  it("that others have open are not this agent's, and a card that is full is tried another time", async () => {
    const card = await graphicsCard(real, dir, { sessions: 3 });
    const leave = await card.occupy(3);
    const full = await proveEncoder(nvenc, 8, { tools: card.tools, dir, signal });
    expect(full).toMatchObject({ status: "refused", isBusy: true });
    await leave();
    const free = await proveEncoder(nvenc, 8, { tools: card.tools, dir, signal });
    expect(free.status).toBe("proved");
  });
});

describe("proofs that are kept", () => {
  const facts: MachineFacts = { devices, kernel: "6.1", nvidia: "535", environment: [] };
  const start = 1_800_000_000_000;

  it("need no second run, until ffmpeg, driver or devices change or a week has passed", async () => {
    const card = await graphicsCard(real, dir, { encoders: ["h264_nvenc"] });
    const options = { dir: join(dir, "kept"), facts, now: start };
    await card.set({ decodes: null, software: [] });
    const first = await keptProofs(card.tools, signal, options);
    const runs = (await card.asked()).length;
    expect(first.provedAt).toBeNull();
    const runsAfter = async (change: Partial<typeof options>) => {
      const { provedAt, capabilities } = await keptProofs(card.tools, signal, {
        ...options,
        ...change,
      });
      expect(capabilities).toEqual(first.capabilities);
      return [provedAt, (await card.asked()).length > runs];
    };
    expect(await runsAfter({ now: start + 1 })).toEqual([start, false]);
    await rm(options.dir, { recursive: true });
    await writeFile(options.dir, "a file where the directory should be");
    expect(await runsAfter({})).toEqual([null, true]);
  });

  it.each([
    ["driver", { facts: { ...facts, nvidia: "550" } }],
    ["week", { now: start + 8 * 24 * 3_600_000 }],
    ["clock that was set back", { now: start - 1 }],
  ])("are void after another %s", async (_, change) => {
    const card = await graphicsCard(real, dir, { encoders: [], software: [] });
    const options = { dir: join(dir, crypto.randomUUID()), facts, now: start };
    await keptProofs(card.tools, signal, options);
    const again = await keptProofs(card.tools, signal, { ...options, ...change });
    expect(again.provedAt).toBeNull();
  });

  it("are void for another ffmpeg in the same place", async () => {
    const card = await graphicsCard(real, dir, { encoders: [], software: [] });
    const options = { dir: join(dir, crypto.randomUUID()), facts, now: start };
    await keptProofs(card.tools, signal, options);
    expect((await keptProofs(card.tools, signal, options)).provedAt).toBe(start);
    await utimes(card.tools.ffmpeg, 1, 1);
    expect((await keptProofs(card.tools, signal, options)).provedAt).toBeNull();
  });

  it("are not kept of a card that was busy", async () => {
    const card = await graphicsCard(real, dir, { sessions: 1, encoders: ["h264_nvenc"] });
    const options = { dir: join(dir, crypto.randomUUID()), facts, now: start };
    const leave = await card.occupy(1);
    await keptProofs(card.tools, signal, options);
    expect(await readdir(options.dir).catch(() => [])).toEqual([]);
    await leave();
  });
});

it("a driver that hangs costs its device, in bounded time, and nothing else", async () => {
  const card = await graphicsCard(real, dir, { encoders: ["h264_nvenc"], hangs: "h264_nvenc" });
  const context = { tools: card.tools, dir, signal, timeoutMs: 500 };
  expect(await proveEncoder(nvenc, 8, context)).toEqual({ status: "hung" });
});
