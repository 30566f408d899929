/** Lines that are rewritten in place on a terminal, and the bars on them, made to fit its width and its locale. */

export interface Screen {
  readonly isTTY?: boolean;
  /** Cells in a row, as they are now; a terminal may be resized. */
  readonly columns?: number;
  write(text: string): unknown;
}

/** What a line is made for. */
export interface Look {
  /** Cells that a line may take; infinite where nothing wraps. */
  readonly columns: number;
  readonly full: string;
  readonly empty: string;
}

/** A file or a pipe that takes any character. */
export const PLAIN_LOOK: Look = { columns: Number.POSITIVE_INFINITY, full: "█", empty: "░" };

const LABEL_WIDTH = 12;
const LONGEST_BAR = 24;
const SHORTEST_BAR = 8;

/** `████████░░░░` of a fraction from 0 to 1. */
function bar(fraction: number, width: number, { full, empty }: Look): string {
  const done = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return full.repeat(done) + empty.repeat(width - done);
}

/**
 * `  uploading    ███░░░  50 %  5.0 MB of 10.0 MB  0:12 left`. Where that is too long the bar is made shorter, then details
 * are left out, the first one first: a line that wraps cannot be rewritten.
 *
 * @param fraction 0 to 1.
 */
export function progressText(
  label: string,
  fraction: number,
  details: readonly string[],
  look: Look = PLAIN_LOOK,
): string {
  const percent = `${String(Math.floor(fraction * 100)).padStart(3)} %`;
  const rest = [percent, ...details].join("  ");
  const room = look.columns - `  ${"".padEnd(LABEL_WIDTH)} `.length - rest.length - 1;
  if (room < SHORTEST_BAR && details.length > 0) {
    return progressText(label, fraction, details.slice(1), look);
  }
  const drawn = bar(fraction, Math.max(0, Math.min(LONGEST_BAR, room)), look);
  return `  ${label.padEnd(LABEL_WIDTH)} ${drawn} ${rest}`;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the locale shows more than ASCII; where none is set, it is taken to. POSIX: the first of these that is set. */
function showsBlocks({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}

/** Shows a line that the next one of the same key replaces (on a terminal), or follows (in a file, when it says more). */
export class LiveLines {
  readonly #screen: Screen;
  readonly #glyphs: Pick<Look, "full" | "empty">;
  #key: string | null = null;
  #shown = "";

  constructor(screen: Screen, environment: Environment = process.env) {
    this.#screen = screen;
    this.#glyphs = showsBlocks(environment) ? PLAIN_LOOK : { full: "#", empty: "." };
  }

  /** What a line is to be made for now. */
  get look(): Look {
    const { isTTY, columns } = this.#screen;
    // The last cell stays free: some terminals wrap when it is written.
    const room = isTTY && columns ? columns - 1 : PLAIN_LOOK.columns;
    return { full: this.#glyphs.full, empty: this.#glyphs.empty, columns: room };
  }

  show(key: string, text: string, worthALine: boolean): void {
    if (this.#screen.isTTY) {
      if (this.#key !== null && this.#key !== key) this.#screen.write("\n");
      this.#screen.write(`\r\u001b[2K${text}`);
    } else if (worthALine && text !== this.#shown) {
      this.#screen.write(`${text}\n`);
      this.#shown = text;
    }
    this.#key = key;
  }

  end(): void {
    if (this.#screen.isTTY && this.#key !== null) this.#screen.write("\n");
    this.#key = null;
  }
}
