/** Typed refusals of a plan: said at probing, before anything is encoded. */
import type { Rejection } from "../../plan.ts";

/** What was asked cannot be done with this source; `detail` names the parameter or what the source lacks. */
export function unsupported(detail: string): Rejection {
  return { status: "rejected", code: "UNSUPPORTED_COMMAND", detail };
}

/** The source itself cannot be worked with. */
export function unsupportedFormat(detail: string): Rejection {
  return { status: "rejected", code: "UNSUPPORTED_FORMAT", detail };
}
