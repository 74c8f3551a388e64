// The answer card: stages, the value and its sentence, the rows behind it,
// how sure it is, and what can be done next. A refusal takes the same place.

import { useSignal } from "@preact/signals";
import { api } from "../core/api.ts";
import { bytes, count, duration, isNumeric, visible } from "../core/format.ts";
import { href, links, set } from "../core/router.ts";
import type { Confidence, Derived, Need, Refusal, Segment, Term } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon } from "../shell/icons.tsx";
import { asProblem, copyText, Dialog, DialogHead, ProblemCard, toast } from "../shell/widgets.tsx";
import { grouped, KindTag, TermView } from "../shell/term.tsx";
import { recompute, supported, type Facts } from "./check.ts";
import { ExportMenu, OpenQuery } from "./export.tsx";
import { outcome, statementsOfRow, stageNames, type Run, type StageName } from "./run.ts";
import { again, selected, start } from "./state.ts";

export function AnswerCard({ run }: { run: Run }) {
  const o = outcome(run);
  const refused = o === "refused" || run.verdict?.outcome === "refused";
  return (
    <section class={"card answer " + o} id="answer" aria-label={t.ask.answer} aria-busy={o === "running"}>
      <Stages run={run} />
      {o === "failed" ? (
        <Failed run={run} />
      ) : refused && run.verdict?.refusal ? (
        <Refused run={run} refusal={run.verdict.refusal} />
      ) : (
        <>
          <Sentence run={run} />
          {refused ? null : <Rows run={run} />}
          {o === "running" || run.verdict ? <Verdict run={run} /> : null}
        </>
      )}
      {o !== "running" && o !== "failed" ? <Foot run={run} /> : null}
    </section>
  );
}

function stageText(run: Run, name: StageName): string {
  const s = run.stages[name];
  if (s.state !== "end") return t.ask.stage[name];
  const done = t.ask.stageDone;
  switch (name) {
    case "link":
      return done.link(run.mentions.length);
    case "write":
      return s.note && s.note !== "decoder" ? done.writeBy(s.note) : done.write;
    case "run":
      return run.boolean !== undefined ? done.runBoolean : done.run(run.total ?? run.rows.length);
    case "evidence":
      return run.spans.length > 0 ? done.spans(run.spans.length) : done.evidence(run.statements.length);
    case "infer":
      return done.infer(run.inferred?.rows.length ?? 0);
    default:
      return done.verify;
  }
}

function Stages({ run }: { run: Run }) {
  const costs = useSignal(false);
  const shown = stageNames.filter((n) => n !== "infer" || run.stages.infer.state === "start" || run.stages.infer.state === "end");
  const ms = run.end?.ms;
  return (
    <>
      <div class="stages">
        <ol aria-label={t.ask.stages}>
          {shown.map((n) => {
            const s = run.stages[n];
            const over = run.end !== undefined && s.state !== "end";
            return (
              <li key={n} class={"stage-" + (over ? "skip" : s.state)}>
                <Icon name={s.state === "end" ? "check" : s.state === "skip" || over ? "skip" : "dot"} />
                {stageText(run, n)}
                {s.state === "end" && s.ms !== undefined ? <b> {duration(s.ms)}</b> : null}
                <span class="vh"> {t.ask.stageState[over ? "skip" : s.state]}</span>
              </li>
            );
          })}
        </ol>
        {ms !== undefined ? (
          <button type="button" class="total" aria-expanded={costs.value} title={t.ask.costs} onClick={() => (costs.value = !costs.value)}>
            {duration(ms)}
            <span class="vh"> {t.ask.costs}</span>
          </button>
        ) : null}
      </div>
      {costs.value ? <Costs run={run} /> : null}
    </>
  );
}

function Costs({ run }: { run: Run }) {
  const times = stageNames.map((n) => [n, run.end?.stages?.[n] ?? run.stages[n].ms ?? 0] as const).filter(([, ms]) => ms > 0);
  const longest = Math.max(1, ...times.map(([, ms]) => ms));
  return (
    <div class="costs">
      <table>
        <caption class="vh">{t.ask.costs}</caption>
        <tbody>
          {times.map(([n, ms]) => (
            <tr key={n}>
              <th scope="row">{t.ask.stage[n]}</th>
              <td class="n">{duration(ms)}</td>
              <td class="wide">
                <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                  <rect width={Math.max(1, (100 * ms) / longest)} height="8" />
                </svg>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small">
        {[
          run.end?.tokens !== undefined ? t.ask.tokens(run.end.tokens) : "",
          run.end?.bytes !== undefined ? t.ask.read(bytes(run.end.bytes)) : "",
          run.model ? t.ask.model(run.model) : run.model === null ? t.ask.noModelShort : "",
          run.at !== "" ? t.ask.snapshot(run.at) : "",
        ].filter(Boolean).join(" · ")}
      </p>
    </div>
  );
}

function facts(run: Run): Facts {
  return { question: run.question, rows: run.rows, total: run.total ?? run.rows.length, derived: run.answer?.derived ?? [] };
}

function Piece({ run, seg }: { run: Run; seg: Segment }) {
  const ok = supported(seg, facts(run));
  if (!ok) {
    console.error("answer holds a digit that no row supports", seg);
    return (
      <span class="unsupported">
        {visible(seg.text ?? seg.as ?? "")}
        <span class="tag warn">{t.ask.unsupported}</span>
      </span>
    );
  }
  if (seg.ref !== undefined) {
    const cite = run.answer?.citations?.find((c) => c.n === seg.ref);
    const statement = cite?.statement ?? run.statements.find((s) => cite?.span && s.spans?.includes(cite.span))?.id;
    return (
      <sup>
        <a href="#proof" onClick={(e) => select(e, statement)} aria-label={t.ask.citation(seg.ref, cite?.label ?? "")}>
          {seg.ref}
        </a>
      </sup>
    );
  }
  if (!seg.val) return <>{visible(seg.text ?? "")}</>;
  const term = seg.val.row !== undefined && seg.val.var ? run.rows[seg.val.row]?.[seg.val.var] : undefined;
  const text = visible(seg.as ?? (term && term.type !== "triple" ? (term.label ?? term.value) : ""));
  if (seg.val.count || seg.val.derived !== undefined) {
    return (
      <a class="door" href="#rows">
        <b>{text}</b>
      </a>
    );
  }
  const support = statementsOfRow(run, seg.val.row ?? -1)[0]?.id;
  return (
    <a class="door" href="#proof" onClick={(e) => select(e, support)} title={term?.type === "uri" ? term.value : t.ask.openProof}>
      <b>
        <bdi>{text}</bdi>
      </b>
    </a>
  );
}

function select(e: Event, statement: string | undefined) {
  e.preventDefault();
  set({ sel: statement });
  document.getElementById("proof")?.scrollIntoView({ block: "nearest" });
}

/** The 44 px value: what the server names, else the one cell, the count or the word. */
function headline(run: Run): Segment | null {
  const a = run.answer;
  if (a?.headline) return a.headline;
  if (!a) return null;
  const d = a.derived?.[0];
  if (d) return { val: { derived: d.id }, as: a.segments.find((s) => s.val?.derived === d.id)?.as ?? d.value };
  if (run.boolean !== undefined) return { text: run.boolean ? t.yes : t.no };
  const values = a.segments.filter((s) => s.val);
  return values.length === 1 ? values[0]! : null;
}

function Sentence({ run }: { run: Run }) {
  const big = headline(run);
  const o = outcome(run);
  const length = (big?.as ?? big?.text ?? "").length;
  return (
    <div class={run.answer ? "ans in" : "ans"}>
      {run.answer ? (
        <>
          {big ? (
            <div class={length > 22 ? "big long" : length > 10 ? "big mid" : "big"}>
              <Piece run={run} seg={big} />
            </div>
          ) : null}
          <p>
            {(same(big, run.answer.segments[0]) ? run.answer.segments.slice(1) : run.answer.segments).map((s, i) => (
              <Piece key={i} run={run} seg={s} />
            ))}
          </p>
        </>
      ) : o === "cancelled" ? (
        <p role="status">{t.ask.stopped(run.rows.length)}</p>
      ) : o === "running" ? (
        <p class="waiting">{run.haveRows ? t.ask.checking : t.ask.working}</p>
      ) : (
        <p role="status">{run.problem?.title ?? t.ask.noSentence}</p>
      )}
    </div>
  );
}

/** The value is not said twice: a sentence that begins with it goes on after it. */
const same = (a: Segment | null, b: Segment | undefined): boolean => a !== null && b !== undefined && JSON.stringify(a) === JSON.stringify(b);

const firstRows = 5;
const inlineRows = 50;

function Rows({ run }: { run: Run }) {
  const all = useSignal(false);
  const o = outcome(run);
  if (!run.haveRows) {
    return o === "running" ? <div class="rowbox wait" aria-hidden="true"><span class="bar b0" /><span class="bar b1" /><span class="bar b2" /></div> : null;
  }
  if (run.boolean !== undefined && run.rows.length === 0) {
    return <div class="rowbox"><p class="pad">{run.boolean ? t.ask.holds : t.ask.holdsNot}</p></div>;
  }
  const total = run.total ?? run.rows.length;
  const shown = run.rows.slice(0, all.value ? inlineRows : firstRows);
  const chosen = selected.value;
  const numeric = (v: string) => run.rows.every((r) => { const x = r[v]; return !x || (x.type !== "triple" && x.type !== "uri" && x.type !== "bnode" && isNumeric(x.datatype)); });
  const numericVars = new Set(run.vars.filter(numeric));
  const derived = run.answer?.derived ?? [];
  const head = (v: string) => (run.vars.length === 1 ? heading(v) : headingOf(v));
  return (
    <div class="rowbox" id="rows">
      <div class="scroll" tabIndex={0} role="region" aria-label={t.ask.rowsRegion}>
        <table aria-label={t.ask.rowsLabel} class={run.vars.length > 4 ? "rows wide" : "rows"} style={{ minWidth: run.vars.length > 4 ? "100%" : `${run.vars.length * 140 + 290}px` }}>
          <thead>
            <tr>
              {run.vars.map((v) => (
                <th key={v} class={numericVars.has(v) ? "n" : ""} scope="col">
                  {head(v)}
                </th>
              ))}
              <th scope="col" class="kind">{t.ask.kindColumn}</th>
              <th scope="col" class="from">{t.ask.sourceColumn}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => {
              const support = statementsOfRow(run, i);
              const on = chosen !== "" && support.some((s) => s.id === chosen);
              return (
                <tr key={i} class={on ? "sel" : ""}>
                  {run.vars.map((v) => (
                    <td key={v} class={numericVars.has(v) ? "n" : ""}>
                      <TermView term={row[v]} group />
                    </td>
                  ))}
                  <td>
                    <KindTag kind={run.kinds[i] ?? "stated"} />
                  </td>
                  <td>
                    <SourceCell run={run} row={i} first={support[0]?.id} statements={support.length} />
                  </td>
                </tr>
              );
            })}
            {derived.map((d) => (
              <DerivedRow key={d.id} run={run} derived={d} columns={run.vars.length} />
            ))}
          </tbody>
        </table>
      </div>
      {total > shown.length ? (
        <p class="more">
          {run.rows.length > firstRows && !all.value ? (
            <button type="button" class="plain" onClick={() => (all.value = true)}>
              {t.ask.showRows(Math.min(run.rows.length, inlineRows))}
            </button>
          ) : null}
          <span class="small">{t.ask.shownOf(shown.length, count(total))}</span>
        </p>
      ) : null}
    </div>
  );
}

const heading = (v: string): string => (v.length === 1 ? t.ask.answerColumn : headingOf(v));
const headingOf = (v: string): string => v.replace(/[_-]+/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().replace(/^./, (c) => c.toUpperCase());

function SourceCell({ run, row, first, statements }: { run: Run; row: number; first?: string; statements: number }) {
  if (!first) return <span class="small">{outcome(run) === "running" ? "…" : "–"}</span>;
  const span = run.spans.find((s) => run.statements.find((x) => x.id === first)?.spans?.includes(s.id));
  const text = span ? [span.page ? t.page(span.page) : "", visible(span.title ?? span.doc)].filter(Boolean).join(", ") : t.statements(statements);
  return (
    <a href={`?sel=${encodeURIComponent(first)}#proof`} title={text} onClick={(e) => select(e, first)}>
      {text}
      <span class="vh"> {t.ask.ofRow(row + 1)}</span>
    </a>
  );
}

function DerivedRow({ run, derived: d, columns }: { run: Run; derived: Derived; columns: number }) {
  const check = recompute(d, run.rows);
  const shown = run.answer?.segments.find((s) => s.val?.derived === d.id)?.as ?? run.answer?.headline?.as ?? d.value;
  const formula = d.formula.replace(/[a-z]/g, (c) => {
    const m = /^r(\d+)\.(.+)$/.exec(d.operands[c.charCodeAt(0) - 97] ?? "");
    const cell: Term | undefined = m ? run.rows[Number(m[1])]?.[m[2]!] : undefined;
    return cell && cell.type !== "triple" ? grouped(cell.value) : c;
  }).replace(/\s*([-+*/])\s*/g, (_, op: string) => ` ${{ "-": "−", "+": "+", "*": "×", "/": "÷" }[op]} `);
  return (
    <tr class="computed">
      <td colSpan={columns}>
        {d.label ?? t.ask.computed} <b class="num">{shown}</b>
      </td>
      <td>
        <KindTag kind="derived" />
      </td>
      <td>
        <code>{formula}</code>{" "}
        {check === "differs" ? <span class="tag warn">{t.ask.differs}</span> : check === "same" ? <span class="small">{t.ask.recomputed}</span> : null}
      </td>
    </tr>
  );
}

function Verdict({ run }: { run: Run }) {
  const why = useSignal(false);
  const c = run.verdict?.confidence;
  const calibrated = run.calibration && c;
  const rests = (run.verdict?.rests ?? []).map((x) => visible(typeof x === "string" ? x : `${x.label}: ${x.value}`));
  if (!run.verdict) return <div class="conf wait" aria-hidden="true" />;
  return (
    <div class={calibrated ? "conf" : "conf plainconf"}>
      {calibrated ? <Scale c={c} threshold={run.calibration!.threshold} /> : null}
      <div>
        {calibrated ? (
          <>
            <strong>{t.ask.of100(c.value)}</strong> {t.ask.wereRight}{" "}
            <span class="small">{t.ask.interval(c.low, c.high, count(c.n), run.calibration!.threshold)}</span>
          </>
        ) : (
          <span class="small">{[rests[0], t.ask.notCalibrated].filter(Boolean).join("; ")}</span>
        )}{" "}
        {rests.length > 0 ? (
          <button type="button" class="textlink small" aria-expanded={why.value} onClick={() => (why.value = !why.value)}>
            {t.ask.restsOn}
          </button>
        ) : null}
        {why.value ? (
          <ul class="rests small">
            {rests.map((r) => (
              <li key={r}>{r}</li>
            ))}
          </ul>
        ) : null}
      </div>
    </div>
  );
}

function Scale({ c, threshold }: { c: Confidence; threshold: number }) {
  const x = (v: number) => 6 + 1.6 * v;
  return (
    <svg class="scale" viewBox="0 0 172 36" role="img" aria-label={t.ask.scaleName(c.value, c.low, c.high, threshold)}>
      <path class="t0" d="M6 11h160" />
      <path class="t1" d={`M${x(c.low)} 11H${x(c.high)}`} />
      <path class="t2" d={`M${x(threshold)} 3v16`} />
      <circle cx={x(c.value)} cy="11" r="5.5" />
      <text x="2" y="33">0</text>
      <text x={x(threshold)} y="33" text-anchor="middle">
        {threshold}
      </text>
    </svg>
  );
}

function Refused({ run, refusal }: { run: Run; refusal: Refusal }) {
  const needs = (refusal.needs ?? []).map((n): Need => (typeof n === "string" ? { label: n } : { ...n, label: visible(n.label) }));
  const actions = needs.filter((n) => n.iri || n.question || n.reading || n.sparql || n.href);
  const notes = needs.filter((n) => !actions.includes(n));
  return (
    <div class="refusal" role="status">
      <h2>{t.ask.notAnswered}</h2>
      <p class="message">{visible(refusal.message)}</p>
      {refusal.tried && refusal.tried.length > 0 ? (
        <>
          <h3>{t.ask.tried}</h3>
          <ul>{refusal.tried.map((x) => <li key={x}>{visible(x)}</li>)}</ul>
        </>
      ) : null}
      {notes.length > 0 ? (
        <>
          <h3>{t.ask.needed}</h3>
          <ul>{notes.map((x) => <li key={x.label}>{visible(x.label)}</li>)}</ul>
        </>
      ) : null}
      <p class="actions">
        {actions.map((n, i) => (
          <NeedAction key={n.label} run={run} need={n} primary={i === 0} />
        ))}
        {actions.length === 0 ? (
          <a class="btn" href={href(links.ask(run.question))}>
            {t.ask.rephrase}
          </a>
        ) : null}
        {refusal.code === "no-fact" && !run.inferred ? (
          <button type="button" onClick={() => start({ question: run.question, inferred: true })}>
            {t.ask.allowInferred}
          </button>
        ) : null}
      </p>
      <p class="small">
        {t.ask.code} <code>{refusal.code}</code>
        {run.calibration && run.verdict?.confidence ? <> · {t.ask.below(run.verdict.confidence.value, run.calibration.threshold)}</> : null}
      </p>
    </div>
  );
}

function NeedAction({ run, need, primary }: { run: Run; need: Need; primary: boolean }) {
  const cls = primary ? "btn primary" : "btn";
  if (need.iri) {
    const m = run.mentions.find((x) => x.i === need.mention);
    if (m) {
      return (
        <button type="button" class={cls} onClick={() => start({ question: run.question, at: run.at || undefined, links: [{ from: m.from, to: m.to, iri: need.iri! }] })}>
          {need.label}
        </button>
      );
    }
    return <a class={cls} href={href(links.entity(need.iri))}>{need.label}</a>;
  }
  if (need.question) {
    return <button type="button" class={cls} onClick={() => start({ question: need.question! })}>{need.label}</button>;
  }
  if (need.reading) {
    return <button type="button" class={cls} onClick={() => start({ question: run.question, at: run.at || undefined, reading: need.reading })}>{need.label}</button>;
  }
  if (need.sparql) return <OpenQuery sparql={need.sparql} label={need.label} class={cls} />;
  return <a class={cls} href={need.href?.startsWith("/") ? href(need.href) : "#answer"}>{need.label}</a>;
}

function Failed({ run }: { run: Run }) {
  return (
    <div class="failed">
      <ProblemCard bare problem={run.problem ?? { type: "internal", title: t.problem.ended }} retry={run.question !== "" ? again : undefined} />
      {run.query ? (
        <p class="pad">
          {t.ask.draftKept} <OpenQuery sparql={run.query.sparql} label={t.openInQuery} class="btn" />
        </p>
      ) : null}
    </div>
  );
}

function Foot({ run }: { run: Run }) {
  const wrong = useSignal(false);
  const given = useSignal("");
  const send = async (verdict: "right" | "wrong", kind?: string, note?: string) => {
    try {
      await api.feedback(run.id, verdict, kind, note);
      given.value = verdict;
      toast(t.ask.thanks);
    } catch (e) {
      toast(t.ask.noFeedback(asProblem(e).title));
    }
  };
  return (
    <div class="foot">
      {run.query ? <OpenQuery sparql={run.query.sparql} label={t.openInQuery} class="btn" /> : null}
      <ExportMenu run={run} />
      <button type="button" onClick={() => void copyText(pinnedLink(run), t.linkCopied)}>
        {t.copyLink}
      </button>
      <span class="sp" />
      {outcome(run) === "answered" || outcome(run) === "refused" ? (
        <>
          <span class="small">{t.ask.rightAnswer}</span>
          <button type="button" class="plain icon" aria-label={t.ask.right} title={t.ask.right} aria-pressed={given.value === "right"} onClick={() => void send("right")}>
            <Icon name="up" />
          </button>
          <button type="button" class="plain icon" aria-label={t.ask.wrong} title={t.ask.wrong} aria-pressed={given.value === "wrong"} onClick={() => (wrong.value = true)}>
            <Icon name="down" />
          </button>
        </>
      ) : null}
      {wrong.value ? <WrongDialog onClose={() => (wrong.value = false)} onSend={(k, n) => { wrong.value = false; void send("wrong", k, n); }} /> : null}
    </div>
  );
}

function pinnedLink(run: Run): string {
  const u = new URL(location.href);
  if (run.at !== "") u.searchParams.set("at", run.at);
  return u.href;
}

function WrongDialog({ onClose, onSend }: { onClose: () => void; onSend: (kind: string, note: string) => void }) {
  const note = useSignal("");
  const kind = useSignal("wrong thing");
  return (
    <Dialog label={t.ask.whatWrong} onClose={onClose}>
      <DialogHead title={t.ask.whatWrong} onClose={onClose} />
      <form
        class="pad form"
        onSubmit={(e) => {
          e.preventDefault();
          onSend(kind.value, note.value);
        }}
      >
        <fieldset>
          <legend class="vh">{t.ask.whatWrong}</legend>
          {Object.entries(t.ask.wrongKinds).map(([k, label]) => (
            <label key={k}>
              <input type="radio" name="kind" value={k} checked={kind.value === k} onChange={() => (kind.value = k)} /> {label}
            </label>
          ))}
        </fieldset>
        <label>
          {t.ask.note}
          <textarea rows={2} maxLength={1000} value={note.value} onInput={(e) => (note.value = e.currentTarget.value)} />
        </label>
        <button type="submit" class="primary">
          {t.send}
        </button>
      </form>
    </Dialog>
  );
}
