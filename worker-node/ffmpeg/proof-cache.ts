/**
 * Proofs take seconds, with a device a minute: they are kept on disk, under everything that they depend on, so that a
 * restart is quick and a change of ffmpeg, driver or devices is proved anew.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { homedir, release } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { capabilitiesSchema } from "../../protocol/media.ts";
import { type Proofs, prove } from "./capabilities.ts";
import { listDevices } from "./devices.ts";
import type { Devices } from "./encoder-candidates.ts";
import type { Tools } from "./types.ts";

/** Of what is proved and how: a change makes every proof on disk void. */
const METHOD = 1;
/** Firmware and other software change without a trace. */
const KEPT_MS = 7 * 24 * 3_600_000;

const keptSchema = z.object({
  provedAt: z.number(),
  capabilities: capabilitiesSchema,
  refusals: z.array(
    z.object({
      encoder: z.string(),
      device: z.string(),
      bitDepth: z.union([z.literal(8), z.literal(10)]),
      reason: z.string(),
    }),
  ),
});

/** What a proof depends on beside the tools; read by `machineFacts`. */
export interface MachineFacts {
  readonly devices: Devices;
  readonly kernel: string;
  /** Of NVIDIA's driver, its own words; null where it has none. */
  readonly nvidia: string | null;
  readonly environment: readonly (string | null)[];
}

export interface KeptProofs extends Proofs {
  /** Milliseconds since the epoch, or null for proofs made just now. */
  readonly provedAt: number | null;
}

/** Where proofs are kept: `TELECINE_CACHE_DIR`, or `telecine` in the user's cache. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return (
    env.TELECINE_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "telecine")
  );
}

export async function machineFacts(env: NodeJS.ProcessEnv = process.env): Promise<MachineFacts> {
  const nvidia = await readFile("/proc/driver/nvidia/version", "utf8").catch(() => null);
  const names = ["CUDA_VISIBLE_DEVICES", "LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH"];
  const environment = [...names, "LD_LIBRARY_PATH"].map((name) => env[name] ?? null);
  return { devices: await listDevices(), kernel: release(), nvidia, environment };
}

/**
 * The proofs of this machine, from disk where they are kept. Doubtful ones are not kept; a cache that cannot be read or
 * written is done without.
 *
 * @throws the signal's reason when it is aborted
 */
export async function keptProofs(
  tools: Tools,
  signal: AbortSignal,
  options: { readonly dir: string; readonly facts: MachineFacts; readonly now: number },
): Promise<KeptProofs> {
  const { dir, facts, now } = options;
  const path = join(dir, `encoders-${await keyOf(tools, facts)}.json`);
  const kept = await read(path);
  if (kept !== null && now >= kept.provedAt && now < kept.provedAt + KEPT_MS) {
    return { ...kept, isConclusive: true };
  }
  const proofs = await prove(tools, facts.devices, signal);
  if (proofs.isConclusive) await write(dir, path, { ...proofs, provedAt: now });
  return { ...proofs, provedAt: null };
}

async function keyOf(tools: Tools, facts: MachineFacts): Promise<string> {
  const binaries = await Promise.all([tools.ffmpeg, tools.ffprobe].map(binaryFacts));
  const { namespaces } = tools.confinement;
  // A driver may need what a sandbox does not show it.
  const confined = namespaces === null ? "free" : namespaces.hasOwnFiles ? "files" : "network";
  const all = [METHOD, tools.version, binaries, confined, facts];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 32);
}

async function binaryFacts(path: string) {
  const found = await stat(path).catch(() => null);
  return [path, found?.size ?? null, found?.mtimeMs ?? null];
}

async function read(path: string): Promise<z.infer<typeof keptSchema> | null> {
  try {
    return keptSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null;
  }
}

async function write(dir: string, path: string, proofs: Proofs & { provedAt: number }) {
  const { provedAt, capabilities, refusals } = proofs;
  const partial = `${path}.${process.pid}`;
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(partial, JSON.stringify({ provedAt, capabilities, refusals }), { mode: 0o600 });
    // Whole or not at all: agents of one user share the directory.
    await rename(partial, path);
  } catch {
    // Proved again at the next start.
  }
}
