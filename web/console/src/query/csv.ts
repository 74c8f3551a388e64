// CSV for spreadsheets: text that would start a formula gets a leading
// apostrophe, numbers stay numbers. The protocol's own CSV (from /sparql) is
// never altered.

import type { Binding } from "../core/types.ts";
import { isNumeric } from "../core/format.ts";

export function csv(vars: string[], rows: Binding[]): string {
  const lines = [vars.map(quote).join(",")];
  for (const r of rows) {
    lines.push(
      vars.map((v) => {
        const term = r[v];
        if (!term) return "";
        if (term.type === "triple") return quote(JSON.stringify(term.value));
        if (term.type !== "uri" && term.type !== "bnode" && isNumeric(term.datatype)) return quote(term.value);
        return quote(guard(term.label ?? term.value));
      }).join(","),
    );
  }
  return lines.join("\r\n") + "\r\n";
}

const guard = (s: string): string => (/^[=+\-@\t\r]/.test(s) ? "'" + s : s);
const quote = (s: string): string => (/[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
