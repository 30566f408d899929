/** What stands where data will be: loading, nothing there, and failures, in the API's own words. */
import type { ComponentChildren } from "preact";
import { ApiFailure } from "../../client/failure.ts";
import type { Pages } from "../lib/pages.ts";
import type { Resource } from "../lib/resource.ts";
import { Button } from "./basics.tsx";
import { Icon } from "./icons.tsx";

interface Told {
  readonly message: string;
  readonly detail: string | null;
  readonly requestId: string | null;
}

/** A failure as people are told of it. */
export function tell(error: unknown): Told {
  if (error instanceof ApiFailure) {
    if (error.answer !== null) return error.answer;
    const message = `The server answered with status ${error.status}.`;
    return {
      message,
      detail: "It was not Telecine that answered: a proxy, perhaps.",
      requestId: null,
    };
  }
  if (error instanceof TypeError) {
    const { cause: host } = error;
    if (typeof host === "string" && host !== location.origin) {
      return {
        message: `The store at ${host} could not be reached.`,
        detail: "Check the connection, and that the store's CORS rules let this page send to it.",
        requestId: null,
      };
    }
    return {
      message: "The server could not be reached.",
      detail: "Check the connection, and that the server is running.",
      requestId: null,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { message, detail: null, requestId: null };
}

/** What is not there will not be there the next time. */
function isGone(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 404 && error.answer !== null;
}

export function Failure({
  error,
  onRetry,
}: {
  readonly error: unknown;
  readonly onRetry?: () => void;
}) {
  const { message, detail, requestId } = tell(error);
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{message}</strong>
        {detail && <p>{detail}</p>}
        {requestId && (
          <p class="small">
            Request <code>{requestId}</code>
          </p>
        )}
        {onRetry && !isGone(error) && (
          <Button icon="retry" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

export function Loading({
  what,
  rows = 4,
}: {
  readonly what: string;
  readonly rows?: number | undefined;
}) {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading {what}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div class="skeleton" key={row} />
      ))}
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Shows a resource in whichever state it is. What is there stays on show when asking again has failed. */
export function Shown<T>({
  resource,
  what,
  children,
}: {
  readonly resource: Resource<T>;
  /** As in "Loading jobs". */
  readonly what: string;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, error, reload } = resource;
  return (
    <>
      {error !== undefined && <Failure error={error} onRetry={reload} />}
      {data === undefined ? error === undefined && <Loading what={what} /> : children(data)}
    </>
  );
}

/** Shows a list that comes in pages in whichever state it is, with a button for what follows. */
export function ShownPages<T>({
  pages,
  what,
  rows,
  empty,
  children,
}: {
  readonly pages: Pages<T>;
  /** As in "Loading jobs". */
  readonly what: string;
  /** How many rows stand in for it while it loads. */
  readonly rows?: number | undefined;
  /** What is shown of a list without an item. */
  readonly empty: ComponentChildren;
  readonly children: (items: readonly T[]) => ComponentChildren;
}) {
  const { items, error, reload } = pages;
  return (
    <>
      {error !== undefined && <Failure error={error} onRetry={reload} />}
      {items === undefined && error === undefined && <Loading what={what} rows={rows} />}
      {items !== undefined && (items.length === 0 ? empty : children(items))}
      {pages.hasMore && (
        <Button isBusy={pages.isLoadingMore} onClick={pages.more}>
          Show more
        </Button>
      )}
    </>
  );
}
