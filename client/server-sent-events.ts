/** Reads server-sent events (HTML Living Standard, section 9.2.6). */

export interface ServerSentEvent {
  /** `message` where the stream named none. */
  readonly event: string;
  readonly data: string;
  /** The last id the stream gave, this event's own or an earlier one's. */
  readonly lastEventId: string;
}

/** The events of a stream; comments, heartbeats and an event that was cut off at the end are left out. */
export async function* readServerSentEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  let lastEventId = "";
  let event = "";
  let data: string[] = [];
  for await (const line of readLines(body)) {
    if (line === "") {
      if (data.length > 0) {
        yield { event: event === "" ? "message" : event, data: data.join("\n"), lastEventId };
      }
      event = "";
      data = [];
      continue;
    }
    const { field, value } = splitField(line);
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id") lastEventId = value;
  }
}

/** A comment has an empty field name. One space after the colon belongs to neither. */
function splitField(line: string): { readonly field: string; readonly value: string } {
  const at = line.indexOf(":");
  if (at < 0) return { field: line, value: "" };
  return { field: line.slice(0, at), value: line.slice(at + 1).replace(/^ /, "") };
}

/** Lines end with LF, CR LF or CR. A line without an end is no line. */
async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    // A CR at the end may be half of a CR LF.
    const held = text.endsWith("\r") ? "\r" : "";
    const lines = text.slice(0, text.length - held.length).split(/\r\n|\n|\r/);
    text = (lines.pop() ?? "") + held;
    yield* lines;
  }
}
