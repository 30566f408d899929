/** Where files are chosen, or dropped: anywhere on the page will do. */
import { useEffect, useRef, useState } from "preact/hooks";
import { sourceExtensions } from "../lib/sources.ts";
import { Button } from "../ui/basics.tsx";
import { Icon } from "../ui/icons.tsx";

export function DropZone({ onFiles }: { readonly onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const isOver = useDroppedFiles(onFiles);
  return (
    <div class={`drop-zone ${isOver ? "over" : ""}`}>
      <Icon name="upload" />
      <p>
        <strong>Drop a video here</strong>
      </p>
      <Button look="primary" onClick={() => input.current?.click()}>
        Choose a file
      </Button>
      <p class="small muted">{sourceExtensions.map((name) => name.toUpperCase()).join(", ")}</p>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="Video file"
        accept={sourceExtensions.map((name) => `.${name}`).join(",")}
        onChange={(event) => {
          const { files } = event.currentTarget;
          if (files !== null && files.length > 0) onFiles([...files]);
          // The same file may be chosen again.
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

/** Takes what is dropped on the page, which would leave it otherwise; tells whether files are over it. */
function useDroppedFiles(onFiles: (files: readonly File[]) => void): boolean {
  const [isOver, setOver] = useState(false);
  const latest = useRef(onFiles);
  latest.current = onFiles;
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      // Leaving an element for one inside it is not leaving the page.
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      latest.current([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  return isOver;
}
