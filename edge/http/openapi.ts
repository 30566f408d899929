/** Helpers that keep route declarations short; `openapi-document.ts` has what they add up to. */
import { z } from "zod";
import { type ApiErrorCode, apiErrors, errorAnswerSchema } from "../../protocol/errors.ts";
import { emptyRequestSchema } from "../../protocol/http/common.ts";
import { contentTypeOf } from "../../protocol/media.ts";
import { errorAnswer } from "./errors.ts";

interface JsonAnswer<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly example?: z.input<Schema>;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, { description: string; schema: { type: "string" } }>>;
}

/** A JSON body that must be there. */
export function jsonRequest<Schema extends z.ZodType>(schema: Schema, example: unknown) {
  return { required: true, content: { "application/json": { schema, example } } } as const;
}

/** The body of a request that has nothing to say in it: it may be left out, and its fields are refused. */
export const noFields = { ...jsonRequest(emptyRequestSchema, {}), required: false } as const;

/**
 * A path parameter that is an id. Any text is taken: an id that is none answers like one that does not
 * exist.
 */
export function idParameter<const Name extends string>(name: Name, example: string) {
  const shape = { [name]: z.string().meta({ example }) } as Record<Name, z.ZodString>;
  return z.object(shape);
}

function jsonAnswer<Schema extends z.ZodType>(answer: JsonAnswer<Schema>) {
  return {
    description: answer.description ?? "The answer.",
    ...(answer.headers === undefined ? {} : { headers: answer.headers }),
    content: { "application/json": { schema: answer.schema, example: answer.example } },
  };
}

/** The answers of a route that serves bytes of these media types, whole and by range. */
export function byteAnswers(types: readonly string[]) {
  const schema = z.any().meta({ format: "binary" });
  const content = Object.fromEntries(types.map((type) => [type, { schema }]));
  return {
    200: { description: "The bytes.", content },
    206: { description: "The range of them that was asked for.", content },
    304: { description: "The client's copy is still good (`If-None-Match`)." },
  };
}

/** What an output may be: `application/octet-stream` where a browser must not open it. */
export const OUTPUT_TYPES = [...new Set(Object.values(contentTypeOf)), "application/octet-stream"];

/** Errors any route with a key can answer with. */
export const commonErrors = [
  "UNAUTHORIZED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "CONFIG_ERROR",
  "ENGINE_ERROR",
] as const;

function errorResponses(codes: readonly ApiErrorCode[]) {
  const byStatus = new Map<number, ApiErrorCode[]>();
  for (const code of codes) {
    const { status } = apiErrors[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      {
        description: sharing.map((code) => `${code}: ${apiErrors[code].message}`).join(" "),
        content: {
          "application/json": {
            schema: errorAnswerSchema,
            examples: Object.fromEntries(
              sharing.map((code) => [
                code,
                { value: errorAnswer(code, "What exactly was wrong.", "5f0c3b1e-example") },
              ]),
            ),
          },
        },
      },
    ]),
  );
}

type JsonAnswers<A> = {
  [Status in keyof A]: {
    description: string;
    content: {
      "application/json": {
        schema: A[Status] extends { readonly schema: infer Schema } ? Schema : never;
      };
    };
  };
};

/**
 * The `responses` of a route: its JSON answers, and the errors it may refuse with. Errors are thrown, so
 * their statuses are in the document and not in the handler's type.
 */
export function answers<const A extends Record<number, JsonAnswer<z.ZodType>>>(
  json: A,
  errors: readonly ApiErrorCode[] = [],
): JsonAnswers<A> {
  const good = Object.fromEntries(
    Object.entries(json).map(([status, answer]) => [status, jsonAnswer(answer)]),
  );
  return { ...errorResponses(errors), ...good } as unknown as JsonAnswers<A>;
}
