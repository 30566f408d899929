/** The devices that an encoder could run on, as the system shows them. Whether they work is for a proof to say. */
import { readdir } from "node:fs/promises";
import type { Devices } from "./encoder-candidates.ts";

/** Looks for devices. A machine without any is the usual case. */
export async function listDevices(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
  list: (dir: string) => Promise<string[]> = (dir) => readdir(dir).catch(() => []),
): Promise<Devices> {
  const videotoolbox = platform === "darwin";
  if (platform === "win32") return { cuda: cudaIndices(1, env), render: [], videotoolbox };
  if (platform !== "linux") return { cuda: [], render: [], videotoolbox };
  const [nodes, dri] = await Promise.all([list("/dev"), list("/dev/dri")]);
  const cards = nodes.filter((name) => /^nvidia\d+$/.test(name)).length;
  // WSL has the one device and no node per card.
  const hasWsl = nodes.includes("dxg");
  return {
    cuda: cudaIndices(cards || (hasWsl ? 1 : 0), env),
    render: dri
      .filter((name) => /^renderD\d+$/.test(name))
      .sort()
      .map((name) => `/dev/dri/${name}`),
    videotoolbox,
  };
}

/** `0`, `1`, ... : as many as there are cards, or as the agent is confined to. */
function cudaIndices(cards: number, env: NodeJS.ProcessEnv): string[] {
  const visible = env.CUDA_VISIBLE_DEVICES;
  if (visible === undefined) return Array.from({ length: cards }, (_, i) => String(i));
  const confinedTo = visible
    .split(",")
    .filter((card) => card.trim() !== "" && card.trim() !== "-1");
  return cards === 0 ? [] : confinedTo.map((_, i) => String(i));
}
