/** The one client of the page: same origin, and the session's cookie for a key. */
import { ApiClient } from "../../client/client.ts";

export const api = new ApiClient({ url: location.origin });
