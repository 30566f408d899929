/** Form fields: a label, the control, what it is for, and what is wrong with it. */
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly help?: ComponentChildren;
}

/** What an input may be told beyond its value. */
export interface InputOptions {
  readonly type?: "text" | "url" | "password" | "number" | "search";
  readonly name?: string;
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly maxLength?: number;
  readonly autocomplete?: string;
  readonly inputMode?: "numeric" | "decimal";
  readonly step?: number | "any";
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

interface TextProps extends FieldProps {
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly input?: InputOptions;
}

export function TextField({ label, help, value, onInput, input }: TextProps) {
  const id = useId();
  // Preact's types know a role for each type of input, and cannot follow a type that is chosen at run time.
  const options = { type: "text", ...input } as JSX.IntrinsicElements["input"];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...options}
        id={id}
        value={value}
        aria-describedby={help ? `${id}-help` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <Help id={id}>{help}</Help>
    </div>
  );
}

/** What people call a thing: asked for wherever one is made. */
export function NameField({
  value,
  onInput,
  placeholder = "",
}: Pick<TextProps, "value" | "onInput"> & { readonly placeholder?: string }) {
  const input = { required: true, maxLength: 100, placeholder };
  return <TextField label="Name" value={value} onInput={onInput} input={input} />;
}

export function TextArea({ label, help, value, onInput, rows = 4 }: TextProps & { rows?: number }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        spellcheck={false}
        value={value}
        aria-describedby={help ? `${id}-help` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <Help id={id}>{help}</Help>
    </div>
  );
}

export interface Option {
  readonly value: string;
  readonly label: string;
}

export function SelectField({
  label,
  help,
  value,
  options,
  onChange,
}: FieldProps & {
  readonly value: string;
  readonly options: readonly Option[];
  readonly onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={help ? `${id}-help` : undefined}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.label}
          </option>
        ))}
      </select>
      <Help id={id}>{help}</Help>
    </div>
  );
}

export function CheckField({
  label,
  help,
  checked,
  onChange,
}: FieldProps & { readonly checked: boolean; readonly onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div class="field check">
      <input
        type="checkbox"
        id={id}
        checked={checked}
        aria-describedby={help ? `${id}-help` : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <Help id={id}>{help}</Help>
    </div>
  );
}

/** Several of a few. */
export function ChoiceField({
  label,
  help,
  options,
  chosen,
  onChange,
}: FieldProps & {
  readonly options: readonly Option[];
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}) {
  const id = useId();
  const toggle = (value: string, on: boolean) =>
    onChange(
      options
        .map((option) => option.value)
        .filter((each) => (each === value ? on : chosen.includes(each))),
    );
  return (
    <fieldset class="field" aria-describedby={help ? `${id}-help` : undefined}>
      <legend>{label}</legend>
      <div class="choices">
        {options.map(({ value, label: name }) => (
          <label key={value}>
            <input
              type="checkbox"
              checked={chosen.includes(value)}
              onChange={(event) => toggle(value, event.currentTarget.checked)}
            />
            {name}
          </label>
        ))}
      </div>
      <Help id={id}>{help}</Help>
    </fieldset>
  );
}

function Help({ id, children }: { readonly id: string; readonly children?: ComponentChildren }) {
  return children ? (
    <p class="help" id={`${id}-help`}>
      {children}
    </p>
  ) : null;
}
