/** Text in columns, and texts of others made fit to be shown. Pure. */

/** A text on one line without control characters: a name must not move a terminal's cursor. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

/** Dresses a cell that has been padded; gets its heading and its text. */
export type Paint = (heading: string, text: string, padded: string) => string;

/** Rows under their headings. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint = (_heading, _text, padded) => padded,
): string {
  const clean = rows.map((row) => row.map(plain));
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...clean.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[], dress: Paint) =>
    row
      .map((cell, at) => dress(headings[at] ?? "", cell, cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  const head = line(headings, (_heading, _text, padded) => padded);
  return `${[head, ...clean.map((row) => line(row, paint))].join("\n")}\n`;
}

/** `name    value` lines; those without a value are left out. */
export function fields(
  entries: readonly (readonly [name: string, value: string | null])[],
): string {
  const given = entries.filter((entry): entry is [string, string] => entry[1] !== null);
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}\n`).join("");
}
