/** Light or dark: as the system says, unless the reader chose. */
import { signal } from "@preact/signals";
import { readStored, writeStored } from "./storage.ts";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const KEY = "telecine.theme";

function stored(): Theme {
  const value = readStored(KEY);
  return themes.find((theme) => theme === value) ?? "system";
}

export const theme = signal<Theme>(stored());

export function setTheme(next: Theme): void {
  theme.value = next;
  writeStored(KEY, next === "system" ? null : next);
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value;
}
