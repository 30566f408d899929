import { describe, expect, test } from "vitest";
import { withKnownLength } from "../../../edge/media/known-length.ts";
import { bytesOf, streamOf } from "./store-conformance.ts";

const readAll = async (bytes: ReadableStream<Uint8Array> | Uint8Array) =>
  (await new Response(bytes).arrayBuffer()).byteLength;

describe("a body of announced length", () => {
  test("reaches the write whole", async () => {
    expect(await withKnownLength(streamOf(bytesOf(6), bytesOf(4)), 10, readAll)).toEqual({
      status: "ok",
      value: 10,
    });
  });

  test("that is shorter or longer is told apart from a write that failed", async () => {
    expect(await withKnownLength(streamOf(bytesOf(9)), 10, readAll)).toEqual({
      status: "wrong_size",
    });
    expect(await withKnownLength(streamOf(bytesOf(11)), 10, readAll)).toEqual({
      status: "wrong_size",
    });
    const failed = await withKnownLength(streamOf(bytesOf(10)), 10, async () => {
      throw new Error("no disk");
    });
    expect(failed).toMatchObject({ status: "failed", error: { message: "no disk" } });
  });

  test("is given up when the write answers before reading it, however long it takes", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: () => new Promise(() => undefined),
      cancel: () => {
        cancelled = true;
      },
    });
    const written = await withKnownLength(endless, 10, async () => "refused");
    expect(written).toEqual({ status: "ok", value: "refused" });
    expect(cancelled).toBe(true);
  });

  test("whose sender goes away fails with the sender's error", async () => {
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new Error("client left")),
    });
    expect(await withKnownLength(broken, 10, readAll)).toMatchObject({
      status: "failed",
      error: { message: "client left" },
    });
  });
});
