import type { Command } from "commander";
import type { Video } from "../../protocol/http/videos.ts";
import type { TelecineClient } from "../client.ts";
import { clientFromEnvironment } from "../environment.ts";
import { sizeText } from "../job-display.ts";
import { LiveLines } from "../live-lines.ts";
import { print, withJson } from "../print.ts";
import { stoppable } from "../stoppable.ts";
import { upload } from "../upload.ts";
import { showUploadOn } from "../upload-display.ts";
import { stateFolder } from "../upload-state.ts";
import { wholeNumber } from "./options.ts";

export interface UploadFlags {
  readonly resume: boolean;
  readonly parallel: number;
}

/** Gives a command the options of an upload. */
export function withUploadOptions(command: Command): Command {
  return command
    .option("--no-resume", "begin anew, and do not remember the upload")
    .option("--parallel <n>", "parts under way at once", wholeNumber("--parallel", 1, 16), 3);
}

/** `telecine upload FILE`: in parts; the same command goes on where it was cut off. */
export function addUpload(program: Command): void {
  const command = program
    .command("upload")
    .description("upload a file in parts; run again, it sends only what is missing")
    .argument("<file>", "the video");
  withJson(withUploadOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  telecine upload talk.mov
  video=$(telecine upload talk.mov)     # progress is on stderr, the video's id on stdout`,
    )
    .action(async (file: string, options: UploadFlags & { readonly json: boolean }) => {
      const video = await uploadShown(clientFromEnvironment(process.env), file, options);
      print(options, video, () => `${video.videoId}\n`);
    });
}

/** Uploads with its progress on stderr. */
export function uploadShown(
  client: TelecineClient,
  file: string,
  flags: UploadFlags,
): Promise<Video> {
  const lines = new LiveLines(process.stderr);
  return stoppable((signal) =>
    upload(client, file, {
      signal,
      stateFolder: flags.resume ? stateFolder(process.env) : null,
      concurrency: flags.parallel,
      onBegun: (uploadId, alreadyBytes) => {
        if (alreadyBytes === 0) return;
        process.stderr.write(
          `  going on with ${uploadId}: ${sizeText(alreadyBytes)} are there already\n`,
        );
      },
      onSent: showUploadOn(lines),
    }),
  ).finally(() => lines.end());
}
