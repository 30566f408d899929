/** What a chunk needs once its job is pinned: not any encoder of the codec, but the one that made the first. */
import { videoEncoders } from "../../protocol/command/encoders.ts";
import { codecSchema } from "../../protocol/media.ts";
import type { EncoderNeed, TaskNeeds } from "../../protocol/needs.ts";
import type { Pins } from "./model.ts";

/** Pure. The slots stay as they were: a pin says nothing of how many sessions there are. */
export function pinnedNeeds(needs: TaskNeeds, pins: Pins): TaskNeeds {
  const sessions = new Map<string, number>();
  for (const { encoder } of Object.values(pins)) {
    sessions.set(encoder, (sessions.get(encoder) ?? 0) + 1);
  }
  const encoders = [...sessions].flatMap(([encoder, count]): EncoderNeed[] => {
    // An encoder that agents do not prove (it is part of any ffmpeg) is any worker's.
    const known = videoEncoders.get(encoder);
    const codec = codecSchema.safeParse(known?.codec);
    if (!known?.isProved || !codec.success) return [];
    return [{ codec: codec.data, encoder, bitDepth: 8, sessions: count }];
  });
  return { ...needs, encoders };
}
