import { describe, expect, test } from "vitest";
import { pickEncoder } from "../../../protocol/recipes/pick-encoder.ts";
import { nvenc, optionsOf, plan, planned, ready, software } from "./sources.ts";

describe("the encoder", () => {
  const needs = { codec: "h264", bitDepth: 8, size: { width: 1280, height: 720 } } as const;

  test("hardware that is proved goes before software, wherever it stands", () => {
    const choice = pickEncoder([...software, ...nvenc], needs);
    expect(choice).toMatchObject({ status: "picked", capability: { encoder: "h264_nvenc" } });
  });

  test("of two that fit, the agent's own order decides", () => {
    const second = { ...nvenc[0], device: "cuda:1" } as (typeof nvenc)[number];
    const choice = pickEncoder([second, ...nvenc], needs);
    expect(choice).toMatchObject({ capability: { device: "cuda:1" } });
  });

  test("software takes what hardware cannot: other codecs, depths and small pictures", () => {
    const all = [...nvenc, ...software];
    const names = [
      { ...needs, codec: "vp9" as const },
      { ...needs, size: { width: 64, height: 36 } },
    ].map((need) => {
      const choice = pickEncoder(all, need);
      return choice.status === "picked" ? choice.capability.encoder : choice.detail;
    });
    expect(names).toEqual(["libvpx-vp9", "libx264"]);
  });

  test("an encoder that plans have no arguments for is passed over", () => {
    const strange = {
      ...software[0],
      encoder: "h264_amf",
      device: "amf:0",
    } as (typeof nvenc)[number];
    const choice = pickEncoder([strange, ...software], needs);
    expect(choice).toMatchObject({ capability: { encoder: "libx264" } });
    expect(pickEncoder([strange], needs).status).toBe("rejected");
  });

  test("none is a rejection that names the codec", () => {
    expect(plan(ready, { name: "transcode", codec: "av1" })).toEqual({
      status: "rejected",
      code: "UNSUPPORTED_COMMAND",
      detail: "No encoder for av1 is proved on this worker.",
    });
  });

  test("the plan says which encoder and device it uses, for the ledger", () => {
    const result = planned(ready, { name: "resize", width: 320 }, "mp4", [...software, ...nvenc]);
    expect(result.steps[0]).toMatchObject({ encoder: { name: "h264_nvenc", device: "cuda:0" } });
    expect(optionsOf(result).output.join(" ")).toContain(
      "-c:v h264_nvenc -preset p5 -tune hq -profile:v high -rc vbr -cq 23 -b:v 0",
    );
  });
});
