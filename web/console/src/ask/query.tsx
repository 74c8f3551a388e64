// The query card: the text as it is written, what the graph allowed at each
// choice, the other drafts, and "edit and run" with a difference to the original.

import { useSignal } from "@preact/signals";
import { lazy } from "../core/lazy.tsx";
import { useEffect } from "preact/hooks";
import { api, ApiError } from "../core/api.ts";
import { count, duration, visible } from "../core/format.ts";
import { pack, unpack } from "../core/pack.ts";
import { route, set } from "../core/router.ts";
import type { Binding, Choices, Problem } from "../core/types.ts";
import { runSparql } from "../query/sparql.ts";
import { place } from "../sparql/pretty.ts";
import { t } from "../strings/en.ts";
import { Icon } from "../shell/icons.tsx";
import { asProblem, ProblemCard } from "../shell/widgets.tsx";
import { TermView } from "../shell/term.tsx";
import { diffRows, type RowDiff } from "./diff.ts";
import { OpenQuery } from "./export.tsx";
import { written, type Run, type WrittenPiece } from "./run.ts";
import { busy } from "./state.ts";

const Editor = lazy(() => import("../query/editor.tsx").then((m) => m.Editor));

export function QueryCard({ run }: { run: Run }) {
  const mode = useSignal<"sparql" | "decoded">("sparql");
  const slot = useSignal<WrittenPiece | null>(null);
  const drafts = useSignal(false);
  const params = route.value.params;
  const edit = params.get("v") === "2";
  const text = written(run);
  const q = run.query;
  const sameText = q !== undefined && q.sparql.trim() === text.trim();
  const decoded = q === undefined || (mode.value === "decoded" && text !== "");
  const chosen = run.pieces.filter((p) => !p.forced);
  const peek = slot.value ?? chosen.find((p) => p.allowed !== undefined && p.allowed > 1) ?? null;
  const known = names(run);
  const byDecoder = run.model !== null && run.pieces.length > 0;
  if (q === undefined && text === "" && !busy.value) return null;
  const note = q?.tokens === undefined ? "" : q.forced === undefined ? t.query.tokensRead(q.tokens) : t.query.tokens(q.tokens, q.tokens - q.forced, q.forced);
  return (
    <section class={busy.value ? "card query running" : "card query"} id="query" aria-label={t.ask.query}>
      <div class="head">
        <h2>{byDecoder ? t.query.written : t.query.built}</h2>
        <span class="small note">{note}</span>
        {q && !edit ? (
          <button type="button" disabled={busy.value} onClick={() => set({ v: "2" }, { replace: false })}>
            {t.query.editRun}
          </button>
        ) : null}
      </div>
      {q?.english ? <p class="english">{visible(q.english)}</p> : null}
      {edit && q ? (
        <Edited run={run} original={q.sparql} />
      ) : (
        <div class={peek ? "wq" : "wq one"}>
          <div>
            {q && text !== "" && !sameText ? (
              <div class="seg" role="group" aria-label={t.query.form}>
                <button type="button" aria-pressed={!decoded} onClick={() => (mode.value = "sparql")}>SPARQL</button>
                <button type="button" aria-pressed={decoded} onClick={() => (mode.value = "decoded")}>{t.query.asDecoded}</button>
              </div>
            ) : null}
            <pre tabIndex={0} role="region" aria-label={t.query.text}>
              {decoded || sameText ? (
                <Code text={text} known={known} pieces={run.pieces} current={peek} onPick={(p) => (slot.value = p)} />
              ) : (
                <Code text={q?.sparql ?? ""} known={known} />
              )}
              {run.retracted !== "" ? <del>{visible(run.retracted)}</del> : null}
            </pre>
          </div>
          {peek ? <Peek run={run} piece={peek} pieces={chosen.filter((p) => p.allowed !== undefined)} onPick={(p) => (slot.value = p)} /> : null}
        </div>
      )}
      {q?.drafts && q.drafts.length > 0 ? (
        <div class="foot">
          <button type="button" class="textlink small" aria-expanded={drafts.value} onClick={() => (drafts.value = !drafts.value)}>
            {t.query.drafts(q.drafts.length)}
          </button>
        </div>
      ) : null}
      {drafts.value && q?.drafts ? (
        <div class="scroll" tabIndex={0} role="region" aria-label={t.query.draftsLabel}>
          <table class="drafts" aria-label={t.query.draftsLabel}>
            <thead>
              <tr>
                <th scope="col">{t.query.group}</th>
                <th scope="col" class="n">{t.query.weight}</th>
                <th scope="col">{t.ask.query}</th>
                <th scope="col">{t.query.why}</th>
              </tr>
            </thead>
            <tbody>
              {q.drafts.map((d, i) => (
                <tr key={i}>
                  <td>{d.group ?? "–"}</td>
                  <td class="n">{d.weight !== undefined ? d.weight.toFixed(2) : "–"}</td>
                  <td><OpenQuery sparql={d.sparql} label={oneLine(d.sparql)} class="textlink mono" /></td>
                  <td>{d.why ?? "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}

function oneLine(sparql: string): string {
  const body = sparql.replace(/^\s*(?:PREFIX|BASE)\b.*$/gim, "").replace(/\s+/g, " ").trim();
  return body.length > 90 ? body.slice(0, 89) + "…" : body;
}

/** names maps the IRIs of a run to what readers call them. */
function names(run: Run): Map<string, string> {
  const out = new Map<string, string>();
  for (const s of run.statements) for (const x of [s.s, s.p, s.o]) if (x.type === "uri" && x.label) out.set(x.value, x.label);
  for (const m of run.mentions) for (const c of m.candidates) out.set(c.iri, c.label);
  return out;
}

const nameOf = (text: string, known: Map<string, string>): string | undefined => known.get(text.trim().replace(/^<|>$/g, ""));

interface CodeProps {
  text: string;
  known?: Map<string, string>;
  pieces?: WrittenPiece[];
  current?: WrittenPiece | null;
  onPick?: (p: WrittenPiece) => void;
}

/**
 * Code shows a query: coloured by the lexer, broken into lines. Where it comes
 * from the decoder, forced text is plain and chosen text underlined; a choice
 * opens its peek.
 */
export function Code({ text, known, pieces, current, onPick }: CodeProps) {
  return (
    <>
      {place(text).map((k) => {
        const word = visible(text.slice(k.from, k.to));
        const cls = k.kind === "punctuation" || k.kind === "other" ? "" : "k-" + k.kind;
        const piece = pieces?.find((p) => p.from <= k.from && k.from < p.from + p.t.length && !p.forced);
        const label = known ? nameOf(word, known) : undefined;
        if (piece?.allowed !== undefined && onPick) {
          const tight = piece.mass !== undefined && piece.mass < 0.2;
          const title = [label, t.query.allowed(count(piece.allowed), tight)].filter(Boolean).join(": ");
          return (
            <>
              {k.before}
              <button type="button" key={k.from} class={`slot ${cls}${piece.from === current?.from ? " on" : ""}`} onClick={() => onPick(piece)} title={title}>
                {word}
              </button>
            </>
          );
        }
        return (
          <>
            {k.before}
            {cls === "" && !piece ? word : <span key={k.from} class={piece ? "slot " + cls : cls} title={label}>{word}</span>}
          </>
        );
      })}
    </>
  );
}

function Peek({ run, piece, pieces, onPick }: { run: Run; piece: WrittenPiece; pieces: WrittenPiece[]; onPick: (p: WrittenPiece) => void }) {
  const choices = useSignal<{ from: number; data: Choices } | null>(null);
  useEffect(() => {
    if (run.id === "" || run.end === undefined) return;
    const abort = new AbortController();
    api.choices(run.id, piece.from, abort.signal).then(
      (data) => (choices.value = { from: piece.from, data }),
      () => {}, // a server that keeps no choices: the token's own figures remain
    );
    return () => abort.abort();
  }, [run.id, run.end !== undefined, piece.from]);
  const c = choices.value?.from === piece.from ? choices.value.data : null;
  const allowed = c?.allowed ?? piece.allowed;
  const mass = c?.mass ?? piece.mass;
  const i = pieces.findIndex((p) => p.from === piece.from);
  const label = nameOf(piece.t, names(run));
  return (
    <div class="peek" aria-label={t.query.peek} role="group">
      <p class="small">
        {t.query.at} {label !== undefined ? <b class="k-name">{visible(label)}</b> : <code class="k-name">{visible(piece.t.trim())}</code>} {t.query.theGraph} <b>{allowed !== undefined ? count(allowed) : "…"}</b>{" "}
        {c?.grammar !== undefined ? t.query.ofNames(count(c.grammar)) : t.query.names(allowed ?? 0)}
      </p>
      {c && c.items.length > 0 ? (
        <table class="choices" aria-label={t.query.choices}>
          <tbody>
            {c.items.map((x, n) => (
              <tr key={n}>
                <th scope="row" title={x.iri}>{visible(x.label)}</th>
                <td>
                  <svg class="bar" viewBox="0 0 52 8" aria-hidden="true"><rect width={Math.max(1, 52 * x.share)} height="8" rx="2" /></svg>
                  {x.share.toFixed(2)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      {mass !== undefined ? <p class="small">{t.query.mass(mass.toFixed(2))} {mass < 0.2 ? <span class="tag warn">{t.query.forced}</span> : null}</p> : null}
      {pieces.length > 1 ? (
        <p class="steps">
          <button type="button" class="plain icon" aria-label={t.query.previousChoice} title={t.query.previousChoice} disabled={i <= 0} onClick={() => onPick(pieces[i - 1]!)}>
            <Icon name="chevron" class="back" />
          </button>
          <span class="small">{t.query.choiceOf(i + 1, pieces.length)}</span>
          <button type="button" class="plain icon" aria-label={t.query.nextChoice} title={t.query.nextChoice} disabled={i < 0 || i >= pieces.length - 1} onClick={() => onPick(pieces[i + 1]!)}>
            <Icon name="chevron" />
          </button>
        </p>
      ) : null}
    </div>
  );
}

const prettyText = (text: string): string => place(text).map((k) => k.before + text.slice(k.from, k.to)).join("") + "\n";

interface Result {
  ms: number;
  vars: string[];
  diff: RowDiff[];
  boolean?: boolean;
  total: number;
}

/** Edited is version 2: the reader's own text beside the untouched original. */
function Edited({ run, original }: { run: Run; original: string }) {
  const text = useSignal<string | null>(null);
  const result = useSignal<Result | null>(null);
  const problem = useSignal<Problem | null>(null);
  const running = useSignal(false);
  const showOriginal = useSignal(false);
  const packed = route.value.params.get("q");
  useEffect(() => {
    if (packed) void unpack(packed).then((x) => (text.value = x ?? prettyText(original)));
    else text.value = prettyText(original);
  }, []);
  const go = async () => {
    if (text.value === null || running.value) return;
    running.value = true;
    problem.value = null;
    const p = await pack(text.value);
    set({ q: p ?? undefined });
    try {
      const r = await runSparql(text.value, { limit: 1000 });
      if (r.kind === "rows") {
        result.value = { ms: r.ms, vars: r.vars, total: r.rows.length, diff: diffRows(run.vars, run.rows, r.vars, r.rows) };
      } else if (r.kind === "boolean") {
        result.value = { ms: r.ms, vars: [], total: 0, diff: [], boolean: r.boolean };
      } else {
        problem.value = { type: "unsupported", title: t.query.onlyRows, hint: t.query.onlyRowsHint };
      }
    } catch (e) {
      problem.value = e instanceof ApiError ? e.problem : asProblem(e);
    }
    running.value = false;
  };
  return (
    <div class="edited">
      <div class="seg" role="group" aria-label={t.query.versions}>
        <button type="button" aria-pressed={showOriginal.value} onClick={() => (showOriginal.value = true)}>{t.query.v1}</button>
        <button type="button" aria-pressed={!showOriginal.value} onClick={() => (showOriginal.value = false)}>{t.query.v2}</button>
        <span class="sp" />
        <button type="button" class="plain" onClick={() => set({ v: undefined, q: undefined }, { replace: false })}>{t.query.discard}</button>
        <button type="button" class="primary" onClick={() => void go()} disabled={running.value || text.value === null}>
          <Icon name="run" /> {t.run}
        </button>
      </div>
      {showOriginal.value ? (
        <pre tabIndex={0} role="region" aria-label={t.query.v1}><Code text={original} /></pre>
      ) : text.value === null ? null : (
        <Editor fallback={<div class="editor-wait" />} text={text.value} onChange={(x) => (text.value = x)} onRun={() => void go()} label={t.query.v2} />
      )}
      {problem.value ? <ProblemCard bare problem={problem.value} retry={() => void go()} /> : null}
      {result.value ? <DiffTable result={result.value} /> : null}
    </div>
  );
}

function DiffTable({ result: r }: { result: Result }) {
  if (r.boolean !== undefined) return <p class="pad" role="status">{r.boolean ? t.yes : t.no}</p>;
  const changed = { "+": 0, "−": 0, "~": 0, "=": 0 };
  for (const d of r.diff) changed[d.sign]++;
  return (
    <>
      <p class="small pad" role="status">
        {t.query.diffSummary(r.total, changed["+"], changed["−"], changed["~"])} · {duration(r.ms)} · {t.query.yours}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label={t.query.diffLabel}>
        <table class="rows diff" aria-label={t.query.diffLabel}>
          <thead>
            <tr>
              <th scope="col">{t.query.change}</th>
              {r.vars.map((v) => <th scope="col" key={v}>{v}</th>)}
            </tr>
          </thead>
          <tbody>
            {r.diff.slice(0, 200).map((d, i) => (
              <tr key={i} class={d.sign === "+" ? "added" : d.sign === "−" ? "removed" : d.sign === "~" ? "changed" : ""}>
                <td>
                  <b aria-hidden="true">{d.sign}</b> {t.query.sign[d.sign]}
                </td>
                {r.vars.map((v) => (
                  <td key={v}>
                    {d.sign === "~" && d.old && !same(d.old, d.row, v) ? <><del><TermView term={d.old[v]} plain /></del> → </> : null}
                    <TermView term={d.row[v]} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const same = (a: Binding, b: Binding, v: string): boolean => JSON.stringify(a[v]?.value) === JSON.stringify(b[v]?.value);
