/**
 * What waits for a reader who is slower than the job. Numbered events wait in order; of progress only the newest
 * does, and none that a numbered event has overtaken. So the queue is bounded, whatever the reader does.
 */
import type { JobEvent, NumberedEvent, ProgressEvent } from "../../protocol/http/events.ts";

/** Numbered events that may wait. A reader who is farther behind than this resumes by the last id it saw. */
const MAX_WAITING = 1_000;

export class EventQueue {
  readonly #numbered: NumberedEvent[] = [];
  #progress: ProgressEvent | null = null;

  /** False when it is full: the event was not taken, and none after it may be. */
  push(event: JobEvent): boolean {
    if (event.event === "progress") {
      this.#progress = event;
      return true;
    }
    if (this.#numbered.length >= MAX_WAITING) return false;
    this.#numbered.push(event);
    this.#progress = null;
    return true;
  }

  /** The event to be sent next, or null. */
  next(): JobEvent | null {
    const numbered = this.#numbered.shift();
    if (numbered !== undefined) return numbered;
    const progress = this.#progress;
    this.#progress = null;
    return progress;
  }
}
