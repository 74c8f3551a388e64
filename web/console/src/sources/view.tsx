// Sources: the documents, their pages with the cited bytes marked, and their
// facts. Pages come as typed blocks and are drawn here: a document's own markup
// never reaches the console.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { api } from "../core/api.ts";
import { bytes, visible } from "../core/format.ts";
import { href, links, route, set } from "../core/router.ts";
import type { DocumentItem, Problem, SourceBlock, SourcePage, SourceRun, SpanQuote } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon, type IconName } from "../shell/icons.tsx";
import { asProblem, Card, copyText, ProblemCard, Skeleton } from "../shell/widgets.tsx";
import { FactTable } from "./facts.tsx";
import { Forget } from "./forget.tsx";

export function SourcesView() {
  const [doc, part] = route.value.rest;
  if (doc === undefined) return <List />;
  return part === "facts" ? <FactTable key={doc} doc={doc} /> : <Reader key={doc} doc={doc} />;
}

/** title is how a document is named in lists and headings. */
export function period(d: DocumentItem): string {
  return [d.fiscalPeriod && d.fiscalYear ? `${d.fiscalPeriod} ${d.fiscalYear}` : "", d.periodEnd ? t.sources.to(d.periodEnd) : ""].filter(Boolean).join(", ");
}

function List() {
  const items = useSignal<DocumentItem[] | null>(null);
  const problem = useSignal<Problem | null>(null);
  const text = useSignal(route.value.params.get("filer") ?? "");
  const load = () => {
    problem.value = null;
    api.documents().then((r) => (items.value = r.items), (e) => (problem.value = asProblem(e)));
  };
  useEffect(() => {
    document.title = `${t.sources.title} · Quaestor`;
    load();
  }, []);
  const needle = text.value.trim().toLowerCase();
  const shown = (items.value ?? []).filter((d) => needle === "" || [d.title, d.filer, d.form, d.name, d.accession, String(d.fiscalYear ?? "")].some((x) => x?.toLowerCase().includes(needle)));
  return (
    <main id="main" class="page" tabIndex={-1}>
      <h1>{t.sources.title}</h1>
      <p class="lead">{t.sources.lead}</p>
      {problem.value ? <ProblemCard problem={problem.value} retry={load} /> : null}
      {!items.value && !problem.value ? <Skeleton rows={5} label={t.loading} /> : null}
      {items.value?.length === 0 ? <p>{t.sources.none}</p> : null}
      {items.value && items.value.length > 0 ? (
        <>
          <p class="filter">
            <input id="search" type="text" aria-label={t.sources.filter} placeholder={t.sources.filter} value={text.value} onInput={(e) => {
              text.value = e.currentTarget.value;
              set({ filer: text.value });
            }} />
            <span class="small" role="status">{t.sources.documents(shown.length)}</span>
          </p>
          <Card label={t.sources.title}>
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th scope="col">{t.sources.filer}</th>
                    <th scope="col">{t.sources.document}</th>
                    <th scope="col">{t.sources.periodHead}</th>
                    <th scope="col">{t.sources.filed}</th>
                    <th scope="col" class="n">{t.sources.pages}</th>
                    <th scope="col"><span class="vh">{t.sources.facts}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {shown.slice(0, 500).map((d) => (
                    <tr key={d.id}>
                      <td>{d.company ? <a href={href(links.entity(d.company))}><bdi>{visible(d.filer ?? d.company)}</bdi></a> : null}</td>
                      <td>
                        <a href={href(links.source(d.id))}><bdi>{visible(d.title)}</bdi></a>
                        {d.amends ? <span class="small"> {t.sources.amends(d.amends)}</span> : null}
                      </td>
                      <td>{period(d)}</td>
                      <td>{d.filed}</td>
                      <td class="n">{d.pages}</td>
                      <td><a href={href(links.facts(d.id))}>{t.sources.facts}<span class="vh"> {visible(d.title)}</span></a></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {shown.length > 500 ? <p class="pad small">{t.sources.narrow(500)}</p> : null}
          </Card>
        </>
      ) : null}
    </main>
  );
}

const stateIcon: Record<string, IconName> = { unchanged: "check", moved: "open", changed: "warn", missing: "cross", unchecked: "dot" };

function Reader({ doc }: { doc: string }) {
  const params = route.value.params;
  const span = params.get("span") ?? "";
  const hash = params.get("h") ?? "";
  const wanted = params.get("p") ?? "";
  const page = useSignal<SourcePage | null>(null);
  const quote = useSignal<SpanQuote | null>(null);
  const problem = useSignal<Problem | null>(null);
  const body = useRef<HTMLDivElement>(null);
  const load = () => {
    const abort = new AbortController();
    problem.value = null;
    api.blocks(doc, wanted, span, abort.signal).then(
      (x) => {
        page.value = x;
        document.title = `${x.document.title} · Quaestor`;
      },
      (e) => {
        if (!abort.signal.aborted) problem.value = asProblem(e);
      },
    );
    return () => abort.abort();
  };
  useEffect(load, [doc, wanted, span]);
  useEffect(() => {
    quote.value = null;
    if (span === "") return;
    const abort = new AbortController();
    api.span(doc, span, hash, abort.signal).then((q) => (quote.value = q), () => {});
    return () => abort.abort();
  }, [doc, span, hash]);
  // The cited bytes stand at a third of the height.
  useEffect(() => {
    const mark = body.current?.querySelector<HTMLElement>("mark");
    if (!mark) return;
    const table = mark.closest<HTMLElement>(".scroll");
    if (table) table.scrollLeft = Math.max(0, mark.getBoundingClientRect().right - table.getBoundingClientRect().right + 24);
    const y = mark.getBoundingClientRect().top + scrollY - innerHeight / 3;
    scrollTo({ top: Math.max(0, y) });
  }, [page.value]);
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      const el = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey || /^(?:INPUT|TEXTAREA|SELECT)$/.test(el.tagName)) return;
      if (e.key === "n") turn(1);
      else if (e.key === "p") turn(-1);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  const turn = (by: number) => {
    const p = page.value;
    if (!p) return;
    const next = p.page + by;
    if (next < 1 || next > p.pages) return;
    set({ p: String(next) }, { replace: false });
    scrollTo({ top: 0 });
  };
  const p = page.value;
  if (problem.value && !p) {
    return (
      <main id="main" class="page" tabIndex={-1}>
        <ProblemCard problem={problem.value} retry={load} />
      </main>
    );
  }
  if (!p) {
    return (
      <main id="main" class="page" tabIndex={-1}>
        <Skeleton rows={8} label={t.loading} />
      </main>
    );
  }
  const d = p.document;
  return (
    <main id="main" class="page" tabIndex={-1}>
      <h1><bdi>{visible(d.title)}</bdi></h1>
      <p class="small ids">
        {[d.form, period(d), d.filed ? t.sources.filedOn(d.filed) : "", d.accession].filter(Boolean).join(" · ")}
      </p>
      <p class="actions">
        <a class="btn" href={href(links.facts(d.id))}>{t.sources.factTable}</a>
        <a class="btn" href={href(`/api/documents/${encodeURIComponent(d.id)}/file`)} target="_blank" rel="noopener">{t.sources.asFiled} <Icon name="open" /></a>
        <Forget document={d} />
      </p>
      {problem.value ? <ProblemCard problem={problem.value} retry={load} /> : null}
      <div class="columns reading">
        <section class="card sheet-page" aria-label={t.sources.pageOf(p.page, p.pages)} ref={body}>
          <Turn page={p.page} pages={p.pages} turn={turn} />
          <div class="blocks">
            {p.blocks.length === 0 ? <p class="small">{t.sources.emptyPage}</p> : null}
            {p.blocks.map((b, i) => <BlockView key={i} block={b} />)}
          </div>
          <Turn page={p.page} pages={p.pages} turn={turn} />
        </section>
        <aside>
          {span !== "" ? <Cited quote={quote.value} document={d} /> : null}
          <Card title={t.sources.about} label={t.sources.about}>
            <dl class="facts pad">
              {d.company ? (<><dt>{t.sources.filer}</dt><dd><a href={href(links.entity(d.company))}>{visible(d.filer ?? d.company)}</a></dd></>) : null}
              <dt>{t.sources.file}</dt>
              <dd class="wrap">{visible(d.name)}, {bytes(d.bytes)}</dd>
              <dt>SHA-256</dt>
              <dd class="mono wrap">{d.sha256}</dd>
            </dl>
          </Card>
        </aside>
      </div>
    </main>
  );
}

function Turn({ page, pages, turn }: { page: number; pages: number; turn: (by: number) => void }) {
  return (
    <div class="turn">
      <button type="button" disabled={page <= 1} onClick={() => turn(-1)}>{t.sources.previous}</button>
      <label class="small">
        {t.sources.page}{" "}
        <input type="text" inputMode="numeric" size={4} value={String(page)} aria-label={t.sources.goToPage} onChange={(e) => {
          const n = Number(e.currentTarget.value);
          if (Number.isInteger(n) && n >= 1 && n <= pages) set({ p: String(n) }, { replace: false });
          else e.currentTarget.value = String(page);
        }} />{" "}
        {t.sources.of(pages)}
      </label>
      <button type="button" disabled={page >= pages} onClick={() => turn(1)}>{t.sources.next}</button>
    </div>
  );
}

/** Cited is the span that a link names, checked against its hash by the server. */
function Cited({ quote, document: d }: { quote: SpanQuote | null; document: DocumentItem }) {
  return (
    <Card title={t.sources.cited} label={t.sources.cited}>
      {quote === null ? (
        <div class="pad"><Skeleton rows={2} label={t.loading} /></div>
      ) : (
        <>
          <blockquote class="doc">
            {quote.before ? <span>{visible(quote.before)} </span> : null}
            <mark>{visible(quote.text)}</mark>
            {quote.after ? <span> {visible(quote.after)}</span> : null}
          </blockquote>
          <div class="foot small">
            <span class={"span-state " + quote.state}>
              <Icon name={stateIcon[quote.state] ?? "dot"} /> {t.proof.spanState[quote.state]}
            </span>
            <span>{t.sources.bytes(quote.start, quote.end)}</span>
            <span class="sp" />
            <button type="button" class="textlink" onClick={() => void copyText(`${d.title}, ${t.page(quote.page ?? 0)}, bytes ${quote.start}-${quote.end}, sha256 ${quote.sha256}`, t.proof.copied)}>
              {t.proof.copy}
            </button>
          </div>
        </>
      )}
    </Card>
  );
}

const Runs = ({ runs }: { runs: SourceRun[] }) => (
  <>
    {runs.map((r, i) => (r.mark ? <mark key={i}>{visible(r.t)}</mark> : <span key={i}>{visible(r.t)}</span>))}
  </>
);

function BlockView({ block: b }: { block: SourceBlock }) {
  if (b.kind === "heading") {
    // A page may begin deep in the document's outline: its headings are siblings here.
    return <h2 class={"level" + Math.min(3, b.level ?? 1)}><Runs runs={b.runs ?? []} /></h2>;
  }
  if (b.kind === "table") {
    return (
      <div class="scroll" tabIndex={0} role="region" aria-label={t.sources.table}>
        <table class="filed">
          <tbody>
            {(b.rows ?? []).map((row, i) => {
              let col = 0;
              return (
                <tr key={i}>
                  {row.cells.flatMap((c, k) => {
                    const gap = c.col - col;
                    col = c.col + Math.max(1, c.span ?? 1);
                    const Cell = c.head ? "th" : "td";
                    const number = /^[\s($€£¥—–-]*[\d,.]+[)%\s]*$/.test(c.runs.map((r) => r.t).join(""));
                    return [
                      ...(gap > 0 ? [<td key={"g" + k} colSpan={gap} />] : []),
                      <Cell key={k} colSpan={Math.max(1, c.span ?? 1)} class={number ? "n" : ""}><Runs runs={c.runs} /></Cell>,
                    ];
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    );
  }
  return <p><Runs runs={b.runs ?? []} /></p>;
}
