/** Tables of things: on a narrow screen each row is a card, whose cells carry their column in `data-label`. */
import type { ComponentChildren } from "preact";

export function Table({
  caption,
  columns,
  hasActions = false,
  children,
}: {
  /** For those who do not see it. */
  readonly caption: string;
  readonly columns: readonly string[];
  /** Whether a last column holds what can be done with each. */
  readonly hasActions?: boolean;
  /** The rows. */
  readonly children: ComponentChildren;
}) {
  return (
    <div class="table-frame">
      <table class="rows">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
            {hasActions && (
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
