/** ffmpeg and its encoders as the agent on this machine finds them: it is asked, and tries them out. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { EncoderCapability } from "../../protocol/media.ts";
import { ROOT } from "../runtime/root.ts";
import { type Finding, fail } from "./finding.ts";
import { type EncoderRefusal, judgeEncoders, judgeFfmpeg, judgeSandbox } from "./judge.ts";

const run = promisify(execFile);

/** Many devices take their time; none may take for ever. */
const PROOF_LIMIT_MS = 300_000;

interface ProvedTools {
  readonly ffmpeg: string;
  readonly version: string;
  readonly encoders: readonly EncoderCapability[];
  readonly refusals: readonly EncoderRefusal[];
  readonly sandbox: { readonly level: string; readonly why: string | null };
}

/** Finds ffmpeg and encodes with each of its encoders. */
export async function examineTools(environment: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const entry = path.join(ROOT, "worker-node/print-tools.ts");
  try {
    const { stdout } = await run(process.execPath, [entry, "--prove"], {
      env: environment,
      timeout: PROOF_LIMIT_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
    const tools = JSON.parse(stdout) as ProvedTools;
    return [
      judgeFfmpeg(tools.version, tools.ffmpeg),
      ...judgeEncoders(tools.encoders, tools.refusals),
      judgeSandbox(tools.sandbox.level, tools.sandbox.why),
    ];
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    if (killed) {
      return [
        fail(
          "encoders",
          `the proofs did not end within ${PROOF_LIMIT_MS / 1000} s`,
          "An encoder or a device hangs: see the kernel's log (dmesg), and restart the machine if its driver is stuck.",
        ),
      ];
    }
    const said = stderr?.trim() || String(error);
    return [fail("ffmpeg", withoutRemedy(said), REMEDY)];
  }
}

const REMEDY =
  "Install ffmpeg 5.1 or later (Debian: apt-get install ffmpeg; macOS: brew install ffmpeg), or set FFMPEG_PATH and FFPROBE_PATH to one.";

/** The agent's message ends with a remedy of its own. */
function withoutRemedy(text: string): string {
  return text.replace(/ Install it \(.*$/s, "");
}
