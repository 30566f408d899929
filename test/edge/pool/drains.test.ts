import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createDrains } from "../../../edge/pool/drains.ts";
import { DRAIN_SPACING_MS } from "../../../edge/pool/durations.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A drain that ends when it is told to. */
function heldDrains() {
  const started: (() => void)[] = [];
  const once = vi.fn(
    () =>
      new Promise<void>((resolve) => {
        started.push(resolve);
      }),
  );
  const drains = createDrains(once, (_what, work) => void work);
  return { ...drains, once, finish: () => started.shift()?.() };
}

describe("drains of the outbox", () => {
  test("a burst is drained once, a moment after it began", async () => {
    const { drainSoon, once } = heldDrains();
    for (let i = 0; i < 10; i++) drainSoon(false);
    expect(once).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(DRAIN_SPACING_MS);
    expect(once).toHaveBeenCalledTimes(1);
  });

  test("what is urgent is drained at once, but not right after another drain", async () => {
    const { drainSoon, once, finish } = heldDrains();
    drainSoon(true);
    expect(once).toHaveBeenCalledTimes(1);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    drainSoon(true);
    drainSoon(true);
    expect(once).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(DRAIN_SPACING_MS);
    expect(once).toHaveBeenCalledTimes(2);
  });

  test("never two at a time, and what is asked for meanwhile is drained before it ends", async () => {
    const { drain, once, finish } = heldDrains();
    const first = drain();
    const second = drain();
    expect(once).toHaveBeenCalledTimes(1);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(once).toHaveBeenCalledTimes(2);
    finish();
    await Promise.all([first, second]);
    expect(once).toHaveBeenCalledTimes(2);
  });
});
