/** Data of the API as a component shows it: loading, there, failed, and asked for again. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { noticeFailure } from "./session.ts";

export interface Resource<T> {
  /** The last that came; undefined until the first has. */
  readonly data: T | undefined;
  /** Of the last try; undefined when it went well. */
  readonly error: unknown;
  /** Asks again; what is shown stays until the answer is there. */
  readonly reload: () => void;
}

/**
 * Loads when the component appears and whenever `key` changes; with `everyMs` again and again while the page can
 * be seen. An answer that was overtaken is dropped.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  options: { readonly everyMs?: number } = {},
): Resource<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: unknown }>({ key });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  // A turn is a reason to load again.
  useEffect(() => {
    const stop = new AbortController();
    setState((was) => (was.key === key ? was : { key }));
    latest.current(stop.signal).then(
      (data) => {
        if (!stop.signal.aborted) setState({ key, data });
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        noticeFailure(error);
        setState((was) => ({ ...was, error }));
      },
    );
    return () => stop.abort();
  }, [key, turn]);

  const reload = useCallback(() => setTurn((was) => was + 1), []);
  useInterval(() => {
    if (document.visibilityState === "visible") reload();
  }, options.everyMs);
  const isCurrent = state.key === key;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    reload,
  };
}

/** Calls again and again while the component is there; never when `everyMs` is undefined. */
function useInterval(call: () => void, everyMs: number | undefined): void {
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => latest.current(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

/** The time, renewed every `everyMs`: for ages and elapsed times. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useInterval(() => setNow(Date.now()), everyMs);
  return now;
}

export interface Action<Args extends readonly unknown[]> {
  readonly run: (...args: Args) => Promise<boolean>;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly clear: () => void;
}

/** Something that a button does: one at a time, its failure kept to be shown. `run` tells whether it went well. */
export function useAction<Args extends readonly unknown[]>(
  act: (...args: Args) => Promise<unknown>,
): Action<Args> {
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const busy = useRef(false);
  const run = async (...args: Args) => {
    if (busy.current) return false;
    busy.current = true;
    setState({ busy: true });
    try {
      await act(...args);
      setState({ busy: false });
      return true;
    } catch (error) {
      noticeFailure(error);
      setState({ busy: false, error });
      return false;
    } finally {
      busy.current = false;
    }
  };
  return { run, isBusy: state.busy, error: state.error, clear: () => setState({ busy: false }) };
}
