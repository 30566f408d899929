import { z } from "zod";
import type { SourceInfo } from "../media.ts";
import type { PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { isContainer } from "./parts/container.ts";
import { inOrder } from "./parts/input-order.ts";
import { planJoin, whyNotJoined } from "./parts/join.ts";
import { planNormalised } from "./parts/normalise.ts";
import { unsupported, unsupportedFormat } from "./parts/rejections.ts";

const params = z.strictObject({});

/** Joins videos, one after the other in the order of their keys; without encoding where they agree. */
export const concat = defineRecipe({
  name: "concat",
  summary: "Joins two or more videos; without encoding where they agree.",
  params,
  formats: ["mp4", "mov", "webm"],
  inputs: { min: 2, max: 16 },
  plan,
});

function plan({ sources, output, encoders }: PlanContext<z.infer<typeof params>>): PlanResult {
  const { format } = output;
  if (!isContainer(format)) return unsupported(`${format} holds no video.`);
  const inputs = inOrder(sources);
  const blind = inputs.find(([, source]) => source.video === null);
  if (blind !== undefined && inputs.some(([, source]) => source.video !== null)) {
    return unsupported(`concat needs video in every input or in none; ${blind[0]} has none.`);
  }
  const empty = inputs.find(([, { video, audio }]) => video === null && audio.length === 0);
  if (empty !== undefined) return unsupportedFormat(`${empty[0]} has neither video nor audio.`);
  const all = inputs.map(([, source]): SourceInfo => source);
  const context = { inputs, output: { ...output, format } };
  return whyNotJoined(all, format) === null
    ? planJoin(context)
    : planNormalised({ ...context, encoders });
}
