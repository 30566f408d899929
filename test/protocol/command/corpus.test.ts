import { describe, expect, test } from "vitest";
import { checkCommand } from "../../../protocol/command/check.ts";
import { accepted } from "./accepted.ts";
import { aimed, hostileVectors } from "./hostile.ts";

const CANARY = "/var/lib/telecine-canary.txt";
const SERVER = "http://127.0.0.1:9/canary";

describe("a command that people use", () => {
  test("there are over two hundred of them", () => {
    expect(accepted.length).toBeGreaterThan(200);
  });

  test.for(accepted.map((vector) => [vector.line, vector] as const))(
    "is accepted and written out in a form that reads the same: %s",
    ([, vector]) => {
      const check = checkCommand(vector.args, vector);
      expect(check).toMatchObject({ status: "ok" });
      if (check.status !== "ok") return;
      const again = checkCommand(check.canonical, vector);
      expect(again).toMatchObject({ status: "ok", canonical: check.canonical });
    },
  );
});

describe("a hostile command", () => {
  test("there are over six hundred of them, no two the same", () => {
    expect(hostileVectors.length).toBeGreaterThan(600);
    const texts = hostileVectors.map(({ args, outputs }) => JSON.stringify([args, outputs]));
    expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
  });

  test.for(hostileVectors.map((vector) => [vector.line, vector] as const))(
    "is refused at the argument that is hostile: %s",
    ([, vector]) => {
      const { args, index, inputs, outputs } = aimed(vector, CANARY, SERVER);
      const check = checkCommand(args, { inputs, outputs });
      expect(check).toMatchObject({ status: "refused", index, argument: args[index] ?? "" });
      if (check.status !== "refused") return;
      expect(check.detail).toContain(`ffmpeg.args[${index}] `);
      expect(check.detail).toContain((args[index] ?? "").slice(0, 100));
      expect(check.detail).toMatch(/ is refused: it .+\.$/s);
    },
  );
});

describe("a refusal", () => {
  const keys = { inputs: ["in_1"], outputs: { out_1: "mp4" } } as const;

  test("shows a long argument cut short, and no control characters", () => {
    const check = checkCommand([`-\u001b[31m\n${"x".repeat(3000)}`], keys);
    expect(check.status).toBe("refused");
    if (check.status !== "refused") return;
    expect(check.detail.length).toBeLessThan(300);
    expect(check.detail).not.toMatch(/\p{Cc}/u);
  });

  test("is made of over 200 arguments, and of one of over 4096 characters", () => {
    const many = ["-i", "{{input}}", ...Array.from({ length: 198 }, () => "-an"), "{{output}}"];
    expect(checkCommand(many, keys)).toMatchObject({ status: "refused", index: 200 });
    const long = ["-i", "{{input}}", "-vf", "null,".repeat(900), "{{output}}"];
    expect(checkCommand(long, keys)).toMatchObject({ status: "refused", index: 3 });
  });

  test("is made of a 17th input", () => {
    const args = [...Array.from({ length: 17 }, () => ["-i", "{{input}}"]).flat(), "{{output}}"];
    expect(checkCommand(args, keys)).toMatchObject({ status: "refused", index: 32 });
    expect(checkCommand([...args.slice(2)], keys)).toMatchObject({ status: "ok" });
  });

  test("says which output is not written", () => {
    const outputs = { out_1: "mp4", out_2: "jpg" } as const;
    expect(checkCommand(["-i", "{{input}}", "{{out_1}}"], { inputs: ["in_1"], outputs })).toEqual({
      status: "refused",
      index: 2,
      argument: "{{out_1}}",
      detail:
        "ffmpeg.args[2] '{{out_1}}' is refused: it ends a command that does not write '{{out_2}}'.",
    });
  });

  test("says that {{input}} is not clear where there are two", () => {
    const check = checkCommand(["-i", "{{input}}", "{{output}}"], {
      inputs: ["in_1", "in_2"],
      outputs: { out_1: "mp4" },
    });
    expect(check).toMatchObject({
      index: 1,
      detail: expect.stringContaining("does not say which of {{in_1}}, {{in_2}}"),
    });
  });
});

describe("the written form", () => {
  const canonical = (args: readonly string[]) => {
    const check = checkCommand(args, { inputs: ["in_a"], outputs: { out_b: "mp4" } });
    return check.status === "ok" ? check.canonical : check.detail;
  };

  test("is the same for other names of the same options, times and values", () => {
    const long = canonical(
      ["-ss", "00:00:05", "-i", "{{in_a}}", "-vcodec", "h264", "-b:v", "1.5M"].concat([
        ...["-vf", " scale = w=640 : h=360 , fps = 25 ", "-af", "volume=2", "{{out_b}}"],
      ]),
    );
    const short = canonical(
      ["-ss", "5", "-i", "{{input}}", "-c:v", "libx264", "-b:v", "1500k"].concat([
        ...["-filter:v", "scale=640:360,fps=fps=25", "-filter:a", "volume=volume=2", "{{output}}"],
      ]),
    );
    expect(short).toEqual(long);
    expect(short).toEqual([
      ...["-ss", "5", "-i", "{{in_a}}", "-c:v", "libx264", "-b:v", "1500000"],
      ...["-filter:v", "scale=w=640:h=360,fps=fps=25", "-filter:a", "volume=volume=2"],
      "{{out_b}}",
    ]);
  });
});
