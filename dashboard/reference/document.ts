/** What the reference page reads of an OpenAPI document, put in the order in which people look for it. Pure. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
}

interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface Parameter {
  readonly $ref?: string;
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface RawOperation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, Content>> };
  readonly responses?: Readonly<
    Record<
      string,
      { readonly description?: string; readonly content?: Readonly<Record<string, Content>> }
    >
  >;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly description?: string };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components?: {
    readonly schemas?: Readonly<Record<string, Schema>>;
    readonly parameters?: Readonly<Record<string, Parameter>>;
  };
}

export interface Field {
  /** With its parents, as in `error.code`. */
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly description: string;
}

export interface Body {
  readonly mediaType: string;
  readonly fields: readonly Field[];
  /** JSON, printed; null where the document has none. */
  readonly example: string | null;
}

export interface Answer {
  readonly status: string;
  readonly description: string;
  readonly body: Body | null;
}

export interface Operation {
  /** For links: `#createJob`. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Field[];
  readonly request: Body | null;
  readonly answers: readonly Answer[];
}

export interface Section {
  readonly name: string;
  readonly description: string;
  readonly operations: readonly Operation[];
}

/** Fields deeper than this are told by their type alone. */
const MAX_DEPTH = 3;

/** The operations by tag, in the document's order of tags. */
export function sectionsOf(document: OpenApi): readonly Section[] {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => ({
      tag: raw.tags?.[0] ?? "",
      operation: operationOf(document, path, method, raw),
    })),
  );
  const described = document.tags ?? [];
  const others = operations
    .map(({ tag }) => tag)
    .filter((tag) => !described.some(({ name }) => name === tag));
  const tags = [...described, ...[...new Set(others)].map((name) => ({ name, description: "" }))];
  return tags
    .map(({ name, description }) => ({
      name,
      description: description ?? "",
      operations: operations.filter(({ tag }) => tag === name).map(({ operation }) => operation),
    }))
    .filter((section) => section.operations.length > 0);
}

function operationOf(
  document: OpenApi,
  path: string,
  method: string,
  raw: RawOperation,
): Operation {
  const [request] = Object.entries(raw.requestBody?.content ?? {});
  return {
    id: raw.operationId ?? `${method}-${path}`,
    method: method.toUpperCase(),
    path,
    summary: raw.summary ?? "",
    description: raw.description ?? "",
    parameters: (raw.parameters ?? []).map((parameter) => parameterField(document, parameter)),
    request: request === undefined ? null : bodyOf(document, request[0], request[1]),
    answers: Object.entries(raw.responses ?? {}).map(([status, answer]) => {
      const [content] = Object.entries(answer.content ?? {});
      return {
        status,
        description: answer.description ?? "",
        body: content === undefined ? null : bodyOf(document, content[0], content[1]),
      };
    }),
  };
}

function parameterField(document: OpenApi, given: Parameter): Field {
  const name = given.$ref?.split("/").at(-1) ?? "";
  const parameter = document.components?.parameters?.[name] ?? given;
  const place = parameter.in ?? "";
  return {
    name: parameter.name ?? "",
    type: `${typeText(document, parameter.schema ?? {})}, ${place}`,
    isRequired: parameter.required ?? false,
    description: parameter.description ?? parameter.schema?.description ?? "",
  };
}

function bodyOf(document: OpenApi, mediaType: string, content: Content): Body {
  const [first] = Object.values(content.examples ?? {});
  const example = content.example ?? first?.value;
  return {
    mediaType,
    fields: fieldsOf(document, content.schema ?? {}, "", 0),
    example: example === undefined ? null : JSON.stringify(example, null, 2),
  };
}

function resolve(document: OpenApi, schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  const known = name === undefined ? undefined : document.components?.schemas?.[name];
  return known ?? schema;
}

function fieldsOf(
  document: OpenApi,
  given: Schema,
  prefix: string,
  depth: number,
): readonly Field[] {
  const schema = resolve(document, given);
  const parts = [...(schema.allOf ?? [])];
  const inherited = parts.flatMap((part) => fieldsOf(document, part, prefix, depth));
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    const field: Field = {
      name,
      type: typeText(document, value),
      isRequired: schema.required?.includes(key) ?? false,
      description: [value.description ?? resolve(document, value).description, limitsOf(value)]
        .filter(Boolean)
        .join(" "),
    };
    if (depth + 1 >= MAX_DEPTH) return [field];
    const inner = elementOf(document, value);
    const nested = `${name}${isList(document, value) ? "[]" : ""}.`;
    return [field, ...fieldsOf(document, inner, nested, depth + 1)];
  });
  return [...inherited, ...own];
}

function isList(document: OpenApi, schema: Schema): boolean {
  return resolve(document, schema).items !== undefined;
}

/** What a list is of; the one alternative to null. */
function elementOf(document: OpenApi, given: Schema): Schema {
  const schema = resolve(document, given);
  if (schema.items !== undefined) return schema.items;
  const choices = (schema.anyOf ?? schema.oneOf ?? []).filter(({ type }) => type !== "null");
  return choices.length === 1 && choices[0] !== undefined ? choices[0] : schema;
}

function typeText(document: OpenApi, given: Schema): string {
  const schema = resolve(document, given);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return [...new Set(choices.map((choice) => typeText(document, choice)))].join(" | ");
  }
  if (schema.items !== undefined) return `list of ${typeText(document, schema.items)}`;
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? ["any"]);
  return types.join(" | ");
}

function limitsOf({ default: fallback, minimum, maximum }: Schema): string {
  const parts = [
    ...(minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER
      ? []
      : [`At least ${minimum}.`]),
    ...(maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? [] : [`At most ${maximum}.`]),
    ...(fallback === undefined ? [] : [`Default ${JSON.stringify(fallback)}.`]),
  ];
  return parts.join(" ");
}

/** The sections with the operations whose path, summary or id has every word. */
export function matching(sections: readonly Section[], search: string): readonly Section[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return sections;
  return sections
    .map((section) => ({
      ...section,
      operations: section.operations.filter(({ id, method, path, summary }) => {
        const text = `${id} ${method} ${path} ${summary}`.toLowerCase();
        return words.every((word) => text.includes(word));
      }),
    }))
    .filter(({ operations }) => operations.length > 0);
}
