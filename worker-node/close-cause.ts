/** What the end of a connection means for the agent (`closeCodes` of `protocol/messages.ts`). */
import { closeCodes } from "../protocol/messages.ts";
import type { CloseCause, ExitReason } from "./session-model.ts";

/** Why the agent has to stop, or null where a reconnect may help. */
export function stopReason(cause: CloseCause): ExitReason | null {
  if (cause.kind === "refused") {
    return cause.httpStatus === 401 || cause.httpStatus === 403 ? "unauthorized" : null;
  }
  if (cause.kind === "lost") return null;
  switch (cause.code) {
    case closeCodes.unauthorized:
      return "unauthorized";
    case closeCodes.unsupportedVersion:
      return "unsupported_version";
    case closeCodes.replaced:
      return "replaced";
    default:
      return null;
  }
}

/** Whether one end broke the protocol: a reconnect at once would only repeat it. */
export function isProtocolError(cause: CloseCause): boolean {
  return (
    cause.kind === "closed" &&
    (cause.code === closeCodes.badMessage || cause.code === closeCodes.helloExpected)
  );
}

/** For the log. */
export function describeCause(cause: CloseCause): string {
  switch (cause.kind) {
    case "closed":
      return `the edge closed the socket (${cause.code}${cause.reason ? `: ${cause.reason}` : ""})`;
    case "refused":
      return `the edge refused the socket with status ${cause.httpStatus}`;
    case "lost":
      return `the connection was lost: ${cause.detail}`;
  }
}
