// The client's own checks of an answer (console design, 2.4): digits come from
// rows, derived values are computed again. A failed check is shown, never hidden.

import { equal, evaluate, parseDecimal, round, type Decimal } from "../core/decimal.ts";
import type { Binding, Derived, Segment, Term } from "../core/types.ts";

/** Runs of decimal digits, group separators between digits removed ("62,202" is one run). */
export function digitRuns(text: string): string[] {
  const joined = text.replace(/(\p{Nd})[,\u00a0\u202f\u2009'\u2019](?=\p{Nd}{3}(?!\p{Nd}))/gu, "$1");
  return joined.match(/\p{Nd}+(?:\.\p{Nd}+)?/gu) ?? [];
}

export interface Facts {
  question: string;
  rows: Binding[];
  total: number;
  derived: Derived[];
}

/** supported says whether every digit of a segment is a cited value or part of the question. */
export function supported(seg: Segment, facts: Facts): boolean {
  if (seg.text !== undefined) return within(seg.text, facts.question);
  if (!seg.val) return true;
  const shown = seg.as ?? "";
  if (seg.val.count) return within(shown, String(facts.total));
  if (seg.val.derived !== undefined) {
    const d = facts.derived.find((x) => x.id === seg.val!.derived);
    return d !== undefined && digitRuns(shown).every((run) => roundsTo(d.value, run));
  }
  const term = facts.rows[seg.val.row ?? -1]?.[seg.val.var ?? ""];
  if (!term) return false;
  return digitRuns(shown).every((run) => termHolds(term, run));
}

function within(text: string, source: string): boolean {
  const known = new Set(digitRuns(source));
  return digitRuns(text).every((run) => known.has(run));
}

function termHolds(term: Term, run: string): boolean {
  if (term.type === "triple") return false;
  if (roundsTo(term.value, run)) return true;
  const bare = run.replace(/^0+(?=\d)/, "");
  const source = digitRuns(term.value).concat(digitRuns(term.label ?? ""));
  return source.some((s) => s.replace(/^0+(?=\d)/, "") === bare);
}

/**
 * roundsTo says whether the shown digits are the value at some power of ten,
 * rounded to as many digits as are shown: 62202000000 shows as 62,202 (million)
 * or 62.2 (billion), 0.729140 as 72.9 (%).
 */
export function roundsTo(value: string, shown: string): boolean {
  const v = parseDecimal(value);
  const s = parseDecimal(shown);
  if (!v || !s) return false;
  const digits = (d: Decimal) => (d.units < 0n ? -d.units : d.units).toString();
  const want = digits(s);
  const have = digits(v);
  if (want === "0") return have === "0";
  if (have === "0") return false;
  const head = want.replace(/0+$/, "");
  if (have.replace(/0+$/, "") === head) return true;
  if (want.length < 2 || have.length <= want.length) return false; // one digit is no rounding, it fits too much
  const cut = round({ units: BigInt(have), scale: have.length - want.length }, 0).units.toString();
  return cut.replace(/0+$/, "") === head;
}

export type Recheck = "same" | "differs" | "unknown";

/** recompute evaluates a derived value again from the operands' cells ("r0.value"). */
export function recompute(d: Derived, rows: Binding[]): Recheck {
  const operands: Decimal[] = [];
  for (const name of d.operands) {
    const m = /^r(\d+)\.(.+)$/.exec(name);
    const term = m ? rows[Number(m[1])]?.[m[2]!] : undefined;
    const value = term && term.type !== "triple" ? parseDecimal(term.value) : parseDecimal(name);
    if (!value) return "unknown";
    operands.push(value);
  }
  const claimed = parseDecimal(d.value);
  const own = evaluate(d.formula, operands);
  if (!claimed || !own) return "unknown";
  return equal(round(own, claimed.scale), claimed) ? "same" : "differs";
}
