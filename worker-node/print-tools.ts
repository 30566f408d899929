/**
 * Prints, as JSON, the ffmpeg and ffprobe that an agent on this machine would use; exits 1 and says why where there is
 * none. With `--prove` also what its encoders do when they are tried now, and the sandbox that this system allows.
 */
import {
  machineFacts,
  prove,
  resolveTools,
  type Tools,
  ToolsNotFoundError,
} from "./ffmpeg/index.ts";
import { sandboxHere } from "./sandbox/here.ts";

async function tryOut(tools: Tools) {
  const { devices } = await machineFacts();
  const { capabilities, refusals } = await prove(tools, devices, new AbortController().signal);
  return { encoders: capabilities.encoders, refusals, sandbox: await sandboxHere(tools) };
}

try {
  const tools = await resolveTools(process.env);
  const { ffmpeg, ffprobe, version, features } = tools;
  const proved = process.argv.includes("--prove") ? await tryOut(tools) : {};
  process.stdout.write(`${JSON.stringify({ ffmpeg, ffprobe, version, features, ...proved })}\n`);
} catch (error) {
  // What nobody expected keeps its stack.
  if (!(error instanceof ToolsNotFoundError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
