// The Query view: write SPARQL, run it, read the rows, see the plan.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { taken } from "../ask/export.tsx";
import { api, postJson } from "../core/api.ts";
import { bytes, count, duration, isNumeric } from "../core/format.ts";
import { pack, unpack } from "../core/pack.ts";
import { route, set } from "../core/router.ts";
import { load, save } from "../core/settings.ts";
import type { Binding, Examples, PlanNode, Problem, Term } from "../core/types.ts";
import { prefixes } from "../sparql/lex.ts";
import { t } from "../strings/en.ts";
import { Icon } from "../shell/icons.tsx";
import { TermView } from "../shell/term.tsx";
import { announce, asProblem, Card, ProblemCard, saveFile, Skeleton } from "../shell/widgets.tsx";
import { Editor } from "./editor.tsx";
import { download, downloads, graphDownloads, runSparql, type SparqlResult } from "./sparql.ts";

const start = "SELECT ?s ?p ?o WHERE {\n  ?s ?p ?o .\n}\nLIMIT 50\n";
const limits = [100, 1000, 10_000];

interface Past {
  text: string;
  when: number;
}

export function QueryView() {
  const text = useSignal("");
  const ready = useSignal(false);
  const limit = useSignal(limits[1]!);
  const result = useSignal<SparqlResult | null>(null);
  const problem = useSignal<Problem | null>(null);
  const running = useSignal(false);
  const plan = useSignal<PlanNode | null>(null);
  const past = useSignal<Past[]>(load<Past[]>("quaestor.queries", []));
  const examples = useSignal<Examples | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => {
    document.title = `${t.query.title} · Quaestor`;
    const given = taken();
    const packed = route.value.params.get("q");
    if (given !== null) {
      text.value = given;
      ready.value = true;
    } else if (packed) {
      void unpack(packed).then((x) => {
        text.value = x ?? start;
        ready.value = true;
      });
    } else {
      text.value = past.value[0]?.text ?? start;
      ready.value = true;
    }
    api.examples().then((x) => (examples.value = x), () => {});
    const stop = () => abort.current?.abort();
    addEventListener("quaestor-stop", stop);
    return () => {
      removeEventListener("quaestor-stop", stop);
      stop();
    };
  }, []);
  const run = async () => {
    if (running.value || text.value.trim() === "") return;
    const own = (abort.current = new AbortController());
    running.value = true;
    problem.value = null;
    plan.value = null;
    result.value = null;
    announce(t.query.running);
    void pack(text.value).then((p) => set({ q: p ?? undefined }));
    past.value = [{ text: text.value, when: Date.now() }, ...past.value.filter((x) => x.text !== text.value)].slice(0, 50);
    save("quaestor.queries", past.value);
    try {
      const r = await runSparql(text.value, { limit: limit.value, signal: own.signal });
      result.value = r;
      announce(r.kind === "rows" ? t.rows(r.rows.length) : r.kind === "boolean" ? (r.boolean ? t.yes : t.no) : t.statements(r.lines));
    } catch (e) {
      problem.value = own.signal.aborted ? { type: "cancelled", title: t.query.stopped, retryable: true } : asProblem(e);
      announce(problem.value.title);
    }
    running.value = false;
  };
  const explain = async () => {
    problem.value = null;
    result.value = null;
    try {
      const p = await postJson<{ root?: PlanNode } & PlanNode>("/api/explain", { text: text.value, run: true });
      plan.value = p.root ?? p;
    } catch (e) {
      problem.value = asProblem(e);
    }
  };
  const format = async () => {
    try {
      const p = await api.parse(text.value, true);
      if (p.formatted) text.value = p.formatted;
      else if (p.errors.length > 0) announce(t.query.errors(p.errors.length));
    } catch (e) {
      problem.value = asProblem(e);
    }
  };
  const choose = (x: string) => {
    text.value = x;
  };
  return (
    <main id="main" class="page query-view" tabIndex={-1}>
      <h1>{t.query.title}</h1>
      <div class="columns">
        <div>
          <section
            class="card"
            aria-label={t.query.editor}
            onKeyDown={(e) => {
              if (e.ctrlKey && e.shiftKey && e.key.toLowerCase() === "f") {
                e.preventDefault();
                void format();
              }
            }}
          >
            {ready.value ? <Editor text={text.value} label={t.query.editor} onChange={(x) => (text.value = x)} onRun={() => void run()} /> : <div class="editor-wait" />}
            <div class="foot">
              {running.value ? (
                <button type="button" class="danger" onClick={() => abort.current?.abort()} aria-keyshortcuts="Control+.">
                  <Icon name="stop" /> {t.stop}
                </button>
              ) : (
                <button type="button" class="primary" onClick={() => void run()} aria-keyshortcuts="Control+Enter">
                  <Icon name="run" /> {t.run}
                </button>
              )}
              <button type="button" onClick={() => void format()}>{t.query.format}</button>
              <button type="button" onClick={() => void explain()}>{t.query.explain}</button>
              <span class="sp" />
              <label class="small inline">
                {t.query.limit}{" "}
                <select value={String(limit.value)} onChange={(e) => (limit.value = Number(e.currentTarget.value))}>
                  {limits.map((n) => (
                    <option key={n} value={String(n)}>
                      {count(n)}
                    </option>
                  ))}
                </select>
              </label>
            </div>
          </section>
          {problem.value ? <ProblemCard problem={problem.value} retry={() => void run()} /> : null}
          {running.value ? (
            <Card label={t.query.results}>
              <Skeleton rows={5} label={t.query.running} />
            </Card>
          ) : null}
          {result.value ? <ResultCard result={result.value} text={text.value} /> : null}
          {plan.value ? (
            <Card title={t.query.plan} label={t.query.plan}>
              <ul class="plan">
                <Plan node={plan.value} />
              </ul>
            </Card>
          ) : null}
          {!problem.value && !running.value && !result.value && !plan.value ? <p class="small pad">{t.query.ready}</p> : null}
        </div>
        <aside aria-label={t.query.history}>
          {(examples.value?.queries ?? []).length > 0 ? (
            <Card title={t.query.examples} label={t.query.examples}>
              <ul class="picks">
                {examples.value!.queries!.map((x) => (
                  <li key={x.title}>
                    <button type="button" class="pick" onClick={() => choose(x.sparql)}>
                      {x.title}
                    </button>
                  </li>
                ))}
              </ul>
            </Card>
          ) : null}
          <Card title={t.query.history} label={t.query.history}>
            {past.value.length === 0 ? <p class="small pad">{t.query.noHistory}</p> : null}
            <ul class="picks">
              {past.value.slice(0, 12).map((x) => (
                <li key={x.when}>
                  <button type="button" class="pick mono small" title={x.text} onClick={() => choose(x.text)}>
                    {x.text.replace(/^\s*(?:PREFIX|BASE)\b.*$/gim, "").replace(/\s+/g, " ").trim().slice(0, 80)}
                  </button>
                </li>
              ))}
            </ul>
          </Card>
        </aside>
      </div>
    </main>
  );
}

function ResultCard({ result: r, text }: { result: SparqlResult; text: string }) {
  const problem = useSignal<Problem | null>(null);
  const names = prefixes(text);
  const save = async (accept: string, extension: string) => {
    try {
      saveFile("result." + extension, accept, await download(text, accept));
    } catch (e) {
      problem.value = asProblem(e);
    }
  };
  const note = r.kind === "rows" ? t.query.took(t.rows(r.rows.length), duration(r.ms)) : r.kind === "graph" ? t.query.took(t.statements(r.lines), duration(r.ms)) : duration(r.ms);
  return (
    <Card title={t.query.results} note={note} label={t.query.results}>
      {r.kind === "boolean" ? <p class="big pad">{r.boolean ? t.yes : t.no}</p> : null}
      {r.kind === "graph" ? (
        <pre tabIndex={0} role="region" aria-label={t.query.rowsRegion}>
          {r.text}
        </pre>
      ) : null}
      {r.kind === "rows" ? <Table vars={r.vars} rows={r.rows} names={names} /> : null}
      {problem.value ? <ProblemCard bare problem={problem.value} /> : null}
      <div class="foot">
        {r.cut ? <span class="small">{t.query.cut(count(r.kind === "rows" ? r.rows.length : r.kind === "graph" ? r.lines : 0))}</span> : null}
        <span class="sp" />
        <span class="small">{t.query.download}</span>
        {(r.kind === "graph" ? graphDownloads : downloads).map((d) => (
          <button type="button" key={d.label} class="plain" onClick={() => void save(d.accept, d.extension)}>
            {d.label}
          </button>
        ))}
      </div>
    </Card>
  );
}

const rowHeight = 33;
const tableHeight = 480;

/** Table draws only the rows in view, so that ten thousand scroll like fifty. */
function Table({ vars, rows, names }: { vars: string[]; rows: Binding[]; names: Record<string, string> }) {
  const top = useSignal(0);
  const sort = useSignal<{ v: string; down: boolean } | null>(null);
  if (rows.length === 0) return <p class="pad">{t.query.empty}</p>;
  let list = rows;
  const s = sort.value;
  if (s) {
    const key = (b: Binding): string | number => {
      const x = b[s.v];
      if (!x || x.type === "triple") return "";
      return x.type !== "uri" && x.type !== "bnode" && isNumeric(x.datatype) ? Number(x.value) : x.value;
    };
    list = [...rows].sort((a, b) => {
      const x = key(a);
      const y = key(b);
      const c = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return s.down ? -c : c;
    });
  }
  const isNumber = (x: Term | undefined) => x === undefined || (x.type !== "triple" && x.type !== "uri" && x.type !== "bnode" && isNumeric(x.datatype));
  const numeric = new Set(vars.filter((v) => rows.slice(0, 200).every((b) => isNumber(b[v])) && rows.some((b) => b[v])));
  const virtual = list.length > 100;
  const first = virtual ? Math.max(0, Math.floor(top.value / rowHeight) - 10) : 0;
  const last = virtual ? Math.min(list.length, first + Math.ceil(tableHeight / rowHeight) + 20) : list.length;
  const spacer = (n: number) =>
    n > 0 ? (
      <tr aria-hidden="true" class="spacer">
        <td
          colSpan={vars.length}
          ref={(el) => {
            if (el) el.style.height = `${n * rowHeight}px`;
          }}
        />
      </tr>
    ) : null;
  return (
    <div class={virtual ? "scroll tall" : "scroll"} tabIndex={0} role="region" aria-label={t.query.rowsRegion} onScroll={(e) => (top.value = e.currentTarget.scrollTop)}>
      <table class={virtual ? "rows fixed" : "rows"} aria-rowcount={list.length + 1}>
        <thead>
          <tr>
            {vars.map((v) => (
              <th scope="col" key={v} class={numeric.has(v) ? "n" : ""} aria-sort={s?.v === v ? (s.down ? "descending" : "ascending") : "none"}>
                <button type="button" class="textlink" title={t.query.sort(v)} onClick={() => (sort.value = { v, down: s?.v === v && !s.down })}>
                  {v}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {spacer(first)}
          {list.slice(first, last).map((b, i) => (
            <tr key={first + i} aria-rowindex={first + i + 2}>
              {vars.map((v) => {
                const x = b[v];
                return (
                  <td key={v} class={numeric.has(v) ? "n" : ""}>
                    <TermView term={x} prefixes={names} />
                  </td>
                );
              })}
            </tr>
          ))}
          {spacer(list.length - last)}
        </tbody>
      </table>
    </div>
  );
}

/** How far an estimate was off, when it matters (a factor of ten). */
function off(estimate: number | undefined, actual: number | undefined): number {
  if (estimate === undefined || actual === undefined || estimate < 0) return 1;
  const a = Math.max(1, estimate);
  const b = Math.max(1, actual);
  return Math.max(a / b, b / a);
}

function Plan({ node }: { node: PlanNode }) {
  const actual = node.actual ?? (node.analyzed ? node.rows : undefined);
  const factor = off(node.estimate, actual);
  const facts = [
    node.estimate !== undefined && node.estimate >= 0 ? `≈ ${count(Math.round(node.estimate))} ${t.query.estimated}` : "",
    actual !== undefined ? `${count(actual)} ${t.query.actual}` : "",
    node.ms !== undefined ? duration(node.ms) : "",
    node.memory ? bytes(node.memory) : "",
  ].filter(Boolean);
  return (
    <li>
      <b>{node.op}</b> {node.detail ? <code>{node.detail}</code> : null} <span class="small">{facts.join(" · ")}</span>{" "}
      {factor >= 10 ? <span class="tag warn">{t.query.off(count(Math.round(factor)))}</span> : null}
      {node.children && node.children.length > 0 ? (
        <ul>
          {node.children.map((c, i) => (
            <Plan key={i} node={c} />
          ))}
        </ul>
      ) : null}
    </li>
  );
}
