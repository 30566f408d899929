/** Where in the dashboard we are: the part of the address behind `#`, so that every other path stays the API's. */
import { signal } from "@preact/signals";

export interface Place {
  /** As in `["jobs", "job_01K..."]`; empty at the start. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const steps = path.split("/").filter((step) => step !== "");
  return { path: steps.map(decode), query: new URLSearchParams(query) };
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

export const place = signal<Place>(read());

addEventListener("hashchange", () => {
  place.value = read();
});

export type Query = Readonly<Record<string, string | null | undefined>>;

/** The address of a place, for links. */
export function linkTo(path: readonly string[], query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const joined = path.map(encodeURIComponent).join("/");
  return `#/${joined}${search.size > 0 ? `?${search}` : ""}`;
}

export function goTo(path: readonly string[], query: Query = {}): void {
  location.hash = linkTo(path, query);
}

/** Changes the query of the place without a step in the history: for filters. */
export function replaceQuery(query: Query): void {
  history.replaceState(null, "", linkTo(place.value.path, query));
  place.value = read();
}
