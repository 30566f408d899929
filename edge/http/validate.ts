/**
 * Turns what a schema refuses into a VALIDATION_ERROR whose detail names each field and its rule, as
 * `recipe.crf must be at most 51`. Schemas give rules as predicates ("must be ..."), so that they read the
 * same after any path; an issue at the root is a whole sentence.
 */
import { z } from "zod";
import { ApiError } from "./errors.ts";

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const MAX_ISSUES_NAMED = 10;
/** A client's own words are repeated up to so many, and each to so many characters. */
const MAX_NAMES = 10;
const MAX_NAME_LENGTH = 100;

const quoted = (values: readonly unknown[]) => values.map((value) => `'${value}'`).join(", ");

/** Names that a client chose: any number of any length. */
function quotedNames(names: readonly string[]): string {
  const shown = names
    .slice(0, MAX_NAMES)
    .map((name) => (name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name));
  const more = names.length - shown.length;
  return more > 0 ? `${quoted(shown)} and ${more} more` : quoted(shown);
}

function sizeRule(issue: RawIssue, limit: number | bigint, side: "least" | "most"): string {
  const unit = { string: "character", array: "element", set: "element" }[String(issue.origin)];
  if (unit === undefined) {
    const exclusive = issue.inclusive === false;
    if (!exclusive) return `must be at ${side} ${limit}`;
    return side === "least" ? `must be greater than ${limit}` : `must be less than ${limit}`;
  }
  const count = `at ${side} ${limit} ${unit}${limit === 1 ? "" : "s"}`;
  return unit === "element" ? `must contain ${count}` : `must be ${count} long`;
}

const article = (word: string) => (/^[aeio]/.test(word) ? `an ${word}` : `a ${word}`);

/** The rule that an issue of zod's broke, where its schema gave no words of its own. */
function ruleOf(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "is required";
      if (issue.expected === "int") return "must be a whole number";
      return `must be ${article(issue.expected === "record" ? "object" : issue.expected)}`;
    case "invalid_value":
      return issue.input === undefined
        ? `is required and must be one of ${quoted(issue.values)}`
        : `must be ${issue.values.length > 1 ? "one of " : ""}${quoted(issue.values)}`;
    case "too_small":
      return sizeRule(issue, issue.minimum, "least");
    case "too_big":
      return sizeRule(issue, issue.maximum, "most");
    case "unrecognized_keys":
      return `has unknown ${issue.keys.length > 1 ? "fields" : "field"} ${quotedNames(issue.keys)}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_key":
      return `cannot be a name here: it ${issue.issues[0]?.message ?? "is not allowed"}`;
    case "invalid_union":
      return Array.isArray(issue.options) ? `must be one of ${quoted(issue.options)}` : undefined;
    default:
      return undefined;
  }
}

z.config({ customError: ruleOf });

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((step) => String(step).slice(0, MAX_NAME_LENGTH)).join(".");
}

/** An undiscriminated union fails in every branch: the branch that came closest says what is wrong. */
function closestBranch(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const depth = (branch: readonly z.core.$ZodIssue[]) =>
    Math.max(0, ...branch.map((inner) => inner.path.length)) * 100 - branch.length;
  const [first, ...rest] = issue.errors;
  if (first === undefined) return [issue];
  const closest = rest.reduce(
    (best, branch) => (depth(branch) > depth(best) ? branch : best),
    first,
  );
  return closest.flatMap((inner) =>
    closestBranch({ ...inner, path: [...issue.path, ...inner.path] }),
  );
}

/** Names every field at fault with its rule. `root` stands where the value itself is at fault, as in `body`. */
function describeIssues(issues: readonly z.core.$ZodIssue[], root: string): string {
  const all = issues.flatMap(closestBranch);
  const named = all.slice(0, MAX_ISSUES_NAMED).map((issue) => {
    // A rule between several fields is a sentence of its own.
    const separator = /^[A-Z]/.test(issue.message) ? ": " : " ";
    if (issue.path.length > 0) return `${pathOf(issue.path)}${separator}${issue.message}`;
    return issue.code === "custom" ? issue.message : `${root} ${issue.message}`;
  });
  if (all.length > named.length) named.push(`and ${all.length - named.length} more`);
  return named.join("; ");
}

const rootNames = {
  json: "The body",
  query: "The query",
  param: "The path",
  header: "The headers",
  form: "The form",
} as const;

const isTarget = (target: unknown): target is keyof typeof rootNames =>
  typeof target === "string" && Object.hasOwn(rootNames, target);

/** The app's default hook: every route's schemas refuse through it. */
export function refuseInvalid(result: {
  readonly success: boolean;
  readonly error?: unknown;
  readonly target?: unknown;
}): void {
  if (result.success) return;
  if (!(result.error instanceof z.core.$ZodError)) throw result.error;
  const root = isTarget(result.target) ? rootNames[result.target] : "The request";
  throw new ApiError("VALIDATION_ERROR", describeIssues(result.error.issues, root));
}

/** Parses a value outside a route's own schemas; `at` is put before each field's path. */
export function parseOrRefuse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  at: readonly string[],
  target: keyof typeof rootNames = "json",
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] }));
  throw new ApiError("VALIDATION_ERROR", describeIssues(issues, rootNames[target]));
}
