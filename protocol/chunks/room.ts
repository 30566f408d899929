/** How many slots would make a division faster: those of one worker share its processor. Pure. */
import type { Divisible } from "../plan.ts";
import type { Fleet } from "./contract.ts";

/** Cores that one encode in software keeps busy by itself; x264's threads win little beyond them at 1080 lines. */
const CORES_OF_AN_ENCODE = 16;

/** Who has to wait for less can do so without seeing its beginning. */
const LONG_SECONDS = 120;

/**
 * Slots beside the granted one that are worth dividing for. An encode in software has the cores of its worker already:
 * a part beside it only takes half of them, and pays for its overlap, so the worker's own other slots count only where
 * there are cores left, or where encoding is a device's. A presentation counts them all, because what is made in parts
 * can be played while it is made; and a long one is planned for two slots where none is free but the granted one.
 *
 * @param cores of the worker that asks.
 * @param seconds of video.
 */
export function roomFor(
  { freeSlots, ownSlots }: Fleet,
  { renditions, result }: Divisible,
  cores: number,
  seconds: number,
): number {
  const isOnDevice = renditions.some(({ encoder }) => encoder.device !== "cpu");
  if (result.kind === "package") return Math.max(freeSlots, seconds >= LONG_SECONDS ? 1 : 0);
  if (isOnDevice) return freeSlots;
  const spare = Math.max(0, Math.floor(cores / CORES_OF_AN_ENCODE) - 1);
  return freeSlots - ownSlots + Math.min(ownSlots, spare);
}
