/** Webhook endpoints, secrets and deliveries as clients see them. */
import { z } from "zod";
import { listSchema, pageQueryShape, parameter, timeSchema } from "./common.ts";
import { shownOnceSchema } from "./keys.ts";

/** Sent to every endpoint that did not choose. */
export const terminalEventTypes = [
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.rejected",
] as const;

/** Everything an endpoint may ask for. */
export const webhookEventTypes = [
  ...terminalEventTypes,
  "job.started",
  "job.playable",
  "job.progress",
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

const eventsSchema = z
  .array(z.enum(webhookEventTypes))
  .min(1)
  .refine((events) => new Set(events).size === events.length, {
    error: "must name each event once",
  });
const urlSchema = z.string().min(1).max(2048);
const descriptionSchema = z.string().max(500);

export const webhookRequestSchema = z.strictObject({
  url: urlSchema,
  events: eventsSchema.default([...terminalEventTypes]),
  description: descriptionSchema.optional(),
});

/** As a client writes it. */
export type WebhookRequest = z.input<typeof webhookRequestSchema>;

export const webhookPatchSchema = z
  .strictObject({
    url: urlSchema.optional(),
    events: eventsSchema.optional(),
    description: descriptionSchema.nullable().optional(),
    state: z.enum(["enabled", "disabled"]).optional(),
  })
  .refine((patch) => Object.keys(patch).length > 0, { error: "The body must change something" });
export type WebhookPatch = z.input<typeof webhookPatchSchema>;

export const webhookSchema = z
  .object({
    webhookId: z.string(),
    url: z.string(),
    events: z.array(z.enum(webhookEventTypes)),
    description: z.string().nullable(),
    state: z.enum(["enabled", "disabled"]),
    /** Why it was disabled: `gone` after a 410, `by_request` otherwise. */
    disabledReason: z.string().nullable(),
    createdAt: timeSchema,
  })
  .meta({ id: "Webhook" });
export type Webhook = z.infer<typeof webhookSchema>;

export const createdWebhookSchema = webhookSchema
  .extend({ secret: shownOnceSchema })
  .meta({ id: "CreatedWebhook" });
export type CreatedWebhook = z.infer<typeof createdWebhookSchema>;

/** Asked for, or first answered to a rotation. */
export const webhookSecretSchema = z
  .object({
    secret: z.string(),
    /** Until then the secret before signs, too. */
    previousUntil: timeSchema.nullable(),
  })
  .meta({ id: "WebhookSecret" });
export type WebhookSecret = z.infer<typeof webhookSecretSchema>;

export const rotatedSecretSchema = webhookSecretSchema
  .extend({ secret: shownOnceSchema })
  .meta({ id: "RotatedWebhookSecret" });

export const webhookListSchema = listSchema("webhooks", webhookSchema);
export type WebhookList = z.infer<typeof webhookListSchema>;

export const deliverySchema = z
  .object({
    deliveryId: z.string().meta({ description: "Also the `webhook-id` header of every try." }),
    webhookId: z.string().nullable(),
    jobId: z.string().nullable(),
    url: z.string(),
    type: z.string(),
    state: z.enum(["pending", "delivered", "failed"]),
    code: z.enum(["WEBHOOK_DELIVERY_FAILED"]).nullable(),
    tries: z.number().int(),
    nextTryAt: timeSchema.nullable(),
    log: z.array(
      z.object({
        try: z.number().int(),
        startedAt: timeSchema,
        durationMs: z.number().int(),
        status: z.number().int().nullable(),
        error: z.string().nullable(),
      }),
    ),
    createdAt: timeSchema,
    completedAt: timeSchema.nullable(),
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.infer<typeof deliverySchema>;

export const deliveryListSchema = listSchema("deliveries", deliverySchema);
export type DeliveryList = z.infer<typeof deliveryListSchema>;
export const deliveryListQuerySchema = z.strictObject({
  ...pageQueryShape,
  jobId: parameter().min(1).max(64).optional(),
  webhookId: parameter().min(1).max(64).optional(),
});
