import { describe, expect, test } from "vitest";
import { type Finding, findingText, ok, verdictText, warn } from "../../cli/doctor/finding.ts";
import { judgeClock, judgeDisk, judgeEncoders, judgeFfmpeg } from "../../cli/doctor/judge.ts";

const GB = 1_000_000_000;
const libx264 = {
  encoder: "libx264",
  codec: "h264" as const,
  device: "cpu",
  bitDepths: [8 as const],
  maxSessions: null,
};

describe("the doctor", () => {
  test.for([
    ["4.1", "warn"],
    ["5.0.3", "warn"],
    ["5.1.6-0+deb12u1", "ok"],
    ["n7.1", "ok"],
    ["10.0", "ok"],
    ["N-117861-g5d1b1b5", "ok"],
  ] as const)("calls ffmpeg %s %s", ([version, level]) => {
    expect(judgeFfmpeg(version, "/usr/bin/ffmpeg").level).toBe(level);
  });

  test("fails where no encoder made a picture, and names what was tried", () => {
    const refusal = { encoder: "libx264", device: "cpu", bitDepth: 8, reason: "Unknown encoder" };
    const [finding] = judgeEncoders([], [refusal]);
    expect(finding).toMatchObject({ level: "fail", text: expect.stringContaining("Unknown") });
  });

  test("warns of an encoder that its device refused, not of what software was built without", () => {
    const nvenc = { encoder: "h264_nvenc", device: "cuda:0", bitDepth: 8, reason: "No device" };
    const depth = { encoder: "libx264", device: "cpu", bitDepth: 10, reason: "built for 8" };
    const findings = judgeEncoders([libx264], [nvenc, depth]);
    expect(findings.map(({ level }) => level)).toEqual(["ok", "warn"]);
    expect(findings[1]?.text).toContain("h264_nvenc on cuda:0");
  });

  test.for([
    [{ status: "writable", freeBytes: 50 * GB }, "ok", "50.0 GB free"],
    [{ status: "writable", freeBytes: GB }, "warn", "1.00 GB free"],
    [{ status: "writable", freeBytes: 1_000_000 }, "fail", "as good as full"],
    [{ status: "unwritable", why: "ENOSPC", code: "ENOSPC" }, "fail", "the disk is full"],
    [{ status: "unwritable", why: "EROFS", code: "EROFS" }, "fail", "cannot be written"],
  ] as const)("judges a disk: %j is %s", ([state, level, text]) => {
    const finding = judgeDisk("scratch", "/scratch", state, 2 * GB, "--scratch");
    expect(finding.level).toBe(level);
    expect(finding.text).toContain(text);
    if (level === "ok") expect(finding.remedy).toBeNull();
    else expect(finding.remedy).toContain("--scratch");
  });

  test.for([
    [0.4, 0.5, "ok"],
    [-6, 2, "ok"],
    [-6, 0.5, "warn"],
    [301, 0.5, "fail"],
    [-4000, 0.5, "fail"],
  ] as const)("judges a clock that is %d s off, give or take %d: %s", ([skew, error, level]) => {
    expect(judgeClock(skew, error).level).toBe(level);
  });

  test("puts the remedy below what is wrong", () => {
    const finding: Finding = warn("disk", "little is left", "Free some space.");
    expect(findingText(finding, (_level, text) => text)).toBe(
      "warn  disk          little is left\n                    → Free some space.\n",
    );
  });

  test("says in the end whether something must be done", () => {
    const fine = ok("a", "b");
    const poor = warn("a", "b", "c");
    expect(verdictText([fine])).toContain("All is well");
    expect(verdictText([fine, poor])).toContain("1 could be better");
    expect(verdictText([poor, { ...poor, level: "fail" }])).toContain("1 must be put right, 1 ");
  });
});
