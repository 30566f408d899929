/** Prints, as JSON, the ffmpeg and ffprobe that an agent on this machine would use; exits 1 and says why where there is none. */
import { resolveTools } from "./ffmpeg/index.ts";

try {
  const { ffmpeg, ffprobe, version, features } = await resolveTools(process.env);
  process.stdout.write(`${JSON.stringify({ ffmpeg, ffprobe, version, features })}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
