import { expect, test } from "vitest";
import { roomFor } from "../../../protocol/chunks/room.ts";
import type { Divisible } from "../../../protocol/plan.ts";

const file = {
  renditions: [{ encoder: { name: "libx264", device: "cpu" } }],
  result: { kind: "file" },
} as unknown as Divisible;
const onDevice = {
  ...file,
  renditions: [{ encoder: { name: "h264_nvenc", device: "cuda:0" } }],
} as unknown as Divisible;
const ladder = { ...file, result: { kind: "package" } } as unknown as Divisible;

test("a worker's own slots win nothing for a file that its processor encodes anyway", () => {
  expect(roomFor({ freeSlots: 1, ownSlots: 1 }, file, 2, 3600)).toBe(0);
  expect(roomFor({ freeSlots: 3, ownSlots: 1 }, file, 8, 3600)).toBe(2);
});

test("they count where there are cores that one encode leaves", () => {
  expect(roomFor({ freeSlots: 3, ownSlots: 3 }, file, 31, 3600)).toBe(0);
  expect(roomFor({ freeSlots: 3, ownSlots: 3 }, file, 32, 3600)).toBe(1);
  expect(roomFor({ freeSlots: 5, ownSlots: 3 }, file, 128, 3600)).toBe(5);
});

test("they count where a device encodes, and for what can be played while it is made", () => {
  expect(roomFor({ freeSlots: 3, ownSlots: 3 }, onDevice, 2, 3600)).toBe(3);
  expect(roomFor({ freeSlots: 1, ownSlots: 1 }, ladder, 2, 3600)).toBe(1);
});

test("a long ladder is divided even where no slot is free, and nothing else is", () => {
  const none = { freeSlots: 0, ownSlots: 0 };
  expect(roomFor(none, ladder, 2, 120)).toBe(1);
  expect(roomFor(none, ladder, 2, 119)).toBe(0);
  expect(roomFor(none, file, 64, 3600)).toBe(0);
  expect(roomFor(none, onDevice, 64, 3600)).toBe(0);
});
