/** Sends a part so that the page can tell how far it has come: `fetch` says nothing of a request's progress. */
import type { SendPart } from "../../client/send-file.ts";

/** By the same credentials as every other call: the session's cookie, on our own origin alone. */
export const sendPart: SendPart = ({ url, headers, body, signal, onSent }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const end = () => signal.removeEventListener("abort", abort);
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      end();
      const { status, responseText: text } = request;
      resolve({ status, text, etag: request.getResponseHeader("etag") });
    };
    request.onerror = () => {
      end();
      // A store that does not let this page in is, to the page, one that cannot be reached: `tell` says both.
      reject(new TypeError("The connection broke.", { cause: new URL(url, location.href).origin }));
    };
    request.onabort = () => {
      end();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    request.send(body);
  });
