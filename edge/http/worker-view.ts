/** A worker as clients see it: its token's row, its last `hello`, and what its pool says of it now. */
import { z } from "zod";
import type { Worker } from "../../protocol/http/workers.ts";
import { capabilitiesSchema } from "../../protocol/media.ts";
import type { WorkerRow } from "../catalogue/workers.ts";
import type { WorkerSnapshot } from "../pool/rpc.ts";
import { isoTime, isoTimeOrNull } from "./time.ts";

const helloSchema = z.object({
  slots: z.number().int().nonnegative(),
  capabilities: capabilitiesSchema,
});

/** What it said last; null before its first connection, or when an older edge wrote it otherwise. */
function lastHello(row: WorkerRow): z.infer<typeof helloSchema> | null {
  if (row.lastHello === null) return null;
  const parsed = helloSchema.safeParse(JSON.parse(row.lastHello));
  return parsed.success ? parsed.data : null;
}

/** `live` is null when its pool does not know the worker, or did not answer. */
export function workerView(row: WorkerRow, live: WorkerSnapshot | null): Worker {
  const hello = lastHello(row);
  const connected = live?.connected ?? false;
  return {
    workerId: row.id,
    name: row.name,
    pool: row.pool,
    state: connected ? (live?.draining ? "draining" : "connected") : "disconnected",
    connected,
    slots: live?.slots ?? hello?.slots ?? 0,
    busy: live?.busy ?? 0,
    leases: (live?.leases ?? []).map(({ jobId, taskId, epoch }) => ({ jobId, taskId, epoch })),
    capabilities: hello?.capabilities ?? null,
    createdAt: isoTime(row.createdAt),
    expiresAt: isoTimeOrNull(row.expiresAt),
    lastSeenAt: isoTimeOrNull(row.lastSeenAt),
  };
}
