/** What an agent says of its machine when it starts: ffmpeg, devices, the sandbox, and what is not as it should be. */
import type { KeptProofs } from "./ffmpeg/index.ts";
import type { Log } from "./log.ts";
import type { AgentOptions } from "./options.ts";
import type { Sandbox } from "./sandbox/index.ts";

/** One line of the whole, one for each device, and one for each hardware encoder that was refused. */
export function logProofs({ capabilities, refusals, provedAt }: KeptProofs, log: Log): void {
  const { ffmpegVersion, encoders } = capabilities;
  log("info", `ffmpeg ${ffmpegVersion}`, {
    encoders: encoders.map(({ encoder, device }) => `${encoder}@${device}`).join(" "),
    proved: provedAt === null ? "now" : new Date(provedAt).toISOString(),
  });
  for (const [device, own] of Map.groupBy(encoders, (capability) => capability.device)) {
    const [first] = own;
    if (device === "cpu" || first === undefined) continue;
    log("info", `device ${device}`, {
      encoders: own.map(({ encoder, bitDepths }) => `${encoder}:${bitDepths.join("+")}`).join(" "),
      sessions: first.maxSessions,
      pictures: first.decodes === undefined ? "in memory" : "on the device",
      decodes: first.decodes?.join(" ") ?? "",
    });
  }
  for (const { encoder, device, bitDepth, reason } of refusals) {
    if (device === "cpu") continue;
    log("warn", `refused: ${encoder} on ${device} with ${bitDepth} bits: ${reason}`);
  }
}

/** How tightly ffmpeg is held; a warning where that is less than was to be had. */
export function logSandbox(
  { level, why }: Sandbox,
  { sandbox: mode }: AgentOptions,
  log: Log,
): void {
  const lines = {
    full: "sandbox: ffmpeg reaches its source and its scratch, and nothing else",
    network: `sandbox: ffmpeg reaches its source and no other address, but all files of this user (${why})`,
    none:
      mode === "off"
        ? "no sandbox: switched off; ffmpeg is held by its whitelists alone"
        : `no sandbox: this system does not allow one (${why}); ffmpeg is held by its whitelists alone`,
  };
  log(level === "full" || mode === "off" ? "info" : "warn", lines[level], { sandbox: level });
}

/** The worker's token is all that an agent has: it should travel by TLS alone. */
export function warnOfPlainHttp({ url }: AgentOptions, log: Log): void {
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol === "http:" && !isLocal) {
    log("warn", "the token travels in clear: use https for an edge on another machine");
  }
}
