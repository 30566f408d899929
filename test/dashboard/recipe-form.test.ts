import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recipeForms } from "../../dashboard/build/recipes.ts";
import {
  paramsOf,
  type RecipeForm,
  splitArguments,
  valuesOf,
} from "../../dashboard/forms/recipe-form.ts";
import { builtInPresets } from "../../protocol/presets.ts";
import { recipeRequestSchema } from "../../protocol/recipes/index.ts";

const forms = recipeForms() as readonly unknown[] as readonly RecipeForm[];

function formOf(name: string): RecipeForm {
  const form = forms.find((each) => each.name === name);
  if (form === undefined) throw new Error(name);
  return form;
}

describe("a recipe's form", () => {
  test.each(forms.map((form) => [form.name, form] as const))(
    "of %s left alone asks for nothing but the defaults",
    (_name, form) => {
      expect(paramsOf(form, {})).toEqual({});
    },
  );

  test.each(builtInPresets.map((preset) => [preset.presetId, preset] as const))(
    "shows the preset %s and gives it back",
    (_id, { recipe }) => {
      const form = formOf(recipe.name);
      const params = paramsOf(form, valuesOf(form, recipe));
      expect(recipeRequestSchema.parse({ name: recipe.name, ...params })).toEqual(recipe);
    },
  );

  test("sends numbers as numbers, lists as lists, and what is no number as it is, to be refused by name", () => {
    expect(paramsOf(formOf("hls"), { maxHeight: "720", audioLanguages: "eng, deu" })).toEqual({
      maxHeight: 720,
      audioLanguages: ["eng", "deu"],
    });
    expect(paramsOf(formOf("webReady"), { crf: "good", width: "" })).toEqual({ crf: "good" });
  });
});

describe("a command line", () => {
  test.each([
    ["-i {{input}} {{output}}", ["-i", "{{input}}", "{{output}}"]],
    ["ffmpeg -i x", ["-i", "x"]],
    [`-vf "scale=1280:-2, fps=25" 'a b'`, ["-vf", "scale=1280:-2, fps=25", "a b"]],
    [`a\\ b "c\\"d" 'e\\f'`, ["a b", 'c"d', "e\\f"]],
    ["a \\\n  b", ["a", "b"]],
    [`"" x`, ["", "x"]],
    ["  ", []],
  ])("%j is split as a shell would", (line, args) => {
    expect(splitArguments(line)).toEqual(args);
  });

  test("of quoted arguments gives them back, whatever they are", () => {
    const quote = (text: string) => `'${text.replaceAll("'", `'"'"'`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (args) => {
        const [first = "-i", ...rest] = args.filter((each, at) => at > 0 || each !== "ffmpeg");
        const line = [first, ...rest].map(quote).join(" ");
        expect(splitArguments(line)).toEqual([first, ...rest]);
      }),
    );
  });
});
