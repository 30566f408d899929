/** Workers and their tokens as clients see them. */
import { z } from "zod";
import { slugSchema } from "../ids.ts";
import { capabilitiesSchema } from "../media.ts";
import { listSchema, timeSchema } from "./common.ts";
import { displayNameSchema, expirySchema, shownOnceSchema } from "./keys.ts";

export const workerTokenRequestSchema = z.strictObject({
  name: displayNameSchema,
  pool: slugSchema.default("default"),
  expiresInSeconds: expirySchema.optional(),
});

/** As a client writes it. */
export type WorkerTokenRequest = z.input<typeof workerTokenRequestSchema>;

export const createdWorkerTokenSchema = z
  .object({
    workerId: z.string(),
    token: shownOnceSchema,
    name: z.string(),
    pool: z.string(),
    createdAt: timeSchema,
    expiresAt: timeSchema.nullable(),
  })
  .meta({ id: "CreatedWorkerToken" });
/** As it is answered first. */
export type CreatedWorkerToken = z.infer<typeof createdWorkerTokenSchema> & {
  readonly token: string;
};

/** Written out: the document would call a field required that is `exactOptional`. */
const shownCapabilitiesSchema = capabilitiesSchema.extend({
  features: z.array(z.string()).optional(),
});

const workerSchema = z
  .object({
    workerId: z.string(),
    name: z.string(),
    pool: z.string(),
    state: z.enum(["connected", "draining", "disconnected"]),
    connected: z.boolean(),
    slots: z.number().int().describe("What it can run at once; 0 until it has connected."),
    busy: z.number().int(),
    leases: z.array(z.object({ jobId: z.string(), taskId: z.string(), epoch: z.number().int() })),
    capabilities: shownCapabilitiesSchema.nullable().describe("What its encoders proved."),
    createdAt: timeSchema,
    expiresAt: timeSchema.nullable(),
    lastSeenAt: timeSchema.nullable(),
  })
  .meta({ id: "Worker" });
export type Worker = z.infer<typeof workerSchema>;

export const workerListSchema = listSchema("workers", workerSchema);
export type WorkerList = z.infer<typeof workerListSchema>;
export const drainedSchema = z.object({ draining: z.literal(true), workerId: z.string() });
