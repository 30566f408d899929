/** What to make: a preset, a recipe with its parameters, or an ffmpeg command. */
import recipeForms from "virtual:recipes";
import type { JobRequest } from "../../protocol/http/jobs.ts";
import type { Preset } from "../../protocol/http/presets.ts";
import { api } from "../lib/api.ts";
import { useResource } from "../lib/resource.ts";
import { SelectField, TextArea, TextField } from "../ui/fields.tsx";
import { Shown } from "../ui/states.tsx";
import { RecipeFields } from "./recipe-fields.tsx";
import { type FormValues, paramsOf, type RecipeForm, splitArguments } from "./recipe-form.ts";

export const recipes: readonly RecipeForm[] = recipeForms;

export function recipeNamed(name: string): RecipeForm {
  const found = recipes.find((form) => form.name === name) ?? recipes[0];
  if (found === undefined) throw new Error("The dashboard was built without recipes.");
  return found;
}

export interface WorkDraft {
  readonly kind: "preset" | "recipe" | "ffmpeg";
  readonly presetId: string;
  readonly recipe: string;
  readonly values: FormValues;
  /** Empty: the recipe's own. */
  readonly format: string;
  readonly command: string;
  readonly outputName: string;
}

export const newDraft: WorkDraft = {
  kind: "preset",
  presetId: "web-1080p",
  recipe: "webReady",
  values: {},
  format: "",
  command: "-i {{input}} -c:v libx264 -crf 23 -c:a aac {{output}}",
  outputName: "result.mp4",
};

/** The fields of a job's request that a draft stands for. */
export function workOfDraft(draft: WorkDraft): Pick<JobRequest, "presetId" | "recipe" | "ffmpeg"> {
  switch (draft.kind) {
    case "preset":
      return { presetId: draft.presetId };
    case "ffmpeg":
      return { ffmpeg: { args: [...splitArguments(draft.command)] } };
    case "recipe": {
      const params = paramsOf(recipeNamed(draft.recipe), draft.values);
      // The form's values are whatever was typed: the server's refusal names the field and the rule.
      return { recipe: { name: draft.recipe, ...params } as JobRequest["recipe"] };
    }
  }
}

const kinds = [
  ["preset", "Preset"],
  ["recipe", "Recipe"],
  ["ffmpeg", "ffmpeg"],
] as const;

export function WorkChoice({
  draft,
  onChange,
}: {
  readonly draft: WorkDraft;
  readonly onChange: (draft: WorkDraft) => void;
}) {
  return (
    <div class="stack">
      <fieldset class="segments">
        <legend class="visually-hidden">How to say what to make</legend>
        {kinds.map(([kind, label]) => (
          <label key={kind}>
            <input
              type="radio"
              name="work-kind"
              checked={draft.kind === kind}
              onChange={() => onChange({ ...draft, kind })}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      {draft.kind === "preset" && <PresetChoice draft={draft} onChange={onChange} />}
      {draft.kind === "recipe" && <RecipeChoice draft={draft} onChange={onChange} />}
      {draft.kind === "ffmpeg" && <CommandChoice draft={draft} onChange={onChange} />}
    </div>
  );
}

type Part = Parameters<typeof WorkChoice>[0];

async function allPresets(signal: AbortSignal): Promise<readonly Preset[]> {
  return (await api.listPresets({ limit: 200 }, signal)).presets;
}

function PresetChoice({ draft, onChange }: Part) {
  const presets = useResource("presets", allPresets);
  return (
    <Shown resource={presets} what="presets">
      {(all) => (
        <fieldset class="options">
          <legend class="visually-hidden">Preset</legend>
          {all.map(({ presetId, name, description, builtIn }) => (
            <label key={presetId} class="option">
              <input
                type="radio"
                name="preset"
                checked={draft.presetId === presetId}
                onChange={() => onChange({ ...draft, presetId })}
              />
              <span>
                <strong>{name}</strong>
                {!builtIn && <span class="small muted"> yours</span>}
                <span class="small muted block">{description}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
    </Shown>
  );
}

export function RecipeChoice({ draft, onChange }: Part) {
  const form = recipeNamed(draft.recipe);
  return (
    <div class="stack">
      <div class="form-grid">
        <SelectField
          label="Recipe"
          value={draft.recipe}
          options={recipes.map(({ name }) => ({ value: name, label: name }))}
          onChange={(recipe) => onChange({ ...draft, recipe, values: {}, format: "" })}
        />
        {form.formats.length > 1 && (
          <SelectField
            label="Format"
            value={draft.format || (form.formats[0] ?? "")}
            options={form.formats.map((format) => ({ value: format, label: format }))}
            onChange={(format) => onChange({ ...draft, format })}
          />
        )}
      </div>
      <p class="help">{form.summary}</p>
      <RecipeFields
        key={form.name}
        form={form}
        values={draft.values}
        onChange={(values) => onChange({ ...draft, values })}
      />
    </div>
  );
}

function CommandChoice({ draft, onChange }: Part) {
  return (
    <div class="stack">
      <TextArea
        label="ffmpeg arguments"
        value={draft.command}
        onInput={(command) => onChange({ ...draft, command })}
        help="{{input}} and {{output}} stand for the files. Encoding options and filters are allowed; what would read other files, reach the network or load code is refused by name."
      />
      <TextField
        label="Name of the output"
        value={draft.outputName}
        onInput={(outputName) => onChange({ ...draft, outputName })}
        help="Its ending says the format."
      />
    </div>
  );
}
