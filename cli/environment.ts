/** Which edge, and who is asking: `TELECINE_URL` and `TELECINE_API_KEY`. */
import { TelecineClient } from "./client.ts";
import { CredentialsError, UsageError } from "./exit.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export const DEFAULT_URL = "http://127.0.0.1:8787";

export const environmentHelp = `
Environment:
  TELECINE_URL      the edge; default: ${DEFAULT_URL}
  TELECINE_API_KEY  a key of your account; for a local \`telecine start\` the content of .telecine/root-key
  NO_COLOR          no colours; there are none anyway where the output is no terminal`;

/** The edge's origin. @throws UsageError where TELECINE_URL is none. */
export function edgeUrl(environment: Environment): string {
  const text = environment.TELECINE_URL || DEFAULT_URL;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `TELECINE_URL is '${text}': it must be a URL such as https://video.example.com.`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(
      "TELECINE_URL holds a user or a password, which are not sent: give the key in TELECINE_API_KEY.",
    );
  }
  return text;
}

/** The client that TELECINE_URL and TELECINE_API_KEY describe. @throws UsageError, CredentialsError */
export function clientFromEnvironment(environment: Environment): TelecineClient {
  const url = edgeUrl(environment);
  const key = environment.TELECINE_API_KEY?.trim();
  if (!key) {
    throw new CredentialsError(
      "TELECINE_API_KEY is not set. Give it a key of your account; for a local `telecine start` that is the content of .telecine/root-key.",
    );
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new CredentialsError(
      "TELECINE_API_KEY holds spaces or other characters that no key has. Copy the key again.",
    );
  }
  return new TelecineClient({ url, key });
}
