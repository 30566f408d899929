/** Makes a plan, runs its steps and has the result delivered, and makes another plan where a device fails. */
import type { EncoderCapability } from "../protocol/media.ts";
import type { Plan, PlanResult, Rejection } from "../protocol/plan.ts";
import { ABANDONED, ended, fail, NO_ENGINE, type Part, type Work } from "./attempt-parts.ts";
import type { DeliveryOrder, RanPlan } from "./deliver.ts";
import type { HardwareFault } from "./ffmpeg/index.ts";
import { runLocalStep } from "./local-steps.ts";
import { withLoudness } from "./loudness.ts";
import { runFfmpeg } from "./run-ffmpeg.ts";
import type { AttemptOutcome, EngineReport } from "./session-model.ts";

type PlanWith = (encoders: readonly EncoderCapability[]) => PlanResult;

/** As `planRunAndDeliver`, with whatever was made. */
export function planAndRun(work: Work, planWith: PlanWith): Promise<Part<RanPlan>> {
  return planRunAndDeliver(work, planWith, async (value) => ({ status: "ok", value }));
}

/**
 * A plan whose hardware fails, or makes what is refused, is made again without that device, for as long as there is
 * another way. A device rests for an output that was refused where another way made a good one, or where there is
 * none: a source that makes every encoder's output wrong costs it nothing.
 *
 * @param before what the ledger says of an earlier plan.
 * @param deliver says whether what was made is what was promised; checked first where it could be made another way.
 */
export async function planRunAndDeliver<T>(
  work: Work,
  planWith: PlanWith,
  deliver: (ran: RanPlan, order: DeliveryOrder) => Promise<Part<T>>,
  before: readonly string[] = [],
): Promise<Part<T>> {
  const notes = [...before];
  const avoided = new Set<string>();
  const suspects = new Set<string>();
  let fault: Part<never> | null = null;
  const restSuspects = () => {
    for (const device of suspects) {
      work.log(
        "warn",
        `device ${device} made what was refused: ${work.devices.failed(device, "driver")}`,
      );
    }
  };
  for (;;) {
    work.tracker.enter("planning");
    const plan = planWith(work.devices.encoders().filter(({ device }) => !avoided.has(device)));
    if (plan.status === "rejected") {
      restSuspects();
      return fault ?? refused(work, plan, planWith);
    }
    work.log("info", `plan: ${plan.action}`, { steps: plan.steps.length });
    const giveBack = takeSessions(work, plan);
    const ran = await runSteps(work, plan, notes).finally(giveBack.atEnd);
    if (ran.status === "ended") return ran;
    if (ran.status === "hardware_fault") {
      // Said again by the plan that cannot do without the device.
      fault = ended(ran.outcome);
      if (ran.fault === "unsupported") avoided.add(ran.device);
      work.log("warn", `device ${ran.device}: ${ran.meaning}; trying another way`);
      notes.push(...ran.notes, `${ran.device} failed and ${ran.meaning}; continued without it`);
      continue;
    }
    const isSoftware = giveBack.devices.length === 0;
    const delivered = await deliver(ran.value, isSoftware ? "at_once" : "checked_first");
    const refusal = delivered.status === "ended" ? refusalOf(delivered.outcome) : null;
    if (delivered.status === "ok" || refusal === null) {
      giveBack.devices.forEach(work.devices.worked);
      if (delivered.status === "ok") restSuspects();
      return delivered;
    }
    if (isSoftware) return delivered;
    fault = delivered;
    for (const device of giveBack.devices) {
      avoided.add(device);
      suspects.add(device);
      work.log("warn", `device ${device}: what it made was refused; trying another way`);
      notes.push(`${device} made what was refused (${refusal}); done again without it`);
    }
  }
}

/** Nothing at hand can do it. */
function refused(work: Work, plan: Rejection, planWith: PlanWith): Part<never> {
  // Another worker can, or this one when its device has rested: no fault of the work.
  if (planWith(work.devices.proved()).status === "planned") {
    work.log("warn", "the device that this needs rests or is busy: the lease goes back");
    return ended({ status: "released", reason: "device_resting" });
  }
  return fail(work, { ...plan, retryable: false }, NO_ENGINE);
}

/** What was wrong with what an encoder reported as a success; null for every other end. */
export function refusalOf(outcome: AttemptOutcome): string | null {
  const isRefusal =
    outcome.status === "failed" &&
    (outcome.code === "ENGINE_INVALID_RESPONSE" || outcome.code === "ENGINE_EMPTY_RESPONSE");
  return isRefusal ? outcome.detail : null;
}

/** Counts the plan's sessions with its devices until it has ended; synchronous with the planning. */
function takeSessions(work: Work, plan: Plan) {
  const most = new Map<string, number>();
  for (const step of plan.steps) {
    if (step.kind !== "ffmpeg" || step.encoder === null) continue;
    const { device, sessions, deviceSessions } = step.encoder;
    if (device === "cpu") continue;
    most.set(device, Math.max(most.get(device) ?? 0, deviceSessions ?? sessions ?? 1));
  }
  const taken = [...most].map(([device, sessions]) => work.devices.take(device, sessions));
  return {
    devices: [...most.keys()],
    atEnd: () => {
      for (const end of taken) end();
    },
  };
}

type Ran =
  | Part<RanPlan>
  | {
      readonly status: "hardware_fault";
      readonly device: string;
      readonly fault: HardwareFault;
      /** What follows for the device. */
      readonly meaning: string;
      readonly notes: readonly string[];
      readonly outcome: AttemptOutcome;
    };

async function runSteps(work: Work, plan: Plan, notes: readonly string[]): Promise<Ran> {
  work.tracker.planned(plan.steps);
  let engine: EngineReport = { ...NO_ENGINE, log: [...notes] };
  const cuts = new Map<string, readonly string[]>();
  for (const step of plan.steps) {
    work.tracker.beginStep(step);
    if (step.kind !== "ffmpeg") {
      const done = await runLocalStep(work, step);
      if (work.signal.aborted) return ABANDONED;
      if (done.status === "failed") return fail(work, done, engine);
      for (const [file, pieces] of done.cuts) cuts.set(file, pieces);
      continue;
    }
    const ran = await runFfmpeg(work, await withLoudness(step, work.workDir));
    if (work.signal.aborted || ran.status === "aborted") return ABANDONED;
    const encoder = step.encoder;
    engine = {
      device: encoder?.device ?? engine.device,
      encoder: encoder?.name ?? engine.encoder,
      exitCode: ran.status === "ok" ? 0 : ran.exitCode,
      log: [...engine.log, ...ran.log],
    };
    if (ran.status === "ok") continue;
    const failed = fail(work, ran, engine);
    if (ran.hardwareFault === null || encoder === null) return failed;
    const { device } = encoder;
    return {
      status: "hardware_fault",
      device,
      fault: ran.hardwareFault,
      // Said while its sessions are still counted.
      meaning: work.devices.failed(device, ran.hardwareFault),
      notes: ran.log,
      outcome: failed.status === "ended" ? failed.outcome : { status: "abandoned" },
    };
  }
  return { status: "ok", value: { plan, cuts, engine } };
}
