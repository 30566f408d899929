import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { type ProbeBudget, probeHead } from "../../../edge/media/head-probe.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import type { Store } from "../../../edge/media/store.ts";
import type { SourceExtension } from "../../../protocol/media.ts";
import { ascii, aviStart, type ClipName, clip, freeBox, join } from "./clips.ts";

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

/** What follows a clip's first 32 bytes, its `ftyp`. */
const tail = (name: ClipName) => clip(name).subarray(32);

/** A store that answers every read with the bytes, then zeros. */
function zeroPadded(bytes: Uint8Array): Store {
  return {
    ...createR2Store(env.MEDIA),
    async get(key, options) {
      const { offset, length } = options?.range ?? { offset: 0, length: 0 };
      const read = new Uint8Array(length);
      read.set(bytes.subarray(offset, offset + length));
      const { body } = new Response(read);
      if (body === null) throw new Error("no body");
      return { object: { key, size: 0, etag: "", contentType: null, sha256: null }, body };
    },
  };
}

/** A linear congruential generator: the same damage in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

const pick = <T>(items: readonly [T, ...T[]], random: number): T =>
  items[Math.floor(random * items.length)] ?? items[0];

function damaged(bytes: Uint8Array<ArrayBuffer>, random: () => number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < 1 + random() * 6; i++) {
    const at = Math.floor(random() * (bytes.byteLength - 4));
    const byte = Math.floor(random() * 256);
    bytes.set(pick([[byte], [255, 255, 255, 255], [0, 0, 0, 0]], random()), at);
  }
  return bytes;
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

  test("gives a duration although a fragmented file declares none, with its index or without", async () => {
    const whole = clip("fragmented");
    const mfraBytes = new DataView(whole.buffer).getUint32(whole.byteLength - 4);
    for (const bytes of [whole, whole.subarray(0, whole.byteLength - mfraBytes)]) {
      const { metadata } = await probe(bytes, "mp4");
      expect(metadata).toMatchObject({ durationSeconds: 0.4, frameRate: 25 });
    }
  });

  test("gives the last frame's time for a recording that declares no duration", async () => {
    const bytes = clip("webm");
    const duration = [0x44, 0x89, 0x88];
    const at = bytes.findIndex((_, i) => duration.every((byte, j) => bytes[i + j] === byte));
    // A Void element in its place, as muxers leave it.
    bytes.set([0xec, 0x89], at);
    const { metadata } = await probe(bytes, "webm");
    expect(metadata?.durationSeconds).toBeGreaterThan(0.35);
    expect(metadata?.durationSeconds).toBeLessThan(0.41);
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
    const budget = { maxBytes: 1_000_000, maxRequests: 5, maxReads: 1000, maxMs: 60_000 };
    // Each of these must be looked at to find the next.
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

  test("is not looked for for ever in a file of boxes that are nothing but headers", async () => {
    const budget = { maxBytes: 1_000_000, maxRequests: 50, maxReads: 100, maxMs: 60_000 };
    const boxes = Array.from({ length: 200 }, () => freeBox(8));
    const { metadata } = await probe(join(clip("mp4").subarray(0, 32), ...boxes), "mp4", budget);
    expect(metadata).toBeNull();
    const patient = { ...budget, maxReads: 1000 };
    const found = await probe(
      join(clip("mp4").subarray(0, 32), ...boxes, tail("mp4")),
      "mp4",
      patient,
    );
    expect(found.metadata).not.toBeNull();
  });

  test("damaged at random gives null or sane numbers, and soon", async () => {
    const random = randomFrom(20261122);
    for (let i = 0; i < 1500; i++) {
      const name = pick(["mp4", "mov", "mkv", "webm", "fragmented", "rotated"] as const, random());
      const bytes = damaged(clip(name), random);
      const size = random() < 0.3 ? 1_000_000_000 : bytes.byteLength;
      const object = { key: "k", etag: "e", size };
      const metadata = await probeHead(zeroPadded(bytes), object, "mp4");
      for (const value of Object.values(metadata ?? {})) {
        if (typeof value === "number") expect(value).toBeGreaterThanOrEqual(0);
      }
    }
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
    const budget = { maxBytes: 1000, maxRequests: 5, maxReads: 5, maxMs: 5 };
    expect(await probeHead(hanging, object, "mp4", budget)).toBeNull();
  });
});
