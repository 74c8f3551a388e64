// The facts of a document: value, unit, period, place; as this document states
// them, as first reported or as restated last.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api } from "../core/api.ts";
import { count, visible } from "../core/format.ts";
import { href, links, route, set } from "../core/router.ts";
import type { FactItem, FactPage, Problem } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { grouped } from "../shell/term.tsx";
import { asProblem, Card, ProblemCard, Skeleton } from "../shell/widgets.tsx";
import { period } from "./view.tsx";

const bases = ["all", "first", "latest"] as const;

export function FactTable({ doc }: { doc: string }) {
  const as = route.value.params.get("as") ?? "all";
  const concept = useSignal(route.value.params.get("concept") ?? "");
  const page = useSignal<FactPage | null>(null);
  const more = useSignal<FactItem[]>([]);
  const problem = useSignal<Problem | null>(null);
  const load = (cursor?: string) => {
    const abort = new AbortController();
    problem.value = null;
    api.facts(doc, as, concept.value.trim(), cursor, abort.signal).then(
      (x) => {
        more.value = cursor === undefined ? x.items : [...more.value, ...x.items];
        page.value = x;
        document.title = `${t.sources.facts}: ${x.document.title} · Quaestor`;
      },
      (e) => {
        if (!abort.signal.aborted) problem.value = asProblem(e);
      },
    );
    return () => abort.abort();
  };
  useEffect(() => {
    const timer = setTimeout(() => {
      set({ concept: concept.value.trim() });
      stop = load();
    }, page.value ? 200 : 0);
    let stop = () => {};
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [doc, as, concept.value]);
  const p = page.value;
  return (
    <main id="main" class="page" tabIndex={-1}>
      <h1>{p ? <bdi>{visible(p.document.title)}</bdi> : t.sources.facts}</h1>
      {p ? (
        <p class="small ids">
          {[p.document.form, period(p.document), t.sources.factCount(p.total)].filter(Boolean).join(" · ")}{" "}
          <a href={href(links.source(p.document.id))}>{t.sources.read}</a>
        </p>
      ) : null}
      <p class="filter">
        <input id="search" type="text" aria-label={t.sources.concept} placeholder={t.sources.concept} value={concept.value} onInput={(e) => (concept.value = e.currentTarget.value)} />
        <span class="seg" role="group" aria-label={t.sources.basis}>
          {bases.map((b) => (
            <button type="button" key={b} aria-pressed={as === b} onClick={() => set({ as: b === "all" ? undefined : b })}>
              {t.sources.bases[b]}
            </button>
          ))}
        </span>
      </p>
      {problem.value ? <ProblemCard problem={problem.value} retry={() => void load()} /> : null}
      {!p && !problem.value ? <Skeleton rows={8} label={t.loading} /> : null}
      {p ? (
        <Card label={t.sources.factTable}>
          <div class="scroll" tabIndex={0} role="region" aria-label={t.sources.facts}>
            <table class="facts-table">
              <thead>
                <tr>
                  <th scope="col">{t.sources.concept}</th>
                  <th scope="col" class="n">{t.sources.value}</th>
                  <th scope="col">{t.sources.unit}</th>
                  <th scope="col">{t.sources.periodHead}</th>
                  <th scope="col">{t.sources.place}</th>
                </tr>
              </thead>
              <tbody>
                {more.value.map((f) => <FactRow key={f.iri} fact={f} />)}
              </tbody>
            </table>
          </div>
          {more.value.length === 0 ? <p class="pad small">{t.sources.noFacts}</p> : null}
          {p.next ? (
            <div class="more">
              <button type="button" onClick={() => void load(p.next)}>{t.sources.moreFacts(p.total - more.value.length)}</button>
            </div>
          ) : null}
        </Card>
      ) : null}
    </main>
  );
}

/** unit is the unit as people write it: USD, USD per share. */
export function unit(u: string | undefined): string {
  return (u ?? "").split("/").map((x) => x.split(":").pop()!).join(" / ").replace(" / shares", t.sources.perShare);
}

/** rounding says what a value's stated decimals mean. */
export function rounding(decimals: string): string {
  const places = Number(decimals);
  if (decimals === "INF" || !Number.isInteger(places) || Math.abs(places) > 15) return t.sources.exact;
  return t.sources.roundedTo(places > 0 ? (10 ** -places).toFixed(places) : count(10 ** -places));
}

export function periodOf(f: { start?: string; end?: string }): string {
  if (!f.end) return "";
  return f.start ? `${f.start} – ${f.end}` : f.end;
}

function FactRow({ fact: f }: { fact: FactItem }) {
  const restated = (f.versions ?? []).filter((v) => v.differs);
  const span = href(links.source(f.span.doc, f.span));
  return (
    <tr>
      <td>
        <bdi>{visible(f.label)}</bdi> {f.own ? <span class="lang" title={t.sources.own}>{t.sources.ownShort}</span> : null}
        {f.dims?.map((d, i) => <span class="chip small" key={i} title={d.axis}>{visible(d.member)}</span>)}
        <span class="curie">{f.name}</span>
      </td>
      <td class={f.numeric ? "n num" : "text"}>
        {f.nil ? <span class="null" title={t.sources.nil}>–</span> : (
          <a class="door" href={span} title={f.numeric ? f.value : undefined}>{f.numeric ? grouped(f.value.replace(/\.0+$/, "")) : visible(f.value.slice(0, 160))}</a>
        )}
        {restated.map((v) => (
          <span class="version small" key={v.doc}>
            ≠ <a href={href(links.source(v.span.doc, v.span))}>{grouped(v.value.replace(/\.0+$/, ""))}</a> {t.sources.inFiling(v.title)}
          </span>
        ))}
      </td>
      <td>{unit(f.unit)}{f.decimals && f.numeric ? <span class="small rounding" title={t.sources.decimals}>{rounding(f.decimals)}</span> : null}</td>
      <td class="dates">{periodOf(f)}</td>
      <td>{f.page ? <a href={span}>{t.page(f.page)}</a> : <span class="small">{t.sources.hidden}</span>}{f.row ? <span class="small row-head"> {visible(f.row.slice(0, 80))}</span> : null}</td>
    </tr>
  );
}
