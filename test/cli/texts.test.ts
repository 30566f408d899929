import { describe, expect, test } from "vitest";
import { agoText, clockText } from "../../cli/duration-text.ts";
import { LiveLines } from "../../cli/live-lines.ts";
import { firstOf } from "../../cli/pages.ts";
import { RateMeter } from "../../cli/rate.ts";
import { fields, table } from "../../cli/table.ts";
import { showUploadOn } from "../../cli/upload-display.ts";

describe("a table", () => {
  test("has columns as wide as what is in them, and no spaces at the ends", () => {
    expect(
      table(
        ["ID", "NAME"],
        [
          ["1", "a"],
          ["123", "b c"],
        ],
      ),
    ).toBe("ID   NAME\n1    a\n123  b c\n");
  });

  test("keeps a text of others on its line, and the terminal as it was", () => {
    const text = table(["NAME"], [["a\u001b[2J\r\nb\u2028c"]]);
    expect(text).toBe("NAME\na [2J b c\n");
    expect(fields([["name", "a\u0007b"]])).toBe("name  a b\n");
  });

  test("leaves out fields without a value", () => {
    expect(
      fields([
        ["a", null],
        ["bcd", "x"],
      ]),
    ).toBe("bcd  x\n");
  });
});

describe("times", () => {
  test.for([
    [0, "0:00"],
    [6.2, "0:07"],
    [750, "12:30"],
    [11_045, "3:04:05"],
  ] as const)("%d seconds are %s", ([seconds, text]) => {
    expect(clockText(seconds)).toBe(text);
  });

  test("that passed are said in the largest unit", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(agoText(null, now)).toBe("never");
    expect(agoText("2026-11-22T11:59:48Z", now)).toBe("12 s ago");
    expect(agoText("2026-11-22T11:10:00Z", now)).toBe("50 min ago");
    expect(agoText("2026-11-20T11:00:00Z", now)).toBe("2 d ago");
    // A clock that is a little behind sees no future.
    expect(agoText("2026-11-22T12:00:03Z", now)).toBe("0 s ago");
  });
});

describe("the speed of an upload", () => {
  test("counts from what was there at first, by the last ten seconds", () => {
    const meter = new RateMeter();
    expect(meter.bytesPerSecond()).toBeNull();
    meter.add(0, 5_000_000);
    expect(meter.bytesPerSecond()).toBeNull();
    meter.add(1000, 6_000_000);
    expect(meter.bytesPerSecond()).toBe(1_000_000);
    expect(meter.secondsLeft(9_000_000)).toBe(3);
    for (let second = 2; second <= 30; second++) meter.add(second * 1000, 6_000_000);
    expect(meter.bytesPerSecond()).toBe(0);
    expect(meter.secondsLeft(9_000_000)).toBeNull();
  });

  test("is never below zero when a part is sent again", () => {
    const meter = new RateMeter();
    meter.add(0, 5_000_000);
    meter.add(1000, 4_000_000);
    expect(meter.bytesPerSecond()).toBe(0);
  });
});

describe("the way of an upload", () => {
  function shown(isTTY: boolean): string {
    const screen = {
      isTTY,
      text: "",
      write(text: string) {
        this.text += text;
      },
    };
    let at = 0;
    const show = showUploadOn(new LiveLines(screen), () => at);
    for (let sent = 0; sent <= 1000; sent += 10) {
      show(sent * 1_000_000, 1_000_000_000);
      at += 50;
    }
    return screen.text;
  }

  test("is a line for each quarter in a pipe", () => {
    const lines = shown(false).trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain("25 %  250.0 MB of 1.00 GB");
    expect(lines[0]).toContain("MB/s");
    expect(lines[0]).toMatch(/0:0\d left$/);
    expect(lines[3]).toContain("100 %  1.00 GB of 1.00 GB");
  });

  test("is drawn on a terminal at most ten times a second, and at the quarters", () => {
    const drawn = shown(true).split("\r").length - 1;
    expect(drawn).toBeGreaterThan(40);
    expect(drawn).toBeLessThanOrEqual(56);
  });
});

describe("a list that comes in pages", () => {
  test("is asked for until there is enough, and no further", async () => {
    const asked: unknown[] = [];
    const page = async (query: { limit: number; cursor?: string }) => {
      asked.push(query);
      const from = Number(query.cursor ?? 0);
      const items = Array.from({ length: query.limit }, (_, i) => from + i);
      return { items, nextCursor: String(from + query.limit) };
    };
    const { items, nextCursor } = await firstOf(450, page);
    expect(items).toEqual(Array.from({ length: 450 }, (_, i) => i));
    expect(nextCursor).toBe("450");
    expect(asked).toEqual([
      { limit: 200 },
      { limit: 200, cursor: "200" },
      { limit: 50, cursor: "400" },
    ]);
  });

  test("ends where it ends", async () => {
    const { items } = await firstOf(450, async () => ({ items: [1, 2], nextCursor: null }));
    expect(items).toEqual([1, 2]);
  });
});
