import { describe, expect, test } from "vitest";
import { LiveLines, PLAIN_LOOK, progressText } from "../../cli/live-lines.ts";

const details = ["7.64 MB of 9.99 MB", "114.0 MB/s", "0:01 left"];

describe("a line that is rewritten", () => {
  test("is never wider than the terminal: the bar gives way first, then the first details", () => {
    const shown = (columns: number) =>
      progressText("uploading", 0.5, details, { ...PLAIN_LOOK, columns });
    for (let columns = 30; columns < 120; columns++) {
      expect(shown(columns).length).toBeLessThanOrEqual(columns);
    }
    expect(shown(100)).toBe(progressText("uploading", 0.5, details));
    expect(shown(80)).toMatch(/^ {2}uploading {4}█+░+ {2}50 % {2}7\.64 MB .* left$/);
    expect(shown(60)).toMatch(/█ ?░+ {2}50 % {2}114\.0 MB\/s {2}0:01 left$/);
    expect(shown(40)).toMatch(/50 %( {2}0:01 left)?$/);
  });

  test("is made for the terminal as it is now, and for no width where nothing wraps", () => {
    const screen = { isTTY: true, columns: 80, write: () => true };
    const lines = new LiveLines(screen, {});
    expect(lines.look.columns).toBe(79);
    screen.columns = 60;
    expect(lines.look.columns).toBe(59);
    expect(new LiveLines({ write: () => true }, {}).look.columns).toBe(Number.POSITIVE_INFINITY);
  });

  test.for([
    ["blocks", {}],
    ["blocks", { LANG: "de_AT.UTF-8" }],
    ["blocks", { LC_ALL: "C.utf8", LANG: "C" }],
    ["ASCII", { LC_ALL: "C", LANG: "de_AT.UTF-8" }],
    ["ASCII", { LANG: "POSIX" }],
  ] as const)("is drawn in %s in the locale of %j", ([glyphs, environment]) => {
    const { look } = new LiveLines({ write: () => true }, environment);
    expect(progressText("saving", 0.5, [], look)).toContain(glyphs === "ASCII" ? "#." : "█░");
  });
});
