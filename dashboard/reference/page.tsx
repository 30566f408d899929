/** The reference of the API, made from the OpenAPI document that the edge serves. */
import { useEffect, useMemo, useState } from "preact/hooks";
import {
  type Answer,
  type Body,
  type Field,
  matching,
  type OpenApi,
  type Operation,
  sectionsOf,
} from "./document.ts";

type Loaded =
  | { readonly status: "loading" }
  | { readonly status: "failed"; readonly reason: string }
  | { readonly status: "ok"; readonly document: OpenApi };

async function load(): Promise<Loaded> {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) return { status: "failed", reason: `HTTP ${answer.status}` };
    return { status: "ok", document: (await answer.json()) as OpenApi };
  } catch (error) {
    return { status: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

export function Reference() {
  const [loaded, setLoaded] = useState<Loaded>({ status: "loading" });
  const [search, setSearch] = useState("");
  useEffect(() => {
    void load().then(setLoaded);
  }, []);
  // The link's target is there only now.
  useEffect(() => {
    if (loaded.status === "ok") openLinked();
  }, [loaded]);
  const sections = useMemo(
    () => (loaded.status === "ok" ? sectionsOf(loaded.document) : []),
    [loaded],
  );
  if (loaded.status === "loading") return <p role="status">Loading the reference…</p>;
  if (loaded.status === "failed") {
    return <p role="alert">The document at /openapi.json cannot be read: {loaded.reason}.</p>;
  }
  const shown = matching(sections, search);
  return (
    <div class="reference">
      <header>
        <h1>{loaded.document.info.title} API</h1>
        <p>{loaded.document.info.description}</p>
        <p>
          Send <code>Authorization: Bearer &lt;key&gt;</code>. The same as a file:{" "}
          <a href="/openapi.json">/openapi.json</a>. Back to the <a href="/">dashboard</a>.
        </p>
        <label class="field">
          Find
          <input
            type="search"
            value={search}
            placeholder="jobs, retry, PATCH…"
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
      </header>
      <nav aria-label="Sections">
        {shown.map(({ name }) => (
          <a key={name} href={`#section-${name}`}>
            {name}
          </a>
        ))}
      </nav>
      <main>
        {shown.length === 0 && <p role="status">Nothing has all of these words.</p>}
        {shown.map(({ name, description, operations }) => (
          <section key={name} id={`section-${name}`} aria-labelledby={`title-${name}`}>
            <h2 id={`title-${name}`}>{name}</h2>
            <p class="muted">{description}</p>
            {operations.map((operation) => (
              <OperationView key={operation.id} operation={operation} />
            ))}
          </section>
        ))}
      </main>
    </div>
  );
}

function openLinked(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

function OperationView({ operation }: { readonly operation: Operation }) {
  const { id, method, path, summary, description, parameters, request, answers } = operation;
  return (
    <details id={id} class="operation">
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>{" "}
        <span class="muted">{summary}</span>
      </summary>
      <div class="inside">
        {description !== "" && (
          <p>
            <Prose text={description} />
          </p>
        )}
        {parameters.length > 0 && <Fields title="Parameters" fields={parameters} />}
        {request !== null && <BodyView title="Request" body={request} />}
        {answers.map((answer) => (
          <AnswerView key={answer.status} answer={answer} />
        ))}
      </div>
    </details>
  );
}

/** Backticks are code in descriptions. */
function Prose({ text }: { readonly text: string }) {
  return (
    <>{text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>
  );
}

function AnswerView({ answer: { status, description, body } }: { readonly answer: Answer }) {
  const isError = Number(status) >= 400;
  return (
    <div class={isError ? "answer error" : "answer"}>
      <h3>
        {status}{" "}
        <span class="muted">
          <Prose text={description} />
        </span>
      </h3>
      {body !== null && !isError && <BodyView title="Body" body={body} />}
    </div>
  );
}

function BodyView({ title, body }: { readonly title: string; readonly body: Body }) {
  return (
    <>
      <Fields title={`${title}: ${body.mediaType}`} fields={body.fields} />
      {body.example !== null && (
        <pre>
          <code>{body.example}</code>
        </pre>
      )}
    </>
  );
}

function Fields({ title, fields }: { readonly title: string; readonly fields: readonly Field[] }) {
  if (fields.length === 0) return <h4>{title}</h4>;
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Type</th>
          <th scope="col">What it is</th>
        </tr>
      </thead>
      <tbody>
        {fields.map(({ name, type, isRequired, description }) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
              {isRequired && <span class="muted"> required</span>}
            </th>
            <td>{type}</td>
            <td>
              <Prose text={description} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
