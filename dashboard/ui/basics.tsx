/** The small parts that everything is made of. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { ago, fullTime } from "../lib/format.ts";
import { Icon, type IconName } from "./icons.tsx";

export interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "icon"> {
  readonly look?: "plain" | "primary" | "danger" | "quiet";
  readonly icon?: IconName;
  readonly isBusy?: boolean;
}

export function Button({ look = "plain", icon, isBusy, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={`button ${look} ${rest.class ?? ""}`}
      disabled={rest.disabled || isBusy}
      aria-busy={isBusy}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function LinkButton({
  href,
  look = "plain",
  icon,
  children,
}: {
  readonly href: string;
  readonly look?: "plain" | "primary";
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}) {
  return (
    <a class={`button ${look}`} href={href}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}

export type Tone = "neutral" | "info" | "good" | "bad" | "warn";

export function Badge({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
}) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function Progress({
  percent,
  label,
  tone = "info",
}: {
  /** 0 to 100. */
  readonly percent: number;
  readonly label: string;
  readonly tone?: Tone;
}) {
  const shown = Math.max(0, Math.min(100, percent));
  return (
    <div
      class={`progress ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown)}
    >
      <div class="progress-fill" style={{ width: `${shown}%` }} />
    </div>
  );
}

/** A page's heading, with what can be done there. */
export function PageHead({
  title,
  children,
  lead,
}: {
  readonly title: ComponentChildren;
  readonly lead?: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}

export function Card({
  title,
  actions,
  children,
  class: extra = "",
}: {
  readonly title?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  return (
    <section class={`card ${extra}`}>
      {title && (
        <div class="card-head">
          <h2>{title}</h2>
          {actions && <div class="actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** A moment as its distance from now; in full under the pointer. */
export function Ago({ time, now }: { readonly time: string; readonly now: number }) {
  return (
    <time dateTime={time} title={fullTime(time)}>
      {ago(time, now)}
    </time>
  );
}

/** Copies a text, and says whether it could. */
export function CopyButton({
  text,
  label,
  children,
}: {
  readonly text: string;
  /** What is copied, as in "the address of result.mp4". */
  readonly label: string;
  readonly children?: ComponentChildren;
}) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const copy = async () => {
    const result = await navigator.clipboard?.writeText(text).then(
      () => "copied" as const,
      () => "failed" as const,
    );
    setState(result ?? "failed");
  };
  const words = { idle: children ?? "Copy", copied: "Copied", failed: "Not permitted" }[state];
  return (
    <Button icon={state === "copied" ? "check" : "copy"} onClick={copy} title={`Copy ${label}`}>
      {words}
      <span class="visually-hidden" role="status">
        {state === "copied" && `Copied ${label}.`}
      </span>
    </Button>
  );
}

/** Text to be copied, such as a secret or a command: shown whole, and selected when it has the focus. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div class="copyable">
      <textarea
        readOnly
        rows={Math.ceil(text.length / 48)}
        aria-label={label}
        value={text}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton text={text} label={label} />
    </div>
  );
}

export function Facts({
  items,
  isWide = false,
}: {
  readonly items: readonly (readonly [string, ComponentChildren])[];
  /** For values as long as an id. */
  readonly isWide?: boolean;
}) {
  return (
    <dl class={isWide ? "facts wide" : "facts"}>
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
