/** Modal dialogs: the browser's own, which keeps the focus inside and gives it back. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Action } from "../lib/resource.ts";
import { Button, Copyable } from "./basics.tsx";
import { Failure } from "./states.tsx";

export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // One that is taken from the page closes by itself, but gives no focus back.
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <div class="dialog-head">
        <h2 id={heading}>{title}</h2>
        <Button look="quiet" icon="close" aria-label="Close" onClick={onClose} />
      </div>
      {children}
    </dialog>
  );
}

/** A form in a dialog: sent by Enter or its button, called off without harm; what is refused is said inside. */
export function FormDialog({
  title,
  verb,
  action,
  onCancel,
  children,
}: {
  readonly title: string;
  /** What the button says, as in "Make the key". */
  readonly verb: string;
  readonly action: Action<[]>;
  readonly onCancel: () => void;
  /** The fields. */
  readonly children: ComponentChildren;
}) {
  return (
    <Dialog title={title} onClose={onCancel}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void action.run();
        }}
      >
        {children}
        {action.error !== undefined && <Failure error={action.error} />}
        <div class="actions end">
          <Button onClick={onCancel}>Cancel</Button>
          <Button type="submit" look="primary" isBusy={action.isBusy}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** A secret that is shown this once, to be copied before the dialog is closed. */
export function SecretDialog({
  title,
  secret,
  label,
  onClose,
  children,
}: {
  readonly title: string;
  readonly secret: string;
  /** What the secret is, as in "API key". */
  readonly label: string;
  readonly onClose: () => void;
  /** What to do with it. */
  readonly children: ComponentChildren;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="stack">
        {children}
        <Copyable text={secret} label={label} />
        <div class="actions end">
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({
  title,
  children,
  verb,
  action,
  onDone,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
  /** What the button says, as in "Revoke". */
  readonly verb: string;
  readonly action: Action<[]>;
  /** Closes; told whether it was done. */
  readonly onDone: (done: boolean) => void;
}) {
  const confirm = async () => {
    if (await action.run()) onDone(true);
  };
  return (
    <Dialog title={title} onClose={() => onDone(false)}>
      <div class="stack">
        <div>{children}</div>
        {action.error !== undefined && <Failure error={action.error} />}
        <div class="actions end">
          <Button onClick={() => onDone(false)}>Keep</Button>
          <Button look="danger" isBusy={action.isBusy} onClick={confirm}>
            {verb}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
