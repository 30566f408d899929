/** The frame around every page: who is signed in, where one can go, and the page itself. */
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { linkTo, place } from "./lib/router.ts";
import { askSession, session, signOut } from "./lib/session.ts";
import { setTheme, type Theme, theme, themes } from "./lib/theme.ts";
import { JobPage } from "./pages/job.tsx";
import { JobsPage } from "./pages/jobs.tsx";
import { KeysPage } from "./pages/keys.tsx";
import { NewJobPage } from "./pages/new-job.tsx";
import { PresetsPage } from "./pages/presets.tsx";
import { SignInPage } from "./pages/sign-in.tsx";
import { VideosPage } from "./pages/videos.tsx";
import { WebhooksPage } from "./pages/webhooks.tsx";
import { WorkersPage } from "./pages/workers.tsx";
import { Button, PageHead } from "./ui/basics.tsx";
import { Icon, type IconName } from "./ui/icons.tsx";
import { Logo } from "./ui/logo.tsx";
import { Empty, Failure, Loading } from "./ui/states.tsx";
import { uploads } from "./upload/uploads.ts";

const sections: readonly {
  readonly name: string;
  readonly label: string;
  readonly icon: IconName;
  readonly page: ComponentType;
}[] = [
  { name: "", label: "New job", icon: "plus", page: NewJobPage },
  { name: "jobs", label: "Jobs", icon: "jobs", page: JobsPage },
  { name: "videos", label: "Videos", icon: "videos", page: VideosPage },
  { name: "workers", label: "Workers", icon: "workers", page: WorkersPage },
  { name: "webhooks", label: "Webhooks", icon: "webhooks", page: WebhooksPage },
  { name: "presets", label: "Presets", icon: "presets", page: PresetsPage },
  { name: "keys", label: "Keys", icon: "keys", page: KeysPage },
];

export function App() {
  const state = session.value;
  switch (state.status) {
    case "asking":
      return (
        <main class="sign-in">
          <Loading what="the dashboard" rows={2} />
        </main>
      );
    case "unreachable":
      return (
        <main class="sign-in">
          <Failure error={state.error} onRetry={askSession} />
        </main>
      );
    case "out":
      return <SignInPage notice={state.notice} />;
    case "in":
      return <Frame />;
  }
}

function Frame() {
  const [name = "", id] = place.value.path;
  const [isMenuOpen, setMenuOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const section = sections.find((each) => each.name === name);
  const where = place.value.path.join("/");

  const isFirst = useRef(true);
  // A new place is the reason.
  useEffect(() => {
    document.title = section === undefined ? "Telecine" : `${section.label} · Telecine`;
    setMenuOpen(false);
    // Who reads by ear is told of the new page, as a browser does where pages load.
    if (!isFirst.current) main.current?.querySelector<HTMLElement>("h1")?.focus();
    isFirst.current = false;
    scrollTo(0, 0);
  }, [where]);
  useLeaveWarning();

  return (
    <div class="frame">
      <button type="button" class="button skip" onClick={skipToMain}>
        Skip to content
      </button>
      <header class="side">
        <div class="side-head">
          <Logo />
          <Button
            look="quiet"
            icon={isMenuOpen ? "close" : "menu"}
            class="menu-button"
            aria-expanded={isMenuOpen}
            aria-controls="nav"
            onClick={() => setMenuOpen(!isMenuOpen)}
          >
            Menu
          </Button>
        </div>
        <nav id="nav" aria-label="Dashboard" class={isMenuOpen ? "open" : ""}>
          <Sections current={name} />
          <SideFoot />
        </nav>
      </header>
      <main id="main" ref={main}>
        {name === "jobs" && id !== undefined ? (
          <JobPage key={id} jobId={id} />
        ) : section === undefined ? (
          <NoPage />
        ) : (
          <section.page key={name} />
        )}
      </main>
    </div>
  );
}

function Sections({ current }: { readonly current: string }) {
  return (
    <ul>
      {sections.map(({ name, icon, label }) => (
        <li key={name}>
          <a
            href={linkTo(name === "" ? [] : [name])}
            aria-current={name === current ? "page" : undefined}
          >
            <Icon name={icon} />
            {label}
          </a>
        </li>
      ))}
    </ul>
  );
}

function NoPage() {
  return (
    <>
      <PageHead title="Not found" />
      <Empty title="There is no such page.">
        <a href="#/">To the start</a>
      </Empty>
    </>
  );
}

/** A link would not do: the part of the address behind # says which page this is. */
function skipToMain(): void {
  document.querySelector<HTMLElement>("#main h1")?.focus();
}

/** A reload stops uploads: the browser asks first. */
function useLeaveWarning(): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (uploads.value.some(({ state }) => state === "sending")) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);
}

const themeIcons: Readonly<Record<Theme, IconName>> = {
  system: "system",
  light: "sun",
  dark: "moon",
};

function SideFoot() {
  const state = session.value;
  return (
    <div class="side-foot">
      <fieldset class="theme">
        <legend class="visually-hidden">Colours</legend>
        {themes.map((each) => (
          <label key={each} title={`${each} colours`}>
            <input
              type="radio"
              name="theme"
              class="visually-hidden"
              checked={theme.value === each}
              onChange={() => setTheme(each)}
            />
            <Icon name={themeIcons[each]} />
            <span class="visually-hidden">{each}</span>
          </label>
        ))}
      </fieldset>
      <a class="small" href="/docs">
        API reference
      </a>
      {state.status === "in" && (
        <p class="small muted">
          Account <strong>{state.session.accountId}</strong>
          <br />
          {state.session.keyId === null ? "root key" : state.session.scopes.join(", ")}
        </p>
      )}
      <Button look="quiet" icon="out" onClick={signOut}>
        Sign out
      </Button>
    </div>
  );
}
