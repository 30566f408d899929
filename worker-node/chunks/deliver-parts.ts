/** Files of a part go up, each reported with the index that playlists are written from. */
import type { RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { OutputReport } from "../../protocol/task.ts";
import type { Part, Work } from "../attempt-parts.ts";
import { type Delivered, type DeliveryOrder, deliver, type RanPlan } from "../deliver.ts";

/** @param indexes by the name of a file, what is reported of it. */
export async function deliverParts(
  work: Work,
  ran: RanPlan,
  indexes: ReadonlyMap<string, RenditionIndex>,
  order?: DeliveryOrder,
): Promise<Part<Delivered>> {
  const delivered = await deliver(work, ran, order);
  if (delivered.status === "ended") return delivered;
  const outputs = delivered.value.outputs.map((report): OutputReport => {
    const index = indexes.get(report.filename);
    return index === undefined ? report : { ...report, index };
  });
  return { status: "ok", value: { ...delivered.value, outputs } };
}
