// What lies over a view: the palette, the settings and the list of keys.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { start } from "../ask/state.ts";
import { api, apiKey } from "../core/api.ts";
import { go, links } from "../core/router.ts";
import { change, settings, type Theme } from "../core/settings.ts";
import type { SearchItem } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { refresh } from "./health.ts";
import { overlay } from "./keys.ts";
import { Dialog, DialogHead } from "./widgets.tsx";

const close = () => (overlay.value = "");

export function Overlays() {
  switch (overlay.value) {
    case "palette":
      return <Palette />;
    case "settings":
      return <SettingsDialog />;
    case "help":
      return <Help />;
  }
  return null;
}

interface Choice {
  kind: string;
  label: string;
  note?: string;
  act: () => void;
}

const views: [string, string][] = [
  [t.nav.ask, "/"],
  [t.nav.query, "/query"],
  [t.nav.explore, "/explore"],
  [t.nav.data, "/data"],
  [t.nav.system, "/system"],
];

function Palette() {
  const text = useSignal("");
  const found = useSignal<SearchItem[]>([]);
  const at = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const q = text.value.trim();
    at.value = 0;
    if (q === "") {
      found.value = [];
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.search(q, 8, abort.signal).then((r) => (found.value = r.items), () => {});
    }, 120);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text.value]);
  const q = text.value.trim().toLowerCase();
  const choices: Choice[] = found.value
    .filter((x) => x.iri)
    .map((x) => ({
      kind: x.kind,
      label: x.label,
      note: [x.class, x.degree !== undefined ? t.statements(x.degree) : ""].filter(Boolean).join(" · "),
      act: () => go(links.entity(x.iri!)),
    }));
  if (q !== "") {
    const question = text.value.trim();
    choices.push({
      kind: "command",
      label: t.palette.askThis(question),
      act: () => {
        go("/");
        start({ question });
      },
    });
  }
  for (const [label, path] of views) {
    if (q === "" || label.toLowerCase().startsWith(q)) choices.push({ kind: "command", label: t.palette.goTo(label), act: () => go(path) });
  }
  const pick = (c: Choice | undefined) => {
    if (!c) return;
    close();
    c.act();
  };
  return (
    <Dialog label={t.palette.title} class="palette" onClose={close}>
      <input
        type="text"
        id="search"
        autocomplete="off"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={"choice-" + at.value}
        aria-label={t.palette.title}
        placeholder={t.palette.placeholder}
        value={text.value}
        autofocus
        onInput={(e) => (text.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown" || e.key === "ArrowUp") {
            e.preventDefault();
            const n = choices.length;
            if (n > 0) at.value = (at.value + (e.key === "ArrowDown" ? 1 : n - 1)) % n;
            list.current?.children[at.value]?.scrollIntoView({ block: "nearest" });
          } else if (e.key === "Enter") {
            e.preventDefault();
            pick(choices[at.value]);
          }
        }}
      />
      <ul id="palette-list" role="listbox" aria-label={t.palette.results} ref={list}>
        {choices.map((c, i) => (
          <li key={i} id={"choice-" + i} role="option" aria-selected={i === at.value} class={i === at.value ? "on" : ""} onClick={() => pick(c)}>
            <bdi>{c.label}</bdi>
            <span class="small">{[t.palette.kinds[c.kind] ?? c.kind, c.note].filter(Boolean).join(" · ")}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function SettingsDialog() {
  const s = settings.value;
  return (
    <Dialog label={t.settings.title} onClose={close}>
      <DialogHead title={t.settings.title} onClose={close} />
      <form class="pad form" onSubmit={(e) => e.preventDefault()}>
        <label>
          {t.settings.theme}
          <select value={s.theme} onChange={(e) => change({ theme: e.currentTarget.value as Theme })}>
            {Object.entries(t.settings.themes).map(([k, label]) => (
              <option key={k} value={k}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t.settings.density}
          <select value={s.density} onChange={(e) => change({ density: e.currentTarget.value as "comfortable" | "compact" })}>
            {Object.entries(t.settings.densities).map(([k, label]) => (
              <option key={k} value={k}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          <input type="checkbox" checked={s.letters} onChange={(e) => change({ letters: e.currentTarget.checked })} /> {t.settings.letters}
        </label>
        <label>
          {t.settings.key}
          <input
            type="password"
            autocomplete="off"
            value={apiKey.value}
            onChange={(e) => {
              apiKey.value = e.currentTarget.value.trim();
              void refresh();
            }}
          />
        </label>
      </form>
    </Dialog>
  );
}

function Help() {
  return (
    <Dialog label={t.help.title} onClose={close}>
      <DialogHead title={t.help.title} onClose={close} />
      <table class="keys" aria-label={t.help.title}>
        <tbody>
          {t.help.keys.map(([key, what]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}

