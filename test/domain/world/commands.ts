/**
 * Random histories as data. A command names its objects by an index that wraps around, so that any list of
 * commands is a history, and every part of one is, too: fast-check can shrink it.
 */
import fc from "fast-check";

const index = fc.nat({ max: 7 });

const shapes = {
  submit: fc.record({
    maxAttempts: fc.integer({ min: 1, max: 3 }),
    timeoutSeconds: fc.constantFrom(40, 3600, 3600),
    queueTimeoutSeconds: fc.constantFrom(20, 86_400, 86_400, 86_400),
    priority: fc.integer({ min: -1, max: 1 }),
    /** Encoder sessions that it may open. */
    width: fc.constantFrom(1, 1, 1, 2, 3),
    format: fc.constantFrom("mp4", "hls"),
  }),
  /** An agent plans its job into chunks; some plans the pool does not want. */
  divide: fc.record({
    worker: index,
    pick: index,
    chunks: fc.integer({ min: 2, max: 4 }),
    audio: fc.boolean(),
    isWanted: fc.constantFrom(true, true, true, false),
  }),
  /** A job is divided and most of its parts done without a fault, so that what comes last is reached. */
  divideThrough: fc.record({ worker: index, chunks: fc.integer({ min: 2, max: 4 }), done: index }),
  /** A chunk that runs is leased for a second time. */
  copy: fc.record({ job: index, pick: index }),
  connect: fc.record({ worker: index }),
  /** The agent dies and comes back without what it ran. */
  restart: fc.record({ worker: index, isSeen: fc.boolean() }),
  disconnect: fc.record({ worker: index, isSeen: fc.boolean() }),
  pull: fc.record({ worker: index }),
  work: fc.record({ worker: index, pick: index, isStalled: fc.boolean() }),
  /** Its plan takes fewer slots than its lease. */
  narrow: fc.record({ worker: index, pick: index, slots: fc.integer({ min: 1, max: 2 }) }),
  /** A live agent over a dead encoder: it goes on talking, and nothing moves. */
  hang: fc.record({ worker: index, pick: index }),
  /** An agent whose encoder is dead loses its socket and comes back, again and again. */
  flap: fc.record({ worker: index }),
  /** An agent asks, is leased, and reports everything it holds as complete, without a fault on the way. */
  runThrough: fc.record({ worker: index }),
  complete: fc.record({
    worker: index,
    pick: index,
    kind: fc.constantFrom("good", "audible", "stray", "empty", "empty"),
  }),
  fail: fc.record({
    worker: index,
    pick: index,
    kind: fc.constantFrom("retry", "final", "reject"),
  }),
  release: fc.record({ worker: index, pick: index }),
  /** One worker gives back whatever it is leased, many times over. */
  giveBackForever: fc.record({ worker: index }),
  repeat: fc.record({ worker: index, pick: index }),
  /** Another worker speaks of a lease that it does not hold. */
  impostor: fc.record({ worker: index, pick: index, kind: fc.constantFrom("work", "complete") }),
  deliverUp: fc.record({ at: index }),
  deliverDown: fc.record({ at: index }),
  deliverAll: fc.record({}),
  duplicate: fc.record({ at: index }),
  drop: fc.record({ at: index, isUp: fc.boolean() }),
  check: fc.record({ at: index, isGood: fc.boolean(), isRepeated: fc.boolean() }),
  tick: fc.record({ ms: fc.constantFrom(100, 500, 1000, 1000, 5000, 11_000, 31_000) }),
  /** Time passes and the alarm does not fire. */
  stall: fc.record({ ms: fc.constantFrom(5000, 31_000) }),
  alarm: fc.record({}),
  /** Something expires a task, or a run, that it should not. */
  wrongExpiry: fc.record({ job: index, isRun: fc.boolean() }),
  /** A grant by someone who looked at the queue too long ago. */
  staleGrant: fc.record({ job: index, worker: index }),
  stepClock: fc.record({ ms: fc.constantFrom(-3_600_000, -5000, 60_000) }),
  evict: fc.record({ keepSockets: fc.boolean() }),
  cancel: fc.record({ job: index }),
  retry: fc.record({ job: index, isLonger: fc.boolean() }),
  revokeWorker: fc.record({ worker: index }),
  project: fc.record({ at: index }),
};

type Shapes = typeof shapes;
type Op = keyof Shapes;
type Arguments<O extends Op> = Shapes[O] extends fc.Arbitrary<infer A> ? A : never;
export type Command = { [O in Op]: { readonly op: O } & Readonly<Arguments<O>> }[Op];

/** How often each comes up. Ordinary work is common, so that faults find something to break. */
const weights: Record<Op, number> = {
  submit: 6,
  divide: 5,
  divideThrough: 3,
  copy: 4,
  connect: 10,
  restart: 3,
  disconnect: 3,
  pull: 3,
  work: 20,
  narrow: 3,
  hang: 1,
  flap: 1,
  runThrough: 4,
  complete: 8,
  fail: 5,
  release: 2,
  giveBackForever: 1,
  repeat: 5,
  impostor: 2,
  deliverUp: 10,
  deliverDown: 10,
  deliverAll: 25,
  duplicate: 4,
  drop: 2,
  check: 8,
  tick: 10,
  stall: 3,
  alarm: 4,
  wrongExpiry: 2,
  staleGrant: 2,
  stepClock: 1,
  evict: 4,
  cancel: 2,
  retry: 4,
  revokeWorker: 1,
  project: 3,
};

const command: fc.Arbitrary<Command> = fc.oneof(
  ...(Object.keys(shapes) as Op[]).map((op) => ({
    weight: weights[op],
    arbitrary: (shapes[op] as fc.Arbitrary<object>).map((args) => ({ op, ...args }) as Command),
  })),
);

export interface History {
  /** Slots of each worker. */
  readonly workers: readonly number[];
  readonly commands: readonly Command[];
}

export const history: fc.Arbitrary<History> = fc.record({
  workers: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  commands: fc.array(command, { minLength: 40, maxLength: 200, size: "max" }),
});
