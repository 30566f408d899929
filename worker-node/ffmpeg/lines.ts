/** Text that arrives in pieces, cut into lines, and the few of them that are worth keeping. Pure. */

/** A longer line is cut: a hostile file can put megabytes into one message. */
const MAX_LINE_LENGTH = 500;

/**
 * Cuts chunks into lines at `\n` and `\r` (ffmpeg redraws its status with the latter); empty lines are
 * dropped. Memory is bounded: of a line longer than `maxLength` characters the rest is thrown away.
 */
export function createLineSplitter(
  onLine: (line: string) => void,
  maxLength = MAX_LINE_LENGTH,
): {
  push(chunk: string): void;
  /** Hands over an unfinished last line. */
  end(): void;
} {
  let pending = "";
  const flush = () => {
    const line = pending.trimEnd();
    pending = "";
    if (line !== "") onLine(line);
  };
  return {
    push(chunk) {
      const pieces = chunk.split(/[\r\n]/);
      pieces.forEach((piece, i) => {
        if (i > 0) flush();
        const room = maxLength - pending.length;
        if (room > 0) pending += piece.slice(0, room);
      });
    },
    end: flush,
  };
}

/**
 * Keeps the first and the last lines: the cause of a failure tends to stand first, what became of it last.
 * Repeated lines in a row are kept once.
 */
export function createLineKeeper(limits: { readonly first: number; readonly last: number }): {
  add(line: string): void;
  /** How many lines there were in all. */
  readonly count: number;
  lines(): string[];
} {
  const first: string[] = [];
  const last: string[] = [];
  let count = 0;
  let previous: string | null = null;
  return {
    add(line) {
      count++;
      if (line === previous) return;
      previous = line;
      if (first.length < limits.first) first.push(line);
      else {
        last.push(line);
        if (last.length > limits.last) last.shift();
      }
    },
    get count() {
      return count;
    },
    lines: () => [...first, ...last],
  };
}
