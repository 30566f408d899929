/**
 * Holds every answer that the tests get to the OpenAPI document that the edge serves: the route, its status, its
 * media type, the body by its schema and no field beyond it.
 */
import { type Schema, Validator } from "@cfworker/json-schema";

interface MediaType {
  readonly schema?: Schema;
}
interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, MediaType>>;
}
interface Operation {
  readonly responses: Readonly<Record<string, Answer>>;
}
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Parts of the HTTP face that are nobody's but the agents' or the dashboard's, or the document itself. */
const UNDOCUMENTED = [/^\/v1\/leases\//, /^\/openapi\.json$/, /^\/(?:assets\/.*)?$/];

export interface Contract {
  /** What the answer has that the document does not say of this request; empty when they agree. */
  problemsOf(request: Request, answer: Response): Promise<readonly string[]>;
}

export function createContract(document: Document): Contract {
  const routes = Object.entries(document.paths).map(([path, operations]) => ({
    path,
    // Segments without parameters are the better match.
    rank: (path.match(/\{/g) ?? []).length,
    pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`),
    operations,
  }));
  routes.sort((a, b) => a.rank - b.rank);
  const components = { schemas: mapValues(document.components.schemas, closed) };
  const validators = new Map<Schema, Validator>();

  function validatorOf(schema: Schema): Validator {
    const known = validators.get(schema);
    if (known !== undefined) return known;
    // References are resolved within the schema that is validated with.
    const whole = { ...closed(schema), components } as Schema;
    const validator = new Validator(whole, "2020-12", false);
    validators.set(schema, validator);
    return validator;
  }

  function operationOf(method: string, path: string): Operation | null {
    for (const { pattern, operations } of routes) {
      const operation = operations[method] ?? (method === "head" ? operations.get : undefined);
      if (operation !== undefined && pattern.test(path)) return operation;
    }
    return null;
  }

  async function bodyProblems(declared: Answer, answer: Response): Promise<readonly string[]> {
    const type = answer.headers.get("content-type")?.split(";")[0] ?? null;
    const known = declared.content ?? {};
    if (type === null || answer.body === null) {
      return Object.keys(known).length === 0
        ? []
        : [`has no body, but one of ${Object.keys(known)}`];
    }
    const media = known[type] ?? known[type.replace(/\/.*/, "/*")];
    if (media === undefined) {
      return [`is ${type}, and the document knows ${Object.keys(known).join(", ") || "no body"}`];
    }
    if (type !== "application/json" || media.schema === undefined) return [];
    const { errors } = validatorOf(media.schema).validate(await answer.clone().json());
    return errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
  }

  return {
    async problemsOf(request, answer) {
      // `/v1/tus/` is `/v1/tus` by another name, for clients of servers whose endpoint ends in a slash.
      const path = new URL(request.url).pathname
        .replace(/^\/api\/v1/, "/v1")
        .replace(/^\/v1\/tus\/$/, "/v1/tus");
      if (UNDOCUMENTED.some((pattern) => pattern.test(path))) return [];
      // A POST that names another method is that method's request (tus, "X-HTTP-Method-Override").
      const override = request.headers.get("x-http-method-override");
      const method = (override ?? request.method).toLowerCase();
      const operation = operationOf(method, path === "/health" ? "/v1/health" : path);
      if (operation === null) return unroutedProblems(method, answer);
      const declared = operation.responses[String(answer.status)];
      if (declared === undefined) {
        return [
          `the status ${answer.status} is not described: ${Object.keys(operation.responses)}`,
        ];
      }
      return method === "head" ? [] : bodyProblems(declared, answer);
    },
  };
}

/** Where the document has no route, nothing but a refusal or a preflight's answer may come. */
function unroutedProblems(method: string, answer: Response): readonly string[] {
  const refused = [400, 401, 404].includes(answer.status);
  const isPreflight = method === "options" && answer.status === 204;
  return refused || isPreflight ? [] : [`${answer.status} from a route that is not described`];
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

/** The schema with every object closed that lists its fields and does not say that it takes others. */
function closed(schema: unknown): Schema {
  return close(schema) as Schema;
}

function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close);
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = mapValues(value as Record<string, unknown>, close);
  const isObject = "properties" in result && !("additionalProperties" in result);
  return isObject ? { ...result, additionalProperties: false } : result;
}
