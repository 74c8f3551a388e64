// Keys that work everywhere (console design, section 9). Single letters work
// outside fields only, and can be turned off.

import { signal } from "@preact/signals";
import { stop } from "../ask/state.ts";
import { go } from "../core/router.ts";
import { settings } from "../core/settings.ts";

export type Overlay = "" | "palette" | "settings" | "help";
export const overlay = signal<Overlay>("");

const views: Record<string, string> = { a: "/", q: "/query", e: "/explore", s: "/sources", d: "/data", y: "/system" };

function inField(e: KeyboardEvent): boolean {
  const el = e.composedPath()[0];
  return el instanceof HTMLElement && (el.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
}

export function keys() {
  let g = 0;
  addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
      e.preventDefault();
      overlay.value = overlay.value === "palette" ? "" : "palette";
      return;
    }
    if (e.ctrlKey && e.key === ".") {
      void stop();
      dispatchEvent(new Event("quaestor-stop"));
      return;
    }
    if (e.altKey && !e.ctrlKey && !e.metaKey && /^Digit[1-5]$/.test(e.code)) {
      const chip = document.querySelector<HTMLButtonElement>(`.readings [data-reading="${e.code.slice(-1)}"]`);
      if (chip) {
        e.preventDefault();
        chip.click();
      }
      return;
    }
    if (!settings.value.letters || e.ctrlKey || e.metaKey || e.altKey || inField(e) || overlay.value !== "") return;
    if (e.timeStamp - g < 1500 && views[e.key] !== undefined) {
      e.preventDefault();
      g = 0;
      go(views[e.key]!);
    } else if (e.key === "g") {
      g = e.timeStamp;
    } else if (e.key === "?") {
      overlay.value = "help";
    } else if (e.key === "/") {
      const field = document.querySelector<HTMLElement>("#question, #search");
      if (field) {
        e.preventDefault();
        field.focus();
      }
    }
  });
}
