/** Forms from JSON Schema: what a field of a recipe may be, and how a form's texts become parameters. Pure. */

export interface FieldSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly items?: FieldSchema;
}

export interface RecipeForm {
  readonly name: string;
  readonly summary: string;
  readonly formats: readonly string[];
  readonly inputs: { readonly min: number; readonly max: number };
  readonly schema: {
    readonly properties?: Readonly<Record<string, FieldSchema>>;
    readonly required?: readonly string[];
  };
}

/** What has been filled in, by field: texts, checks and choices. A field left alone is absent, and the server's default holds. */
export type FormValues = Readonly<Record<string, string | boolean | readonly string[]>>;

export function fieldsOf(form: RecipeForm): readonly (readonly [string, FieldSchema])[] {
  return Object.entries(form.schema.properties ?? {});
}

/** The parameters that a form stands for. */
export function paramsOf(form: RecipeForm, values: FormValues): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const [name, schema] of fieldsOf(form)) {
    const value = paramOf(schema, values[name]);
    if (value !== undefined) params[name] = value;
  }
  return params;
}

function paramOf(schema: FieldSchema, value: FormValues[string] | undefined): unknown {
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") {
    return Array.isArray(value) && value.length === 0 ? undefined : value;
  }
  if (schema.type === "number" || schema.type === "integer") {
    const number = Number(value);
    // What is no number goes as it is: the server's refusal names the field and the rule.
    return Number.isFinite(number) ? number : value;
  }
  if (schema.type !== "array") return value;
  const items = value.split(/[\s,]+/).filter((item) => item !== "");
  return items.length === 0 ? undefined : items;
}

/** The values that show the given parameters: to begin with a preset, or a job's recipe. */
export function valuesOf(form: RecipeForm, params: Readonly<Record<string, unknown>>): FormValues {
  const values: Record<string, string | boolean | readonly string[]> = {};
  for (const [name, schema] of fieldsOf(form)) {
    const value = params[name];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) {
      values[name] = schema.items?.enum === undefined ? value.join(", ") : value.map(String);
    } else {
      values[name] = typeof value === "boolean" ? value : String(value);
    }
  }
  return values;
}

/** Splits a command line into arguments as a POSIX shell would, for quotes and backslashes alone. */
export function splitArguments(line: string): readonly string[] {
  const args: string[] = [];
  let current: string | null = null;
  let quote: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at);
    if (quote !== null) {
      if (letter === quote) quote = null;
      else if (letter === "\\" && quote === '"' && /["\\$`]/.test(line.charAt(at + 1))) {
        current = (current ?? "") + line.charAt(++at);
      } else current = (current ?? "") + letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      current ??= "";
    } else if (/\s/.test(letter)) {
      if (current !== null) args.push(current);
      current = null;
    } else if (letter === "\\" && at + 1 < line.length) {
      const next = line.charAt(++at);
      // A backslash at a line's end joins it with the next.
      if (next !== "\n") current = (current ?? "") + next;
    } else current = (current ?? "") + letter;
  }
  if (current !== null) args.push(current);
  return args[0] === "ffmpeg" ? args.slice(1) : args;
}
