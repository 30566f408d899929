/** Reading one piece of text as something typed: what was understood, or the rule it breaks. */

export type Read<T> =
  | { readonly status: "ok"; readonly value: T }
  /** `rule` completes a sentence about the text: "must be a number". */
  | { readonly status: "refused"; readonly rule: string };

export function ok<T>(value: T): { readonly status: "ok"; readonly value: T } {
  return { status: "ok", value };
}

export function refuse(rule: string): { readonly status: "refused"; readonly rule: string } {
  return { status: "refused", rule };
}

/**
 * The type of a value: reads its text and gives it back in the one form that is written out. Reading that form
 * again gives the same.
 */
export type ValueType = (text: string) => Read<string>;

/** Text of a client's inside a message: short, on one line. */
export function quoted(text: string, limit = 100): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
  return `'${line.length > limit ? `${line.slice(0, limit)}…` : line}'`;
}
