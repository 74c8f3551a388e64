// The state of one run as a pure function of its events, so that a live
// stream, a resumed one and a recorded one all give the same picture.

import type * as T from "../core/types.ts";

export const stageNames = ["link", "write", "run", "infer", "evidence", "verify"] as const;
export type StageName = (typeof stageNames)[number];

export interface StageState {
  state: "waiting" | "start" | "end" | "skip";
  ms?: number;
  note?: string;
}

export interface WrittenPiece extends T.Piece {
  from: number;
}

export interface Run {
  lastId: number;
  id: string;
  at: string;
  atTime?: string;
  question: string;
  lang?: string;
  /** undefined until `open`; null = no decoder file */
  model?: string | null;
  calibration?: { n: number; date?: string; threshold: number } | null;
  /** how a follow-up was read */
  follow?: { how: string; question: string };
  stages: Record<StageName, StageState>;
  mentions: T.Mention[];
  pieces: WrittenPiece[];
  retracted: string;
  readings: T.Reading[];
  query?: T.QueryEvent;
  vars: string[];
  rows: T.Binding[];
  kinds: T.Kind[];
  more: boolean;
  total?: number;
  boolean?: boolean;
  haveRows: boolean;
  inferred?: { rows: T.InferredRow[]; scorer?: string; meaning?: string };
  statements: T.Statement[];
  spans: T.Span[];
  path?: T.Path;
  verdict?: T.Verdict;
  answer?: T.Answer;
  problem?: T.Problem;
  end?: { outcome: string; ms?: number; stages?: Record<string, number>; tokens?: number; bytes?: number };
}

export function newRun(question: string): Run {
  const waiting = (): StageState => ({ state: "waiting" });
  return {
    lastId: 0,
    id: "",
    at: "",
    question,
    stages: { link: waiting(), write: waiting(), run: waiting(), infer: waiting(), evidence: waiting(), verify: waiting() },
    mentions: [],
    pieces: [],
    retracted: "",
    readings: [],
    vars: [],
    rows: [],
    kinds: [],
    more: false,
    haveRows: false,
    statements: [],
    spans: [],
  };
}

/** apply returns the run after one event; events already seen and unknown ones change nothing. */
export function apply(run: Run, ev: T.AskEvent): Run {
  if (ev.id > 0 && ev.id <= run.lastId) return run;
  const next: Run = { ...run, lastId: ev.id > 0 ? ev.id : run.lastId };
  const data = (ev.data ?? {}) as Record<string, any>;
  switch (ev.event) {
    case "open":
      next.id = String(data.run ?? "");
      next.at = String(data.at ?? "");
      next.atTime = data.atTime;
      next.question = data.question ?? run.question;
      next.lang = data.lang;
      next.model = data.model ?? null;
      next.calibration = data.calibration ? { ...data.calibration, threshold: percent(data.calibration.threshold) } : null;
      break;
    case "stage": {
      const name = data.stage as StageName;
      if (!(name in run.stages)) break;
      next.stages = { ...run.stages, [name]: { state: data.state, ms: data.ms, note: data.note } };
      break;
    }
    case "mention": {
      const mention = { ...(data as T.Mention), candidates: list<T.Candidate>(data.candidates) };
      next.mentions = [...run.mentions.filter((m) => m.i !== mention.i), mention].sort((a, b) => a.from - b.from);
      break;
    }
    case "follow":
      next.follow = { how: String(data.how ?? ""), question: String(data.question ?? "") };
      break;
    case "token": {
      let from = Number(data.from ?? written(run).length);
      const added = list<T.Piece>(data.pieces).map((p) => {
        const piece = { ...p, from };
        from += p.t.length;
        return piece;
      });
      next.pieces = [...keep(run.pieces, Number(data.from ?? Infinity)), ...added];
      next.retracted = "";
      break;
    }
    case "retract": {
      const to = Number(data.to ?? 0);
      next.retracted = written(run).slice(to);
      next.pieces = keep(run.pieces, to);
      break;
    }
    case "reading": {
      const reading = data as T.Reading;
      next.readings = [...run.readings.filter((r) => r.n !== reading.n), reading].sort((a, b) => a.n - b.n);
      break;
    }
    case "query":
      next.query = data as T.QueryEvent;
      break;
    case "rows": {
      const rows = list<T.Binding>(data.rows);
      const kinds = list<T.Kind>(data.kinds);
      next.vars = list<string>(data.vars).length > 0 ? data.vars : run.vars;
      next.rows = [...run.rows, ...rows];
      next.kinds = [...run.kinds, ...rows.map((_, i) => kinds[i] ?? "stated")];
      next.more = Boolean(data.more);
      next.total = data.total === undefined ? next.rows.length : Number(data.total);
      if (typeof data.boolean === "boolean") next.boolean = data.boolean;
      next.haveRows = true;
      break;
    }
    case "inferred":
      next.inferred = { rows: list<T.InferredRow>(data.rows), scorer: data.scorer, meaning: data.meaning };
      break;
    case "evidence":
      next.statements = [...run.statements, ...list<T.Statement>(data.statements)];
      next.spans = [...run.spans, ...list<T.Span>(data.spans)];
      break;
    case "path":
      next.path = { nodes: list<T.PathNode>(data.nodes), edges: list<T.PathEdge>(data.edges) };
      break;
    case "verdict":
      next.verdict = data as T.Verdict;
      if (data.confidence) {
        next.verdict = { ...next.verdict, confidence: percents(data.confidence) };
      }
      break;
    case "answer":
      next.answer = { ...(data as T.Answer), segments: list<T.Segment>(data.segments) };
      break;
    case "problem":
      next.problem = data as T.Problem;
      break;
    case "end":
      next.end = data as Run["end"];
      break;
    default:
      break; // events of later versions
  }
  return next;
}

function list<E>(v: unknown): E[] {
  return Array.isArray(v) ? (v as E[]) : [];
}

function keep(pieces: WrittenPiece[], to: number): WrittenPiece[] {
  return pieces
    .filter((p) => p.from < to)
    .map((p) => (p.from + p.t.length > to ? { ...p, t: p.t.slice(0, to - p.from) } : p));
}

/** Shares may come as 0.94 or 94; whole numbers are shown, rounded down. */
function percent(v: number): number {
  return v > 0 && v < 1 ? Math.floor(v * 100 + 1e-9) : Math.floor(v);
}

function percents(c: T.Confidence): T.Confidence {
  return { ...c, value: Math.min(99, percent(c.value)), low: percent(c.low), high: percent(c.high) };
}

export function written(run: Run): string {
  return run.pieces.map((p) => p.t).join("");
}

export type Outcome = "running" | "answered" | "refused" | "cancelled" | "failed";

export function outcome(run: Run): Outcome {
  if (run.end) {
    const o = run.end.outcome;
    return o === "answered" || o === "refused" || o === "cancelled" ? o : "failed";
  }
  return run.problem ? "failed" : "running";
}

/** The IRI a mention was linked to, whether the server names it or its place in the list. */
export function chosenIri(m: T.Mention): string | undefined {
  if (typeof m.chosen === "string" && m.chosen !== "") return m.chosen;
  if (typeof m.chosen === "number") return m.candidates[m.chosen]?.iri;
  return undefined;
}

/** Statements that support a row: named by the server, else those that hold one of its terms. */
export function statementsOfRow(run: Run, row: number): T.Statement[] {
  const named = run.statements.filter((s) => s.rows?.includes(row));
  if (named.length > 0 || run.statements.some((s) => s.rows && s.rows.length > 0)) return named;
  const values = new Set(Object.values(run.rows[row] ?? {}).map((t) => t && key(t)));
  return run.statements.filter((s) => values.has(key(s.s)) || values.has(key(s.o)));
}

export function rowsOfStatement(run: Run, id: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < run.rows.length; i++) {
    if (statementsOfRow(run, i).some((s) => s.id === id)) out.push(i);
  }
  return out;
}

/** A string that is equal for equal terms. */
export function key(t: T.Term): string {
  if (t.type === "triple") return `<<${key(t.value.subject)} ${key(t.value.predicate)} ${key(t.value.object)}>>`;
  if (t.type === "uri") return `<${t.value}>`;
  if (t.type === "bnode") return `_:${t.value}`;
  return JSON.stringify(t.value) + (t["xml:lang"] ? "@" + t["xml:lang"].toLowerCase() : t.datatype ? "^^" + t.datatype : "");
}
