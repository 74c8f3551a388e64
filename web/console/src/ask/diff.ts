// The difference of two results, row by row, for "edit and run".

import type { Binding, Term } from "../core/types.ts";
import { key } from "./run.ts";

export interface RowDiff {
  sign: "+" | "−" | "~" | "=";
  row: Binding;
  /** the former row of a changed one */
  old?: Binding;
}

/**
 * diffRows compares multisets of rows in the order of the new result; removed
 * rows come last. A row that differs only after its first column is one that
 * changed ("~"). Results with different columns have no common row.
 */
export function diffRows(oldVars: string[], oldRows: Binding[], vars: string[], rows: Binding[]): RowDiff[] {
  const comparable = oldVars.length === vars.length && oldVars.every((v, i) => v === vars[i]);
  if (!comparable) return rows.map((row) => ({ sign: "+", row }));
  const text = (t: Term | undefined) => (t ? key(t) : "");
  const whole = (r: Binding) => vars.map((v) => text(r[v])).join("\u0000");
  const head = (r: Binding) => text(r[vars[0] ?? ""]);

  const left = new Map<string, Binding[]>();
  for (const r of oldRows) (left.get(whole(r)) ?? left.set(whole(r), []).get(whole(r))!).push(r);
  const equal = rows.map((r) => left.get(whole(r))?.pop() !== undefined);
  const byHead = new Map<string, Binding[]>();
  for (const r of [...left.values()].flat()) (byHead.get(head(r)) ?? byHead.set(head(r), []).get(head(r))!).push(r);

  const out: RowDiff[] = [];
  rows.forEach((row, i) => {
    if (equal[i]) return out.push({ sign: "=", row });
    const old = vars.length > 1 ? byHead.get(head(row))?.shift() : undefined;
    out.push(old ? { sign: "~", row, old } : { sign: "+", row });
  });
  for (const r of [...byHead.values()].flat()) out.push({ sign: "−", row: r });
  return out;
}
