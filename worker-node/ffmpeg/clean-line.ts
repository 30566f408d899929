/** A line of ffmpeg's log as others may see it: no path of this machine, no URL, no memory address. Pure. */

/** Replaces URLs by `<source>`, absolute paths by `<file>`, and drops the addresses of `[mov @ 0x55d1...]`. */
export function cleanLine(line: string): string {
  return line
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s'"]+?(?=:?(?:[\s'"]|$))/gi, "<source>")
    .replace(/\bfile:(?=[A-Za-z0-9._-])/g, "")
    .replace(/ @ 0x[0-9a-f]+/gi, "")
    .replace(/\b[A-Za-z]:\\[^\s'":]+/g, "<file>")
    .replace(/(?<![\w.:<])\/[^\s'":]+/g, "<file>")
    .slice(0, 500);
}

/** The sentence of a line: without the `[component]` and `<source>:` in front of it. */
export function sentenceOf(line: string): string {
  return cleanLine(line)
    .replace(/^(?:\[[^\]]*\]\s*)+/, "")
    .replace(/^(?:<source>|<file>|[\w.-]+\.\w{2,4}):\s*/, "")
    .replace(/^Error opening (?:input|output)(?: files?)?: /, "")
    .trim();
}
