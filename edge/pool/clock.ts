/** The one place where the pool reads the time, so that tests can step it. Milliseconds since the epoch. */
export const clock = { now: (): number => Date.now() };
