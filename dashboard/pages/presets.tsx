/** Presets: recipes with their parameters under a name. */

import { useState } from "preact/hooks";
import type { Preset, PresetDraft } from "../../protocol/http/presets.ts";
import { paramsOf, valuesOf } from "../forms/recipe-form.ts";
import { newDraft, RecipeChoice, recipeNamed, type WorkDraft } from "../forms/work-choice.tsx";
import { api } from "../lib/api.ts";
import { useAction, useResource } from "../lib/resource.ts";
import { may } from "../lib/session.ts";
import { Badge, Button, PageHead } from "../ui/basics.tsx";
import { Confirm, FormDialog } from "../ui/dialog.tsx";
import { NameField, TextField } from "../ui/fields.tsx";
import { Shown } from "../ui/states.tsx";

export function PresetsPage() {
  const presets = useResource("presets", (signal) => api.listPresets({ limit: 200 }, signal));
  const [edited, setEdited] = useState<Preset | "new" | null>(null);
  const [doomed, setDoomed] = useState<Preset | null>(null);
  const close = (done: boolean) => {
    setEdited(null);
    setDoomed(null);
    if (done) presets.reload();
  };
  return (
    <>
      <PageHead
        title="Presets"
        lead="A job names one instead of a recipe. The built-in ones stay as they are."
      >
        {may("write") && (
          <Button look="primary" icon="plus" onClick={() => setEdited("new")}>
            New preset
          </Button>
        )}
      </PageHead>
      <Shown resource={presets} what="presets">
        {({ presets: all }) => (
          <ul class="cards">
            {all.map((preset) => (
              <PresetCard
                key={preset.presetId}
                preset={preset}
                onEdit={setEdited}
                onDelete={setDoomed}
              />
            ))}
          </ul>
        )}
      </Shown>
      {edited !== null && <EditPreset preset={edited === "new" ? null : edited} onDone={close} />}
      {doomed !== null && <DeletePreset preset={doomed} onDone={close} />}
    </>
  );
}

function PresetCard({
  preset,
  onEdit,
  onDelete,
}: {
  readonly preset: Preset;
  readonly onEdit: (preset: Preset) => void;
  readonly onDelete: (preset: Preset) => void;
}) {
  const { name: recipe, ...params } = preset.recipe;
  return (
    <li class="card">
      <div class="card-head">
        <h2>{preset.name}</h2>
        <Badge tone={preset.builtIn ? "neutral" : "info"}>
          {preset.builtIn ? "built in" : "yours"}
        </Badge>
      </div>
      <div class="stack">
        {preset.description && <p>{preset.description}</p>}
        <p class="small muted">
          <code>{preset.presetId}</code>
        </p>
        <div class="chips">
          <span class="chip strong">{String(recipe)}</span>
          <span class="chip">{preset.output.format}</span>
          {Object.entries(params).map(([name, value]) => (
            <span class="chip" key={name}>
              {name} {Array.isArray(value) ? value.join(", ") : String(value)}
            </span>
          ))}
        </div>
        {!preset.builtIn && may("write") && (
          <div class="actions">
            <Button aria-label={`Change ${preset.name}`} onClick={() => onEdit(preset)}>
              Change
            </Button>
            <Button
              look="quiet"
              icon="trash"
              aria-label={`Delete ${preset.name}`}
              onClick={() => onDelete(preset)}
            >
              Delete
            </Button>
          </div>
        )}
      </div>
    </li>
  );
}

function draftOf(preset: Preset | null): WorkDraft {
  if (preset === null) return { ...newDraft, kind: "recipe" };
  const recipe = String(preset.recipe.name);
  const values = valuesOf(recipeNamed(recipe), preset.recipe);
  return { ...newDraft, kind: "recipe", recipe, values, format: preset.output.format };
}

function EditPreset({
  preset,
  onDone,
}: {
  readonly preset: Preset | null;
  readonly onDone: (done: boolean) => void;
}) {
  const [name, setName] = useState(preset?.name ?? "");
  const [description, setDescription] = useState(preset?.description ?? "");
  const [draft, setDraft] = useState(draftOf(preset));
  const save = useAction(async () => {
    const params = paramsOf(recipeNamed(draft.recipe), draft.values);
    const format = draft.format || recipeNamed(draft.recipe).formats[0];
    // The form's values are whatever was typed: the server's refusal names the field and the rule.
    const request = {
      name: name.trim(),
      ...(description.trim() === "" ? {} : { description: description.trim() }),
      recipe: { name: draft.recipe, ...params },
      output: { format },
    } as PresetDraft;
    if (preset === null) await api.createPreset(request);
    else await api.updatePreset(preset.presetId, request);
    onDone(true);
  });
  return (
    <FormDialog
      title={preset === null ? "New preset" : `Change ${preset.name}`}
      verb="Save"
      action={save}
      onCancel={() => onDone(false)}
    >
      <NameField value={name} onInput={setName} />
      <TextField
        label="Description"
        value={description}
        onInput={setDescription}
        input={{ maxLength: 500 }}
      />
      <RecipeChoice draft={draft} onChange={setDraft} />
    </FormDialog>
  );
}

function DeletePreset({
  preset,
  onDone,
}: {
  readonly preset: Preset;
  readonly onDone: (done: boolean) => void;
}) {
  const action = useAction(() => api.deletePreset(preset.presetId));
  return (
    <Confirm
      title={`Delete ${preset.name}?`}
      verb="Delete the preset"
      action={action}
      onDone={onDone}
    >
      Jobs that used it are not touched.
    </Confirm>
  );
}
