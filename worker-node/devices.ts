/**
 * The agent's encoders as they are now: less the devices that rest after a failure, less the sessions that its attempts
 * have open. One per agent, because all its attempts share the devices.
 */
import type { EncoderCapability } from "../protocol/media.ts";
import type { HardwareFault } from "./ffmpeg/index.ts";

/** The first rest of a device that failed; each failure after it, without a success between, doubles it. */
const REST_MS = 5 * 60_000;
const LONGEST_REST_MS = 2 * 3_600_000;
/** Others use all of its sessions: they may end at any time. */
const BUSY_MS = 60_000;
/** Then the number of sessions that was proved is believed again. */
const FEWER_SESSIONS_MS = 10 * 60_000;

export interface Devices {
  /** What a plan may use now, as it was proved, with the sessions that are left. */
  encoders(): readonly EncoderCapability[];
  /** Everything that was proved, resting or not. */
  proved(): readonly EncoderCapability[];
  /** Counts sessions as open until the answer is called. */
  take(device: string, sessions: number): () => void;
  /** A run on it failed, its sessions still counted. @returns what that means, for the ledger. */
  failed(device: string, fault: HardwareFault): string;
  /** A run on it succeeded: the next failure is a first one again. */
  worked(device: string): void;
  /** Ends proofs that are under way or to come. */
  close(): void;
}

export interface DevicesOptions {
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** Proves a device anew after its rest; without it the end of the rest is enough. */
  readonly prove?: (device: string) => Promise<readonly EncoderCapability[]>;
  /** Does something later; returns the means to do without. */
  readonly later?: (ms: number, what: () => void) => () => void;
  readonly log?: (level: "info" | "warn", text: string) => void;
}

interface DeviceState {
  /** Failures since it last worked. */
  failures: number;
  /** Until then no plan uses it. Infinite while it waits for its proof. */
  restUntil: number;
  /** Until then it is believed to have no more sessions than this. */
  fewer: { readonly sessions: number; readonly until: number } | null;
  /** Until then it is handed what the CPU decoded. */
  noDecodeUntil: number;
  inUse: number;
}

export function createDevices(
  atStart: readonly EncoderCapability[],
  {
    now = () => performance.now(),
    prove,
    later = laterByTimer,
    log = () => {},
  }: DevicesOptions = {},
): Devices {
  const states = new Map<string, DeviceState>();
  const waiting = new Set<() => void>();
  let proved = atStart;
  let isClosed = false;

  function stateOf(device: string): DeviceState {
    const known = states.get(device);
    if (known !== undefined) return known;
    const fresh = { failures: 0, restUntil: 0, fewer: null, noDecodeUntil: 0, inUse: 0 };
    states.set(device, fresh);
    return fresh;
  }

  function rest(device: string): string {
    const state = stateOf(device);
    const ms = Math.min(LONGEST_REST_MS, REST_MS * 2 ** state.failures);
    state.failures += 1;
    state.restUntil = prove === undefined ? now() + ms : Number.POSITIVE_INFINITY;
    if (prove !== undefined) proveLater(device, ms, prove);
    return `rests for ${ms / 60_000} minutes`;
  }

  function proveLater(
    device: string,
    ms: number,
    proveAgain: NonNullable<DevicesOptions["prove"]>,
  ): void {
    const cancel = later(ms, () => {
      waiting.delete(cancel);
      void proveAgain(device)
        .catch((): readonly EncoderCapability[] => [])
        .then((found) => {
          if (!isClosed) believe(device, found);
        });
    });
    waiting.add(cancel);
  }

  function believe(device: string, found: readonly EncoderCapability[]): void {
    if (found.length === 0) {
      log("warn", `device ${device} still fails; it ${rest(device)}`);
      return;
    }
    // In its old place: the order is that of preference.
    const at = proved.findIndex((capability) => capability.device === device);
    const others = proved.filter((capability) => capability.device !== device);
    proved = others.toSpliced(Math.max(0, at), 0, ...found);
    stateOf(device).restUntil = 0;
    log("info", `device ${device} was proved again and is used`);
  }

  function asItIs(capability: EncoderCapability): EncoderCapability | null {
    const state = states.get(capability.device);
    if (state === undefined) return capability;
    if (state.restUntil > now()) return null;
    const { decodes, ...rest } = capability;
    const kept =
      decodes === undefined ? {} : { decodes: state.noDecodeUntil > now() ? [] : decodes };
    if (capability.maxSessions === null) return { ...rest, ...kept };
    const most =
      state.fewer !== null && state.fewer.until > now() ? state.fewer.sessions : Infinity;
    const left = Math.min(capability.maxSessions, most) - state.inUse;
    return left < 1 ? null : { ...rest, ...kept, maxSessions: left };
  }

  return {
    encoders: () => proved.flatMap((capability) => asItIs(capability) ?? []),
    proved: () => proved,

    take(device, sessions) {
      const state = stateOf(device);
      state.inUse += sessions;
      let isTaken = true;
      return () => {
        if (isTaken) state.inUse -= sessions;
        isTaken = false;
      };
    },

    failed(device, fault) {
      const state = stateOf(device);
      switch (fault) {
        case "exhausted": {
          if (state.inUse > 1) {
            const sessions = state.inUse - 1;
            state.fewer = { sessions, until: now() + FEWER_SESSIONS_MS };
            return `is taken to have ${sessions} sessions for ${FEWER_SESSIONS_MS / 60_000} minutes`;
          }
          state.restUntil = Math.max(state.restUntil, now() + BUSY_MS);
          return "has no session left for a minute";
        }
        case "graph": {
          const isDecoding = proved.some(
            (one) => one.device === device && (one.decodes?.length ?? 0) > 0,
          );
          if (!isDecoding || state.noDecodeUntil > now()) return rest(device);
          state.noDecodeUntil = now() + REST_MS;
          return "is handed what the CPU decodes";
        }
        // Of this picture, not of the device.
        case "unsupported":
          return "cannot do this";
        case "absent":
        case "driver":
          return rest(device);
      }
    },

    worked(device) {
      const state = states.get(device);
      if (state !== undefined && state.restUntil <= now()) state.failures = 0;
    },

    close() {
      isClosed = true;
      for (const cancel of waiting) cancel();
    },
  };
}

function laterByTimer(ms: number, what: () => void): () => void {
  const timer = setTimeout(what, ms);
  // A device that rests keeps no agent alive.
  timer.unref();
  return () => clearTimeout(timer);
}
