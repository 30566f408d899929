/** The form of a recipe's parameters, made from its schema. */

import { fieldLabel } from "../lib/format.ts";
import {
  CheckField,
  ChoiceField,
  type InputOptions,
  SelectField,
  TextField,
} from "../ui/fields.tsx";
import { type FieldSchema, type FormValues, fieldsOf, type RecipeForm } from "./recipe-form.ts";

export function RecipeFields({
  form,
  values,
  onChange,
}: {
  readonly form: RecipeForm;
  readonly values: FormValues;
  readonly onChange: (values: FormValues) => void;
}) {
  const fields = fieldsOf(form);
  if (fields.length === 0) return <p class="muted">Nothing to choose.</p>;
  return (
    <div class="form-grid">
      {fields.map(([name, schema]) => (
        <Field
          key={name}
          name={name}
          schema={schema}
          value={values[name]}
          onChange={(value) => onChange({ ...values, [name]: value })}
        />
      ))}
    </div>
  );
}

interface FieldProps {
  readonly name: string;
  readonly schema: FieldSchema;
  readonly value: FormValues[string] | undefined;
  readonly onChange: (value: FormValues[string]) => void;
}

function Field({ name, schema, value, onChange }: FieldProps) {
  const label = fieldLabel(name);
  const help = schema.description;
  const text = typeof value === "string" ? value : "";
  if (schema.type === "boolean") {
    const checked = typeof value === "boolean" ? value : schema.default === true;
    return <CheckField label={label} help={help} checked={checked} onChange={onChange} />;
  }
  if (schema.enum !== undefined) {
    const unset = schema.default === undefined ? "default" : `${schema.default} (default)`;
    const options = [
      { value: "", label: unset },
      ...schema.enum
        .filter((each) => each !== schema.default)
        .map((each) => ({ value: each, label: each })),
    ];
    const shown = text === schema.default ? "" : text;
    return (
      <SelectField label={label} help={help} value={shown} options={options} onChange={onChange} />
    );
  }
  if (schema.items?.enum !== undefined) {
    const chosen = Array.isArray(value) ? value : asList(schema.default);
    const options = schema.items.enum.map((each) => ({ value: each, label: each }));
    return (
      <ChoiceField
        label={label}
        help={help}
        options={options}
        chosen={chosen}
        onChange={onChange}
      />
    );
  }
  return (
    <TextField label={label} help={help} value={text} onInput={onChange} input={inputOf(schema)} />
  );
}

function asList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function inputOf(schema: FieldSchema): InputOptions {
  const placeholder = schema.default === undefined ? "" : String(schema.default);
  if (schema.type !== "number" && schema.type !== "integer") return { placeholder };
  return {
    type: "number",
    inputMode: schema.type === "integer" ? "numeric" : "decimal",
    step: schema.type === "integer" ? 1 : "any",
    min: schema.minimum ?? schema.exclusiveMinimum,
    max: schema.maximum,
    placeholder,
  };
}
