/** What a call of the API may end in, other than an answer. */
import type { ErrorAnswer } from "../protocol/errors.ts";

/** An error answer of the edge, with its code. `answer` is null where something else answered, such as a proxy. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  readonly answer: ErrorAnswer["error"] | null;

  constructor(status: number, answer: ErrorAnswer["error"] | null, text: string) {
    super(
      answer ? `${answer.code}: ${answer.message} ${answer.detail}` : `HTTP ${status}: ${text}`,
    );
    this.status = status;
    this.answer = answer;
  }
}

/**
 * Whether the same call may end better later: there was no answer, or half of one (`fetch` throws a TypeError), the edge
 * is in trouble or deployed anew, or too much was asked of it.
 */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof ApiFailure)) return error instanceof TypeError;
  return error.status >= 500 || error.status === 408 || error.status === 429;
}

const MAX_QUOTED = 200;

/** Reads a refusal's body, whatever it is. */
export function failureOf(status: number, text: string): ApiFailure {
  return new ApiFailure(status, parseErrorAnswer(text), text.slice(0, MAX_QUOTED));
}

function parseErrorAnswer(text: string): ErrorAnswer["error"] | null {
  try {
    return (JSON.parse(text) as Partial<ErrorAnswer>).error ?? null;
  } catch {
    return null;
  }
}
