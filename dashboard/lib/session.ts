/** Who is signed in, as far as the page knows. */
import { signal } from "@preact/signals";
import { ApiFailure } from "../../client/failure.ts";
import type { Session } from "../../protocol/http/session.ts";
import { api } from "./api.ts";
import { readStored, writeStored } from "./storage.ts";

export type SessionState =
  | { readonly status: "asking" }
  /** `notice` says why, where there is something to say. */
  | { readonly status: "out"; readonly notice: string | null }
  | { readonly status: "in"; readonly session: Session }
  | { readonly status: "unreachable"; readonly error: unknown };

export const session = signal<SessionState>({ status: "asking" });

/** That there is a session: the cookie itself cannot be read here. A browser without one is not asked about. */
const HINT = "telecine.session";

/** Asks the edge who we are. */
export async function askSession(): Promise<void> {
  if (readStored(HINT) === null) {
    session.value = { status: "out", notice: null };
    return;
  }
  session.value = { status: "asking" };
  try {
    session.value = { status: "in", session: await api.session() };
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 401) end(null);
    else session.value = { status: "unreachable", error };
  }
}

/** Rejects with an `ApiFailure` when the key is not good. */
export async function signIn(key: string): Promise<void> {
  session.value = { status: "in", session: await api.signIn(key) };
  writeStored(HINT, "1");
}

export async function signOut(): Promise<void> {
  await api.signOut();
  end(null);
}

function end(notice: string | null): void {
  writeStored(HINT, null);
  session.value = { status: "out", notice };
}

/** To be told of every failure: a session that ended shows the way back in. */
export function noticeFailure(error: unknown): void {
  if (!(error instanceof ApiFailure) || error.status !== 401) return;
  if (session.value.status !== "in") return;
  end(error.answer?.detail ?? "The session has ended.");
}

/** Whether the key behind the session has the scope; `admin` includes the others. */
export function may(scope: "read" | "write" | "admin"): boolean {
  const state = session.value;
  if (state.status !== "in") return false;
  return state.session.scopes.includes(scope) || state.session.scopes.includes("admin");
}
