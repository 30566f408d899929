/** Which sandbox this system allows, found out by opening one and closing it again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tools } from "../ffmpeg/index.ts";
import { startSourceServer } from "../source/server.ts";
import { openSandbox, type SandboxLevel } from "./index.ts";

export async function sandboxHere(
  tools: Tools,
): Promise<{ level: SandboxLevel; why: string | null }> {
  const parent = await mkdtemp(join(tmpdir(), "telecine-sandbox-"));
  const server = await startSourceServer();
  try {
    const { level, why, close } = await openSandbox({
      mode: "auto",
      tools,
      scratch: await mkdtemp(join(parent, "scratch-")),
      server,
      signal: new AbortController().signal,
    });
    close();
    return { level, why };
  } finally {
    await server.close();
    await rm(parent, { recursive: true, force: true });
  }
}
