// The URL is the state. Views read `route`; they change it with `go`.

import { computed, signal } from "@preact/signals";
import { url } from "./api.ts";

export interface Route {
  /** first segment: ask, query, explore, sources, data, system */
  view: string;
  /** segments after the view */
  rest: string[];
  params: URLSearchParams;
}

const base = url("");

function read(): Route {
  const path = location.pathname.slice(base.length);
  const [view = "", ...rest] = path.split("/").filter((s) => s !== "").map(decodeURIComponent);
  return { view: view === "" ? "ask" : view, rest, params: new URLSearchParams(location.search) };
}

export const route = signal<Route>(typeof location === "undefined" ? { view: "ask", rest: [], params: new URLSearchParams() } : read());
export const view = computed(() => route.value.view);

/** href of a view path such as "/explore?iri=…" below the base path. */
export const href = (path: string): string => url(path);

export function go(path: string, o: { replace?: boolean } = {}) {
  const target = url(path);
  if (o.replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  route.value = read();
}

/** set changes parameters of the present address; an empty value removes one. */
export function set(changes: Record<string, string | undefined>, o: { replace?: boolean } = { replace: true }) {
  const params = new URLSearchParams(location.search);
  for (const [k, v] of Object.entries(changes)) {
    if (v === undefined || v === "") params.delete(k);
    else params.set(k, v);
  }
  const search = params.toString();
  const target = location.pathname + (search === "" ? "" : "?" + search);
  if (target === location.pathname + location.search) return;
  if (o.replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  route.value = read();
}

/** listen follows Back and Forward and turns clicks on links to views into navigation. */
export function listen() {
  addEventListener("popstate", () => (route.value = read()));
  document.addEventListener("click", (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const a = e.composedPath().find((n): n is HTMLAnchorElement => n instanceof HTMLAnchorElement);
    if (!a || a.target !== "" || a.hasAttribute("download") || a.origin !== location.origin) return;
    if (!/^\/(?:(?:ask|query|explore|sources|data|system)(?:\/|$)|$)/.test(a.pathname.slice(base.length))) return;
    if (a.pathname === location.pathname && a.search === location.search && a.hash !== "") return;
    e.preventDefault();
    const target = a.pathname + a.search;
    if (target !== location.pathname + location.search) history.pushState(null, "", target);
    route.value = read();
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
}

export const links = {
  entity: (iri: string) => "/explore?iri=" + encodeURIComponent(iri),
  source: (doc: string, span?: { start?: number; end?: number; sha256?: string }) => {
    const path = "/sources/" + encodeURIComponent(doc.replace(/^urn:quaestor:doc:/, ""));
    return span?.start === undefined || span.end === undefined ? path : `${path}?span=${span.start}-${span.end}` + (span.sha256 ? `&h=${span.sha256.slice(0, 16)}` : "");
  },
  facts: (doc: string) => "/sources/" + encodeURIComponent(doc) + "/facts",
  ask: (question: string) => "/ask?q=" + encodeURIComponent(question),
};
