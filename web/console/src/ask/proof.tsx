// The proof: path, statements and spans. Choosing one marks it in the others
// and in the rows; the choice is the `sel` of the address.

import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { visible } from "../core/format.ts";
import { href, links, set } from "../core/router.ts";
import type { Path, Span, Statement, Term } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon, type IconName } from "../shell/icons.tsx";
import { copyText, Dialog, DialogHead } from "../shell/widgets.tsx";
import { KindTag, TermView, termText } from "../shell/term.tsx";
import { fromStatements, layout, shorten, type Layout, type PlacedNode } from "./layout.ts";
import { chosenIri, outcome, rowsOfStatement, type Run } from "./run.ts";
import { selected } from "./state.ts";

export function pathOf(run: Run): Path {
  return run.path ?? fromStatements(run.statements);
}

export const anchorsOf = (run: Run): string[] => run.mentions.flatMap((m) => chosenIri(m) ?? []);

export function ProofColumn({ run }: { run: Run }) {
  const o = outcome(run);
  const ready = run.path !== undefined || run.statements.length > 0;
  const refused = o === "refused";
  const sources = run.statements.filter((s) => (s.spans?.length ?? 0) > 0).length;
  const note = run.statements.length === 0 ? "" : sources === run.statements.length ? t.proof.allSpans(sources) : t.statements(run.statements.length);
  return (
    <>
      <section class="card proof" id="proof" aria-label={t.ask.proof}>
        <div class="head">
          <h2>{t.ask.proof}</h2>
          <span class="small note">{note}</span>
        </div>
        {ready ? (
          <Picture run={run} />
        ) : (
          <p class="empty">{o === "running" ? t.proof.waiting : refused ? t.proof.refused : t.proof.none}</p>
        )}
        <Legend run={run} />
        <Statements run={run} />
      </section>
      {ready ? <SourceCard run={run} /> : null}
    </>
  );
}

function Picture({ run }: { run: Run }) {
  const unfolded = useSignal<ReadonlySet<string>>(new Set());
  const path = pathOf(run);
  const anchors = anchorsOf(run);
  const picture = useMemo(() => layout(path, anchors, 492, unfolded.value), [run.path, run.statements, anchors.join(" "), unfolded.value]);
  const region = useRef<HTMLDivElement>(null);
  const order = [...new Set(picture.edges.flatMap((e) => e.statements))];
  const current = order.indexOf(selected.value);
  const keys = (e: KeyboardEvent) => {
    const step = e.key === "ArrowRight" || e.key === "ArrowDown" ? 1 : e.key === "ArrowLeft" || e.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && order.length > 0) {
      e.preventDefault();
      set({ sel: order[current < 0 ? (step > 0 ? 0 : order.length - 1) : (current + step + order.length) % order.length] });
    } else if (e.key === "c") {
      document.querySelector<HTMLButtonElement>("#source .foot .textlink")?.click();
    } else if (e.key === "Enter" || e.key === "o") {
      document.getElementById("source")?.scrollIntoView({ block: "nearest" });
      document.getElementById("source")?.focus();
    }
  };
  return (
    <div class="scroll path-box" ref={region} tabIndex={0} role="group" aria-label={t.proof.pathKeys} onKeyDown={keys}>
      <Drawing picture={picture} chosen={selected.value} onUnfold={(id) => (unfolded.value = new Set([...unfolded.value, id]))} describe={describe(path)} />
      {picture.hidden > 0 ? <p class="small pad">{t.proof.hidden(picture.hidden)}</p> : null}
    </div>
  );
}

/** describe reads a path as text, for those who do not see it. */
export function describe(path: Path): string {
  const label = new Map(path.nodes.map((n) => [n.id, n.label]));
  return path.edges.slice(0, 40).map((e) => `${label.get(e.from)} — ${e.label ?? ""} → ${label.get(e.to)}`).join("; ");
}

/** Drawing is the SVG itself, also what is exported. */
export function Drawing({ picture, chosen, onUnfold, describe: text }: { picture: Layout; chosen: string; onUnfold?: (id: string) => void; describe: string }) {
  const lit = picture.edges.filter((e) => chosen !== "" && e.statements.includes(chosen));
  const litNodes = new Set(lit.flatMap((e) => [e.from, e.to]));
  return (
    <svg class="path" viewBox={`0 0 ${picture.width} ${picture.height}`} width={picture.width} height={picture.height} role="img" aria-label={t.proof.pathName(picture.nodes.length, picture.edges.length)}>
      <desc>{text}</desc>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
          <path d="M0 0l8 4-8 4z" class="tip" />
        </marker>
        <marker id="arrow-lit" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
          <path d="M0 0l8 4-8 4z" class="tip lit" />
        </marker>
      </defs>
      {picture.edges.map((e) => {
        const on = lit.includes(e);
        if (e.kind === "derived") {
          return (
            <g key={e.ids[0]}>
              <path class="edge derived" d={e.d} />
              <path class="edge inner" d={e.d} />
            </g>
          );
        }
        return <path key={e.ids[0]} class={`edge ${e.kind}${on ? " lit" : ""}`} d={e.d} marker-end={on ? "url(#arrow-lit)" : "url(#arrow)"} />;
      })}
      {picture.edges.filter((e) => e.showLabel && e.label !== "").map((e) => (
        <text key={"label" + e.ids[0]} class="edge-label" x={e.labelX} y={e.labelY} text-anchor="middle">
          <title>{e.label}</title>
          {shorten(visible(e.label), 16)}
        </text>
      ))}
      {picture.nodes.map((n) => (
        <Node key={n.id} node={n} lit={litNodes.has(n.id)} onUnfold={onUnfold} />
      ))}
    </svg>
  );
}

function Node({ node: n, lit, onUnfold }: { node: PlacedNode; lit: boolean; onUnfold?: (id: string) => void }) {
  const folded = n.members.length > 1;
  const middle = n.x + n.width / 2;
  const room = (size: number) => Math.max(4, Math.floor((n.width - 10) / (size * 0.54)));
  const cls = ["node", n.kind === "derived" ? "derived" : "", lit ? "lit" : "", folded ? "fold" : ""].join(" ");
  return (
    <g class={cls} onClick={folded && onUnfold ? () => onUnfold(n.id) : undefined}>
      <title>{folded ? n.members.map((m) => m.label).join(", ") : n.label}</title>
      {folded ? <rect class="under" x={n.x + 4} y={n.y + 4} width={n.width} height={n.height} rx={6} /> : null}
      <rect x={n.x} y={n.y} width={n.width} height={n.height} rx={n.layer === 0 ? n.height / 2 : 6} />
      <text x={middle} y={n.y + n.height / 2 + (n.sub !== "" ? -2 : 4)} text-anchor="middle">
        {shorten(visible(n.label), room(12))}
      </text>
      {n.sub !== "" ? (
        <text class="sub" x={middle} y={n.y + n.height / 2 + 13} text-anchor="middle">
          {shorten(visible(n.sub), room(11))}
        </text>
      ) : null}
    </g>
  );
}

function Legend({ run }: { run: Run }) {
  const kinds = new Set([...pathOf(run).edges.map((e) => e.kind ?? "stated"), ...run.statements.map((s) => s.kind ?? "stated")]);
  const inferred = kinds.has("inferred");
  return (
    <div class="legend">
      <span>
        <svg viewBox="0 0 28 8" aria-hidden="true"><path class="edge stated" d="M0 4h28" /></svg>
        {t.kind.stated}
      </span>
      <span>
        <svg viewBox="0 0 28 8" aria-hidden="true"><path class="edge derived" d="M0 4h28" /><path class="edge inner" d="M0 4h28" /></svg>
        {t.kind.derived}
      </span>
      <span>
        <svg viewBox="0 0 28 8" aria-hidden="true"><path class="edge inferred" d="M0 4h28" /></svg>
        {inferred ? "≈ " + t.kind.inferred : t.proof.noneInferred}
      </span>
    </div>
  );
}

const firstStatements = 6;

function Statements({ run }: { run: Run }) {
  const all = useSignal(false);
  if (run.statements.length === 0) return null;
  const chosen = selected.value;
  const shown = all.value ? run.statements : run.statements.filter((s, i) => i < firstStatements || s.id === chosen);
  return (
    <div class="statements">
      <ol aria-label={t.proof.statements}>
        {shown.map((s) => (
          <li key={s.id} class={s.id === chosen ? "on" : ""}>
            <button type="button" class="choose" aria-pressed={s.id === chosen} onClick={() => set({ sel: s.id === chosen ? undefined : s.id })}>
              <span class="s">{termText(s.s)}</span> <span class="p">{termText(s.p)}</span> <span class="o">{termText(s.o)}</span>
              {(s.kind ?? "stated") !== "stated" ? <KindTag kind={s.kind!} /> : null}
            </button>
          </li>
        ))}
      </ol>
      {run.statements.length > shown.length ? (
        <button type="button" class="plain" onClick={() => (all.value = true)}>
          {t.proof.showAll(run.statements.length)}
        </button>
      ) : null}
    </div>
  );
}

const stateIcon: Record<string, IconName> = { unchanged: "check", moved: "open", changed: "warn", missing: "cross", unchecked: "dot" };

/** SourceCard shows where the chosen statement (else the first) is stated. */
function SourceCard({ run }: { run: Run }) {
  const details = useSignal(false);
  const statement = run.statements.find((s) => s.id === selected.value) ?? run.statements[0];
  if (!statement) return null;
  const spans = (statement.spans ?? []).flatMap((id) => run.spans.find((s) => s.id === id) ?? []);
  const span = spans[0];
  const rows = rowsOfStatement(run, statement.id);
  return (
    <section class="card source" id="source" tabIndex={-1} aria-label={t.proof.source}>
      <div class="head">
        <h2>{span ? spanTitle(span) : t.proof.statement}</h2>
        <KindTag kind={statement.kind ?? "stated"} />
        <button type="button" class="plain icon" aria-label={t.proof.more} title={t.proof.more} onClick={() => (details.value = true)}>
          <Icon name="open" />
        </button>
      </div>
      {span ? (
        <blockquote class="doc">
          {span.before ? <span>{visible(span.before)}</span> : null}
          <mark>{visible(span.text ?? "")}</mark>
          {span.after ? <span>{visible(span.after)}</span> : null}
        </blockquote>
      ) : (
        <dl class="triple-card">
          <dt>{t.proof.subject}</dt>
          <dd><TermView term={statement.s} /></dd>
          <dt>{t.proof.predicate}</dt>
          <dd><TermView term={statement.p} /></dd>
          <dt>{t.proof.object}</dt>
          <dd><TermView term={statement.o} /></dd>
        </dl>
      )}
      <div class="foot small">
        {span ? (
          <span class={"span-state " + (span.state ?? "unchecked")}>
            <Icon name={stateIcon[span.state ?? "unchecked"] ?? "dot"} /> {t.proof.spanState[span.state ?? "unchecked"]}
          </span>
        ) : (
          <span>{statement.source?.label ?? statement.source?.document ?? (statement.g ? t.proof.inGraph(termText(statement.g)) : t.proof.defaultGraph)}</span>
        )}
        {span?.start !== undefined ? <a href={href(links.source(span.doc, span))}>{t.proof.openSource}</a> : null}
        {rows.length > 0 ? <span>{t.proof.forRows(rows.map((r) => r + 1))}</span> : null}
        <span class="sp" />
        <button type="button" class="textlink" onClick={() => void copyText(citation(run, statement, span), t.proof.copied)}>
          {t.proof.copy}
        </button>
      </div>
      {details.value ? (
        <Dialog label={t.proof.statement} onClose={() => (details.value = false)}>
          <DialogHead title={t.proof.statement} onClose={() => (details.value = false)} />
          <pre class="wrap" tabIndex={0} role="region" aria-label={t.proof.asTriple}>{nTriple(statement)}</pre>
          <dl class="facts pad">
            <dt>{t.proof.graph}</dt>
            <dd>{statement.g ? <TermView term={statement.g} /> : t.proof.defaultGraph}</dd>
            {run.at !== "" ? (
              <>
                <dt>{t.proof.snapshot}</dt>
                <dd>{run.at}</dd>
              </>
            ) : null}
            {statement.source?.document ? (
              <>
                <dt>{t.proof.document}</dt>
                <dd>{statement.source.document}{statement.source.line ? t.proof.line(statement.source.line) : ""}</dd>
              </>
            ) : null}
            {spans.map((s) => (
              <SpanFacts key={s.id} span={s} />
            ))}
          </dl>
        </Dialog>
      ) : null}
    </section>
  );
}

function SpanFacts({ span }: { span: Span }) {
  return (
    <>
      <dt>{t.proof.document}</dt>
      <dd>{spanTitle(span)}</dd>
      {span.start !== undefined && span.end !== undefined ? (
        <>
          <dt>{t.proof.bytes}</dt>
          <dd class="mono">{span.start}–{span.end}</dd>
        </>
      ) : null}
      {span.sha256 ? (
        <>
          <dt>SHA-256</dt>
          <dd class="mono wrap">{span.sha256}</dd>
        </>
      ) : null}
    </>
  );
}

function spanTitle(s: Span): string {
  return [visible(s.title ?? s.doc), s.page !== undefined && s.page !== 0 ? t.page(s.page) : "", s.line !== undefined ? t.proof.line(s.line).trim() : ""].filter(Boolean).join(", ");
}

function citation(run: Run, s: Statement, span: Span | undefined): string {
  const what = `${termText(s.s)} — ${termText(s.p)} → ${termText(s.o)}`;
  const where = span ? `${spanTitle(span)}${span.start !== undefined ? `, bytes ${span.start}-${span.end}` : ""}${span.sha256 ? `, sha256 ${span.sha256}` : ""}` : s.g ? termText(s.g) : "";
  return [what, where, run.at].filter(Boolean).join("; ");
}

/** nTriple writes a statement as N-Quads, the form everyone can check. */
export function nTriple(s: Statement): string {
  return [s.s, s.p, s.o, s.g].filter((x): x is Term => x !== undefined).map(nTerm).join(" ") + " .";
}

export function nTerm(term: Term): string {
  if (term.type === "triple") return `<<( ${nTerm(term.value.subject)} ${nTerm(term.value.predicate)} ${nTerm(term.value.object)} )>>`;
  if (term.type === "uri") return `<${term.value.replace(/[\u0000-\u0020<>"{}|^`\\]/g, escape)}>`;
  if (term.type === "bnode") return "_:" + term.value;
  const text = `"${term.value.replace(/[\u0000-\u001f\u007f"\\]/g, (c) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" })[c] ?? escape(c))}"`;
  if (term["xml:lang"]) return text + "@" + term["xml:lang"];
  if (term.datatype && term.datatype !== "http://www.w3.org/2001/XMLSchema#string") return `${text}^^<${term.datatype}>`;
  return text;
}

const escape = (c: string): string => "\\u" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
