/** What the command's exit says to whoever called it. */
import { ApiFailure } from "./client.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  wrongUse: 2,
  refused: 3,
  notCompleted: 4,
  interrupted: 130,
} as const;

/** The last lines of `telecine --help`. */
export const exitCodesHelp = `
Exit codes:
  0  done
  1  failed: the edge or this machine could not do it
  2  wrong use: an option, a file or a value that cannot be right
  3  no API key, or one that was refused
  4  the job did not complete
  130  interrupted`;

/** Something that whoever typed the command can put right by typing it otherwise. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** No credentials, or unusable ones. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** Stopped by a signal; the message says what remains. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

/** What was typed cannot be right: a value (400), or the file itself, by its size (413) or its format (415). */
const WRONG_USE: ReadonlySet<number> = new Set([400, 413, 415]);

/** The exit code of an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.wrongUse;
  if (error instanceof CredentialsError) return exitCodes.refused;
  if (error instanceof InterruptedError) return exitCodes.interrupted;
  if (!(error instanceof ApiFailure)) return exitCodes.failed;
  if (error.status === 401 || error.status === 403) return exitCodes.refused;
  return WRONG_USE.has(error.status) ? exitCodes.wrongUse : exitCodes.failed;
}
