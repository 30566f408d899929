import { describe, expect, test } from "vitest";
import { traceIdOf } from "../../protocol/trace.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

describe("a traceparent", () => {
  test.each([
    `00-${TRACE}-${PARENT}-01`,
    ` 00-${TRACE}-${PARENT}-00 `,
    `01-${TRACE}-${PARENT}-01-of-a-later-version`,
  ])("gives its trace id: %s", (header) => {
    expect(traceIdOf(header)).toBe(TRACE);
  });

  test.each([
    undefined,
    "",
    `ff-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${"0".repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${PARENT}`,
    `00-${TRACE}x-${PARENT}-01`,
  ])("that is not valid is as good as none: %s", (header) => {
    expect(traceIdOf(header)).toBeNull();
  });
});
