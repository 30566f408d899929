/** Modal dialogs: the browser's own, which keeps the focus inside and gives it back. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Action } from "../lib/resource.ts";
import { Button } from "./basics.tsx";
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
