// The shell: top bar, the view that the address names, and what lies over it.

import { useErrorBoundary } from "preact/hooks";
import { AskView } from "../ask/view.tsx";
import { lastSnapshot } from "../core/api.ts";
import { lazy } from "../core/lazy.tsx";
import { href, view } from "../core/router.ts";
import { t } from "../strings/en.ts";
import { when } from "../core/format.ts";
import { run } from "../ask/state.ts";
import { health, healthProblem } from "./health.ts";
import { Icon, Mark } from "./icons.tsx";
import { overlay } from "./keys.ts";
import { Announcer, Skeleton } from "./widgets.tsx";

const QueryView = lazy(() => import("../query/view.tsx").then((m) => m.QueryView));
const ExploreView = lazy(() => import("../explore/view.tsx").then((m) => m.ExploreView));
const SourcesView = lazy(() => import("../sources/view.tsx").then((m) => m.SourcesView));
const DataView = lazy(() => import("../data/view.tsx").then((m) => m.DataView));
const SystemView = lazy(() => import("../data/view.tsx").then((m) => m.SystemView));
const Overlays = lazy(() => import("./overlays.tsx").then((m) => m.Overlays));

const nav = [
  ["ask", "/", t.nav.ask],
  ["query", "/query", t.nav.query],
  ["explore", "/explore", t.nav.explore],
  ["sources", "/sources", t.nav.sources],
  ["data", "/data", t.nav.data],
  ["system", "/system", t.nav.system],
] as const;

function TopBar() {
  return (
    <header class="top">
      <a class="brand" href={href("/")} aria-label={t.brand}>
        <Mark />
        <span>{t.brand}</span>
      </a>
      <nav aria-label={t.nav.label}>
        {nav.map(([name, path, label]) => (
          <a key={name} href={href(path)} aria-current={view.value === name ? "page" : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <button type="button" class="find" aria-keyshortcuts="Control+K" onClick={() => (overlay.value = "palette")}>
        <Icon name="search" />
        <span>{t.top.find}</span>
        <kbd>Ctrl K</kbd>
      </button>
      {healthProblem.value ? (
        <span class="pin bad">
          <Icon name="warn" /> {t.top.stopped}
        </span>
      ) : (
        <SnapshotPill />
      )}
      <button type="button" class="plain icon" aria-label={t.top.help} title={t.top.help} onClick={() => (overlay.value = "help")}>
        <Icon name="help" />
      </button>
      <button type="button" class="plain icon" aria-label={t.top.settings} title={t.top.settings} onClick={() => (overlay.value = "settings")}>
        <Icon name="gear" />
      </button>
    </header>
  );
}

/** A run is pinned to its snapshot; everything else follows the graph as it is now. */
function SnapshotPill() {
  const at = view.value === "ask" ? (run.value?.at ?? "") : "";
  const live = health.value?.snapshot ?? lastSnapshot.value;
  if (at !== "") {
    return (
      <span class="pin" title={t.top.pinned(at)}>
        <Icon name="pin" /> {[at, run.value?.atTime ? when(run.value.atTime) : ""].filter(Boolean).join(" · ")}
        <span class="vh"> {t.top.pinnedWord}</span>
      </span>
    );
  }
  if (live === "") return null;
  return (
    <span class="pin" title={t.top.live}>
      <Icon name="live" /> {t.top.liveWord} · {live}
    </span>
  );
}

function View() {
  const [error] = useErrorBoundary((e) => console.error(e));
  if (error) {
    return (
      <main id="main" class="page" tabIndex={-1}>
        <p role="alert">{t.crashed}</p>
      </main>
    );
  }
  const wait = (
    <main id="main" class="page" tabIndex={-1}>
      <Skeleton rows={4} label={t.loading} />
    </main>
  );
  switch (view.value) {
    case "ask":
      return <AskView />;
    case "query":
      return <QueryView fallback={wait} />;
    case "explore":
      return <ExploreView fallback={wait} />;
    case "sources":
      return <SourcesView fallback={wait} />;
    case "data":
      return <DataView fallback={wait} />;
    case "system":
      return <SystemView fallback={wait} />;
  }
  return (
    <main id="main" class="page" tabIndex={-1}>
      <h1>{t.notFound.title}</h1>
      <p>{t.notFound.hint}</p>
    </main>
  );
}

export function App() {
  return (
    <>
      <a class="skip" href="#main">
        {t.skip}
      </a>
      <TopBar />
      <View key={view.value} />
      {overlay.value !== "" ? <Overlays /> : null}
      <Announcer />
    </>
  );
}
