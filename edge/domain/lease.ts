/** Leases and their deadlines (bodies follow). */
import type { Lease, Renewal, Task } from "./model.ts";

/** When the lease expires: the latest of its deadline and its grace. */
export declare function expiryOf(lease: Lease): number;
/** What of a lease belongs into memory and the socket's attachment after a renewal. */
export declare function renewalOf(lease: Lease): Renewal;
/** The task with a remembered renewal put over its row; a renewal of another epoch is ignored. */
export declare function withRenewal(task: Task, renewal: Renewal | undefined): Task;
