/** The object's one alarm: what it is set to, so that it is written only when that must change. */

export interface Alarm {
  /** What it is known to be set to, milliseconds since the epoch; null for none. */
  known(): number | null;
  /** Sets the alarm to `at` unless it comes sooner anyway. May be called inside a transaction. */
  ensure(at: number): void;
  /** Sets it to exactly `at`, or to nothing. */
  set(at: number | null): void;
  /** Corrects what is known: the alarm rang, or a transaction that set it was undone. Writes nothing. */
  correct(known: number | null): void;
}

export function createAlarm(storage: DurableObjectStorage): Alarm {
  let setTo: number | null = null;
  function set(at: number | null): void {
    if (setTo === at) return;
    setTo = at;
    // Part of the transaction it is called in; the output gate holds what is sent until it is kept.
    void (at === null ? storage.deleteAlarm() : storage.setAlarm(at));
  }
  return {
    known: () => setTo,
    ensure(at) {
      if (setTo === null || at < setTo) set(at);
    },
    set,
    correct(known) {
      setTo = known;
    },
  };
}
