/** The object's one alarm: what it is set to, so that it is written only when it must come earlier. */

export interface Alarm {
  /** Sets the alarm to `at` unless it comes sooner anyway. May be called inside a transaction. */
  ensure(at: number): void;
  /** The alarm rang, or it is not known what it is set to. */
  forget(): void;
}

export function createAlarm(storage: DurableObjectStorage): Alarm {
  let setTo: number | null = null;
  return {
    ensure(at) {
      if (setTo !== null && setTo <= at) return;
      setTo = at;
      // Part of the transaction it is called in, and kept by the output gate: nothing is sent before it.
      void storage.setAlarm(at);
    },
    forget() {
      setTo = null;
    },
  };
}
