import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { type ProbeBudget, probeHead } from "../../../edge/media/head-probe.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import type { Store } from "../../../edge/media/store.ts";
import type { SourceExtension } from "../../../protocol/media.ts";
import { ascii, aviStart, clip, freeBox, join } from "./clips.ts";

/** The real store, counting what is read from it. */
function countingStore() {
  const store = createR2Store(env.MEDIA);
  const reads = { requests: 0, bytes: 0 };
  const counting: Store = {
    ...store,
    get(key, options) {
      reads.requests += 1;
      reads.bytes += options?.range?.length ?? Number.POSITIVE_INFINITY;
      return store.get(key, options);
    },
  };
  return { store: counting, reads };
}

async function probe(bytes: Uint8Array, extension: SourceExtension, budget?: ProbeBudget) {
  const { store, reads } = countingStore();
  const key = `sources/probe/${crypto.randomUUID()}`;
  const size = bytes.byteLength;
  const put = await store.put(key, bytes, { size, contentType: "video/mp4" });
  if (put.status !== "ok") throw new Error(put.status);
  const metadata = await probeHead(store, { key, etag: put.etag, size }, extension, budget);
  return { metadata, reads };
}

const common = { durationSeconds: 0.4, width: 64, height: 36, frameRate: 29.97 };
const videoOnly = { videoCodec: "h264", audioCodec: null };

describe("the head of a container", () => {
  test.each([
    ["mp4", { ...common, format: "mp4", videoCodec: "h264", audioCodec: "aac", bitrateKbps: 33 }],
    ["mov", { ...common, ...videoOnly, format: "mov", bitrateKbps: 19 }],
    ["mkv", { ...common, ...videoOnly, format: "mkv", bitrateKbps: 14 }],
    [
      "webm",
      {
        ...common,
        format: "webm",
        durationSeconds: 0.408,
        videoCodec: "vp9",
        audioCodec: "opus",
        bitrateKbps: 23,
      },
    ],
  ] as const)("says what a real %s is, by ffprobe's names", async (name, expected) => {
    expect((await probe(clip(name), name)).metadata).toEqual(expected);
  });

  test("gives the size a player shows: a video turned by 90° is upright", async () => {
    const { metadata } = await probe(clip("rotated"), "mp4");
    expect(metadata).toMatchObject({ width: 36, height: 64 });
  });

  test("gives a duration although a fragmented file declares none", async () => {
    const { metadata } = await probe(clip("fragmented"), "mp4");
    expect(metadata).toMatchObject({ durationSeconds: 0.4, frameRate: 25 });
  });

  test("is found behind 20 MB of media by reading a small part of them", async () => {
    const bytes = clip("mp4");
    const ftypBytes = new DataView(bytes.buffer).getUint32(0);
    const far = join(bytes.subarray(0, ftypBytes), freeBox(20_000_000), bytes.subarray(ftypBytes));
    const { metadata, reads } = await probe(far, "mp4");
    expect(metadata).toMatchObject({ ...common, videoCodec: "h264", audioCodec: "aac" });
    expect(reads.bytes).toBeLessThan(500_000);
    expect(reads.requests).toBeLessThan(8);
  });

  test("of an AVI is left to the worker", async () => {
    expect((await probe(aviStart(), "avi")).metadata).toBeNull();
  });

  test.each(["mp4", "mkv", "webm", "mov"] as const)(
    "of a %s cut off anywhere is null or metadata, never an exception",
    async (name) => {
      const whole = clip(name);
      for (let length = 8; length < whole.byteLength; length += 97) {
        const { metadata } = await probe(whole.subarray(0, length), name);
        expect(metadata === null || metadata.format.length > 0).toBe(true);
      }
    },
  );

  test("reads no more than its budget from a file that asks for more", async () => {
    const budget = { maxBytes: 1_000_000, maxRequests: 5, maxMs: 60_000 };
    // Ten thousand boxes, each of which must be looked at to find the next.
    const boxes = Array.from({ length: 200 }, () => freeBox(100_000));
    const { metadata, reads } = await probe(
      join(clip("mp4").subarray(0, 32), ...boxes),
      "mp4",
      budget,
    );
    expect(metadata).toBeNull();
    expect(reads.requests).toBeLessThanOrEqual(5);
    expect(reads.bytes).toBeLessThanOrEqual(1_000_000);
  });

  test("claims a head of gigabytes in vain", async () => {
    const bytes = join(clip("mp4").subarray(0, 32), freeBox(1_000_000));
    new DataView(bytes.buffer).setUint32(32, 0xffff_fff0);
    bytes.set(ascii("moov"), 36);
    const { metadata, reads } = await probe(bytes, "mp4");
    expect(metadata).toBeNull();
    expect(reads.bytes).toBeLessThan(3_000_000);
  });

  test("is given up when the store does not answer in time", async () => {
    const hanging: Store = { ...createR2Store(env.MEDIA), get: () => new Promise(() => undefined) };
    const object = { key: "k", etag: "e", size: 1000 };
    const budget = { maxBytes: 1000, maxRequests: 5, maxMs: 5 };
    expect(await probeHead(hanging, object, "mp4", budget)).toBeNull();
  });
});
