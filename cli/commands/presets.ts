/** `telecine presets`: stored recipes, built in and one's own. */
import type { Command } from "commander";
import type { Preset } from "../../protocol/http/presets.ts";
import { clientFromEnvironment } from "../environment.ts";
import { firstOf } from "../pages.ts";
import { type JsonOption, print, withJson } from "../print.ts";
import { fields, table } from "../table.ts";
import { wholeNumber } from "./options.ts";

export function addPresets(program: Command): void {
  const presets = program
    .command("presets")
    .description("list presets: recipes that are stored under an id")
    .addHelpText(
      "after",
      `
Examples:
  telecine presets
  telecine presets show hls-1080p
  telecine transcode talk.mov --preset hls-1080p`,
    );
  withJson(
    presets
      .command("list", { isDefault: true })
      .description("list presets, built in and one's own")
      .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 200),
  ).action(async (options: JsonOption & { readonly limit: number }) => {
    const client = clientFromEnvironment(process.env);
    const { items, nextCursor } = await firstOf(options.limit, async (page) => {
      const answer = await client.listPresets(page);
      return { items: answer.presets, nextCursor: answer.nextCursor };
    });
    print(options, { presets: items, nextCursor }, () => presetTable(items));
  });
  withJson(
    presets
      .command("show")
      .description("show a preset with all its parameters")
      .argument("<id>", "e.g. hls-1080p, or pre_..."),
  ).action(async (presetId: string, options: JsonOption) => {
    const client = clientFromEnvironment(process.env);
    const preset = await client.get<Preset>(`/v1/presets/${encodeURIComponent(presetId)}`);
    print(options, preset, () =>
      fields([
        ["preset", preset.presetId],
        ["name", preset.name],
        ["description", preset.description],
        ["format", preset.output.format],
        ...Object.entries(preset.recipe).map(
          ([name, value]) =>
            [`recipe.${name}`, typeof value === "string" ? value : JSON.stringify(value)] as const,
        ),
      ]),
    );
  });
}

function presetTable(presets: readonly Preset[]): string {
  const rows = presets.map((preset) => [
    preset.presetId,
    String(preset.recipe.name),
    preset.output.format,
    preset.builtIn ? "built in" : "own",
    preset.description ?? preset.name,
  ]);
  return table(["PRESET", "RECIPE", "FORMAT", "KIND", "MAKES"], rows);
}
