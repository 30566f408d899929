import { describe, expect, test } from "vitest";
import {
  bareEtag,
  checkDirectParts,
  checkProxiedParts,
  partLists,
} from "../../../edge/media/part-check.ts";

const plan = { size: 25, partSize: 10 };
const part = (partNumber: number, size: number, rivals: readonly string[] = []) => ({
  partNumber,
  size,
  etag: `e${partNumber}`,
  rivals,
});
const all = [part(1, 10), part(2, 10), part(3, 5)];
const listed = [1, 2, 3].map((partNumber) => ({ partNumber, etag: `e${partNumber}` }));

const detailOf = (result: ReturnType<typeof checkProxiedParts>) =>
  result.status === "incomplete" ? result.detail : "";

describe("the parts of a proxied upload", () => {
  test("are good when all are there, with or without the client's list", () => {
    expect(checkProxiedParts(plan, all, null).status).toBe("ok");
    expect(checkProxiedParts(plan, all, listed).status).toBe("ok");
    expect(checkProxiedParts(plan, all, listed.toReversed()).status).toBe("ok");
  });

  test("are each named where they are missing or of the wrong size", () => {
    expect(detailOf(checkProxiedParts(plan, [part(2, 9)], null))).toBe(
      "part 1 is missing; part 2 has 9 bytes instead of 10; part 3 is missing.",
    );
  });

  test("are refused under a stale etag, unlisted, or beyond the plan", () => {
    const stale = [{ partNumber: 1, etag: "old" }, ...listed.slice(1)];
    expect(detailOf(checkProxiedParts(plan, all, stale))).toContain("part 1 has another etag");
    expect(detailOf(checkProxiedParts(plan, all, listed.slice(1)))).toContain(
      "part 1 is not listed",
    );
    const extra = [...listed, { partNumber: 4, etag: "e4" }];
    expect(detailOf(checkProxiedParts(plan, all, extra))).toContain("part 4 does not exist");
  });

  test("may be listed with the quotes of the ETag header", () => {
    const quoted = listed.map(({ partNumber, etag }) => ({ partNumber, etag: `"${etag}"` }));
    expect(checkProxiedParts(plan, all, quoted).status).toBe("ok");
    expect(bareEtag('W/"a"')).toBe("a");
  });

  test("too many to name are counted", () => {
    const detail = detailOf(checkProxiedParts({ size: 1000, partSize: 10 }, [], null));
    expect(detail).toMatch(/part 20 is missing; and 80 more\.$/);
  });

  test("written twice at once are tried under each etag, unless the client pins one", () => {
    const contested = [part(1, 10, ["x1"]), part(2, 10), part(3, 5, ["x3"])];
    const free = checkProxiedParts(plan, contested, null);
    if (free.status !== "ok") throw new Error(free.detail);
    const tried = [...partLists(free.parts, 64)].map((list) => list.map((p) => p.etag).join(" "));
    expect(tried).toEqual(["e1 e2 e3", "x1 e2 e3", "e1 e2 x3", "x1 e2 x3"]);
    expect([...partLists(free.parts, 3)]).toHaveLength(3);

    const pinned = checkProxiedParts(plan, contested, [
      { partNumber: 1, etag: "x1" },
      ...listed.slice(1),
    ]);
    if (pinned.status !== "ok") throw new Error(pinned.detail);
    expect([...partLists(pinned.parts, 64)].map((list) => list[0]?.etag)).toEqual(["x1"]);
  });
});

describe("the parts of a direct upload", () => {
  test("are what the client lists, each of the plan once", () => {
    expect(checkDirectParts(plan, listed).status).toBe("ok");
    expect(detailOf(checkDirectParts(plan, listed.slice(0, 2)))).toBe("part 3 is not listed.");
  });
});
