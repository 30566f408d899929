/** The simulated pool's sockets: whose they are, what their attachments keep, and the slots that workers offered. */
import { renewalOf } from "../../../edge/domain/lease.ts";
import type { Renewal, Task, TaskIn } from "../../../edge/domain/model.ts";

interface Socket {
  readonly workerId: string;
  /** Renewals by task: what outlives an eviction that keeps the sockets. */
  readonly attachment: Map<string, Renewal>;
}

export class SimSockets {
  /** Free slots that each connected worker offered and that were not leased since. */
  readonly credit = new Map<string, number>();
  readonly #sockets = new Map<string, Socket>();
  /** The newest open session of each worker. */
  readonly #connected = new Map<string, string>();

  open(workerId: string, sessionId: string): void {
    this.#sockets.set(sessionId, { workerId, attachment: new Map() });
    this.#connected.set(workerId, sessionId);
    this.credit.set(workerId, 0);
  }

  close(sessionId: string): void {
    const workerId = this.workerOf(sessionId);
    this.#sockets.delete(sessionId);
    if (workerId === null || this.#connected.get(workerId) !== sessionId) return;
    this.#connected.delete(workerId);
    this.credit.delete(workerId);
  }

  ids(): readonly string[] {
    return [...this.#sockets.keys()];
  }

  isOpen(sessionId: string): boolean {
    return this.#sockets.has(sessionId);
  }

  workerOf(sessionId: string): string | null {
    return this.#sockets.get(sessionId)?.workerId ?? null;
  }

  sessionOf(workerId: string): string | undefined {
    return this.#connected.get(workerId);
  }

  /** A `pull` counts on the worker's newest socket alone. */
  pulled(workerId: string, sessionId: string, free: number): void {
    if (this.#connected.get(workerId) === sessionId) this.credit.set(workerId, free);
  }

  spend(workerId: string, slots: number): void {
    this.credit.set(workerId, (this.credit.get(workerId) ?? 0) - slots);
  }

  renewalOf({ taskId, lease }: TaskIn<"leased">): Renewal | undefined {
    return this.#sockets.get(lease.sessionId)?.attachment.get(taskId);
  }

  /** Keeps the task's renewal with the socket that holds it, and with no other. */
  attach(task: Task): void {
    for (const { attachment } of this.#sockets.values()) attachment.delete(task.taskId);
    if (task.state !== "leased") return;
    this.#sockets.get(task.lease.sessionId)?.attachment.set(task.taskId, renewalOf(task.lease));
  }
}
