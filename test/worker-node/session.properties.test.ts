/** Random histories against the session: whatever is dropped, repeated or late, the laws hold. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { WorkerMessage } from "../../protocol/messages.ts";
import { newSession, nextWake, reduce } from "../../worker-node/session.ts";
import {
  type AttemptOutcome,
  leaseKey,
  type Session,
  type SessionEvent,
} from "../../worker-node/session-model.ts";
import {
  ackOf,
  completed,
  failed,
  kept,
  leaseMessage,
  leaseRef,
  lost,
  reportOf,
  welcome,
} from "./support/messages.ts";

const SLOTS = 3;

/** One thing that may happen; numbers pick among what is possible at that moment. */
const move = fc.oneof(
  fc.record({ kind: fc.constantFrom("open", "close", "drop", "tick"), pick: fc.nat(99) }),
  fc.record({ kind: fc.constantFrom("lease", "ack", "revoke", "end", "report"), pick: fc.nat(99) }),
  fc.record({ kind: fc.constantFrom("welcome_kept", "welcome_lost"), pick: fc.nat(99) }),
);
type Move = { readonly kind: string; readonly pick: number };

/** The world around a session: an edge that remembers what it was told, and attempts that run until they end. */
function play(moves: readonly Move[]) {
  let session: Session = newSession({
    name: "w",
    slots: SLOTS,
    capabilities: { ffmpegVersion: "5", encoders: [] },
  });
  const world = {
    now: 0,
    epochs: 0,
    attempts: new Set<string>(),
    stopped: new Set<string>(),
    settled: new Map<string, { outcome: AttemptOutcome; acknowledged: boolean; sends: number }>(),
    sent: [] as WorkerMessage[],
  };

  const happen = (event: SessionEvent) => {
    const before = session;
    const step = reduce(session, event);
    session = step.session;
    for (const effect of step.effects) {
      if (effect.type === "start") {
        world.attempts.add(leaseKey(effect.assignment.lease));
        expect(world.attempts.size, "never more attempts than slots").toBeLessThanOrEqual(SLOTS);
      }
      if (effect.type === "stop") world.stopped.add(leaseKey(effect.lease));
      if (effect.type === "send") {
        const { message } = effect;
        world.sent.push(message);
        expect(
          message.type === "hello" || session.phase === "online",
          "nothing but hello before the welcome",
        ).toBe(true);
        if (message.type === "complete" || message.type === "fail") {
          const settled = world.settled.get(leaseKey(message.lease));
          expect(settled?.acknowledged, "nothing acknowledged is said again").toBe(false);
          if (settled !== undefined) settled.sends += 1;
        }
        if (message.type === "hello") {
          const claimed = [...before.leases.values()].filter((held) => held.claimed);
          expect(message.leases.map(({ lease }) => leaseKey(lease)).sort()).toEqual(
            claimed.map(({ lease }) => leaseKey(lease)).sort(),
          );
        }
      }
    }
  };
  const held = () => [...session.leases.values()];
  const choose = <T>(all: readonly T[], pick: number): T | undefined => all[pick % all.length];

  const act = ({ kind, pick }: Move) => {
    const { now } = world;
    const one = choose(held(), pick);
    switch (kind) {
      case "open":
        if (session.phase === "offline") happen({ type: "opened", now });
        return;
      case "close":
      case "drop":
        if (session.phase !== "offline") {
          const cause = { kind: "lost", detail: "reset" } as const;
          happen({ type: "closed", now, cause, random: pick / 100 });
        }
        return;
      case "welcome_kept":
      case "welcome_lost": {
        if (session.phase !== "greeting") return;
        const isLost = (index: number) =>
          kind === "welcome_lost" && (pick >> (index % 6)) % 2 === 0;
        const fates = held()
          .filter(({ claimed }) => claimed)
          .map(({ lease }, index) => (isLost(index) ? lost(lease) : kept(lease)));
        happen({ type: "received", now, message: welcome(fates) });
        return;
      }
      case "lease":
        if (session.phase === "online") {
          world.epochs += 1;
          happen({
            type: "received",
            now,
            message: leaseMessage(leaseRef(pick % 4, world.epochs)),
          });
        }
        return;
      case "ack":
        if (session.phase === "online" && one?.settlement) {
          const settled = world.settled.get(leaseKey(one.lease));
          if (settled !== undefined) settled.acknowledged = true;
          happen({ type: "received", now, message: ackOf(one.settlement.type, one.lease) });
        }
        return;
      case "revoke":
        if (session.phase === "online" && one) {
          happen({
            type: "received",
            now,
            message: { type: "revoke", lease: one.lease, reason: "expired" },
          });
        }
        return;
      case "report":
        if (one?.running) {
          happen({
            type: "progressed",
            now,
            lease: one.lease,
            report: reportOf({ movement: now }),
          });
        }
        return;
      case "end": {
        if (!one?.running) return;
        const key = leaseKey(one.lease);
        const outcome = pick % 2 === 0 ? completed : failed;
        world.attempts.delete(key);
        if (one.claimed && one.settlement === null) {
          world.settled.set(key, { outcome, acknowledged: false, sends: 0 });
        }
        happen({ type: "ended", now, lease: one.lease, outcome });
        return;
      }
      default:
        world.now += pick * 100;
        happen({ type: "tick", now: world.now });
    }
  };
  for (const next of moves) act(next);
  return { world, session: () => session, act, happen, held };
}

const histories = fc.array(move, { maxLength: 120 });

test("no history breaks the laws of slots, claims and silence after an answer", () => {
  fc.assert(
    fc.property(histories, (moves) => {
      const { world, held } = play(moves);
      const running = held().filter((lease) => lease.running);
      expect(running.map(({ lease }) => leaseKey(lease)).sort()).toEqual(
        [...world.attempts].sort(),
      );
      for (const { lease, claimed } of running) {
        // An attempt that the edge does not count as ours any more was told to stop.
        if (!claimed) expect(world.stopped).toContain(leaseKey(lease));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("once the connection holds, everything that is owed is sent, and an answer ends it", () => {
  fc.assert(
    fc.property(histories, (moves) => {
      const game = play(moves);
      game.act({ kind: "open", pick: 0 });
      game.act({ kind: "welcome_kept", pick: 0 });
      const owed = game.held().filter(({ settlement }) => settlement !== null);
      game.act({ kind: "tick", pick: 600 });
      for (const { lease } of owed) {
        const mentions = game.world.sent.filter(
          (message) => "lease" in message && leaseKey(message.lease) === leaseKey(lease),
        );
        expect(mentions.length).toBeGreaterThan(0);
      }
      for (const { lease, settlement } of owed) {
        if (settlement === null) continue;
        const message = ackOf(settlement.type, lease);
        game.happen({ type: "received", now: game.world.now, message });
      }
      expect(game.held().filter(({ settlement }) => settlement !== null)).toEqual([]);
      const running = game.held().filter((lease) => lease.running);
      expect(game.session().credit, "all free slots are asked for").toBe(SLOTS - running.length);
    }),
    { numRuns: 1_000 },
  );
});

test("a wake-up is never in the past once it was answered: the timer cannot spin", () => {
  fc.assert(
    fc.property(histories, (moves) => {
      const game = play(moves);
      game.act({ kind: "tick", pick: 0 });
      const wake = nextWake(game.session());
      if (wake !== null) expect(wake).toBeGreaterThan(game.world.now);
    }),
    { numRuns: 1_000 },
  );
});
