// What a reader may choose for this browser. Nothing here changes an answer.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

export interface Settings {
  theme: Theme;
  density: "comfortable" | "compact";
  /** single-letter keys can be turned off (WCAG 2.1.4) */
  letters: boolean;
}

const name = "quaestor.settings";
const defaults: Settings = { theme: "system", density: "comfortable", letters: true };

export const settings = signal<Settings>(load(name, defaults));

export function change(part: Partial<Settings>) {
  settings.value = { ...settings.value, ...part };
}

/** load and save keep small JSON values; a browser that refuses storage loses only comfort. */
export function load<V>(key: string, fallback: V): V {
  try {
    const text = localStorage.getItem(key);
    if (text === null) return fallback;
    const v = JSON.parse(text) as V;
    return Array.isArray(fallback) ? (Array.isArray(v) ? v : fallback) : { ...fallback, ...v };
  } catch {
    return fallback;
  }
}

export function save(key: string, value: unknown) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows may refuse; the page goes on without memory.
  }
}

export function follow() {
  effect(() => {
    const s = settings.value;
    const root = document.documentElement;
    if (s.theme === "system") delete root.dataset.theme;
    else root.dataset.theme = s.theme;
    root.dataset.density = s.density;
    save(name, s);
  });
}
