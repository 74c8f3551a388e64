// The entity page: every statement about a thing, grouped by property.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { OpenQuery } from "../ask/export.tsx";
import { api } from "../core/api.ts";
import { count, visible } from "../core/format.ts";
import { go, href, links, route } from "../core/router.ts";
import type { Entity, EntityGroup, Likely, Problem, SearchItem, Term } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { ExternalLink, KindTag, TermView, termText } from "../shell/term.tsx";
import { asProblem, Card, copyText, ProblemCard, Skeleton } from "../shell/widgets.tsx";

export function ExploreView() {
  const iri = route.value.params.get("iri");
  return iri ? <EntityPage key={iri} iri={iri} /> : <Find />;
}

function Find() {
  const text = useSignal(route.value.params.get("q") ?? "");
  const found = useSignal<SearchItem[] | null>(null);
  useEffect(() => {
    document.title = `${t.explore.title} · Quaestor`;
  }, []);
  useEffect(() => {
    const q = text.value.trim();
    if (q === "") {
      found.value = null;
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => api.search(q, 20, abort.signal).then((r) => (found.value = r.items), () => {}), 150);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text.value]);
  const items = found.value?.filter((x) => x.iri);
  return (
    <main id="main" class="home" tabIndex={-1}>
      <h1>{t.explore.title}</h1>
      <p class="lead">{t.explore.lead}</p>
      <form
        class="ask"
        role="search"
        aria-label={t.explore.find}
        onSubmit={(e) => {
          e.preventDefault();
          if (items?.[0]) go(links.entity(items[0].iri!));
        }}
      >
        <input id="search" type="text" autocomplete="off" autofocus aria-label={t.explore.find} placeholder={t.explore.placeholder} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
      </form>
      <section class="suggest" aria-live="polite" aria-label={t.palette.results}>
        {items && items.length === 0 ? <p>{t.explore.none(text.value)}</p> : null}
        <ul>
          {(items ?? []).map((x) => (
            <li key={x.iri}>
              <a class="example" href={href(links.entity(x.iri!))}>
                <bdi>{visible(x.label)}</bdi>
                <span class="small">{[t.palette.kinds[x.kind] ?? x.kind, x.class, x.degree !== undefined ? t.statements(x.degree) : ""].filter(Boolean).join(" · ")}</span>
              </a>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}

function EntityPage({ iri }: { iri: string }) {
  const entity = useSignal<Entity | null>(null);
  const problem = useSignal<Problem | null>(null);
  const load = () => {
    problem.value = null;
    const abort = new AbortController();
    api.entity(iri, abort.signal).then(
      (x) => {
        entity.value = x;
        document.title = `${x.label || iri} · Quaestor`;
      },
      (e) => {
        if (!abort.signal.aborted) problem.value = asProblem(e);
      },
    );
    return () => abort.abort();
  };
  useEffect(load, [iri]);
  const e = entity.value;
  if (problem.value) {
    return (
      <main id="main" class="page" tabIndex={-1}>
        <ProblemCard problem={problem.value} retry={load} />
      </main>
    );
  }
  if (!e) {
    return (
      <main id="main" class="page" tabIndex={-1}>
        <Skeleton rows={6} label={t.loading} />
      </main>
    );
  }
  const label = e.label || iri;
  const others = (e.labels ?? []).filter((l) => l.value !== e.label);
  return (
    <main id="main" class="page entity" tabIndex={-1}>
      <h1>
        <bdi>{visible(label)}</bdi>
      </h1>
      <p class="small ids">
        {e.curie ? <code>{e.curie}</code> : null} <ExternalLink iri={e.iri} />{" "}
        <button type="button" class="textlink" onClick={() => void copyText(e.iri, t.explore.iriCopied)}>
          {t.explore.copyIri}
        </button>
      </p>
      {e.types.length > 0 ? (
        <p class="chips">
          <span>{t.explore.types}</span>
          {e.types.map((x, i) => (
            <span class="chip" key={i}>
              <TermView term={x} />
            </span>
          ))}
        </p>
      ) : null}
      {others.length > 0 ? (
        <p class="small">
          {t.explore.otherNames}: {others.slice(0, 8).map((l) => visible(l.value)).join(" · ")}
        </p>
      ) : null}
      {e.description ? <p class="description">{visible(e.description)}</p> : null}
      <p class="actions">
        <a class="btn primary" href={href(links.ask(t.explore.question(label)))}>
          {t.explore.ask}
        </a>
        <OpenQuery class="btn" label={t.explore.queryAll} sparql={`SELECT ?p ?o WHERE {\n  <${e.iri}> ?p ?o .\n}\nORDER BY ?p ?o\nLIMIT 1000\n`} />
      </p>
      {(e.questions ?? []).length > 0 ? (
        <p class="chips">
          {e.questions!.slice(0, 4).map((q) => (
            <a class="chip" key={q} href={href(links.ask(q))}>
              {q}
            </a>
          ))}
        </p>
      ) : null}
      <Unusual title={t.explore.absent} note={t.explore.absentNote} list={e.absent ?? []} />
      <Unusual title={t.explore.rare} note={t.explore.rareNote} list={e.rare ?? []} />
      <LikelySection key={e.iri} iri={e.iri} />
      <div class="columns even">
        <Side entity={e} groups={e.out} dir="out" title={t.explore.out} total={e.counts?.out} />
        <Side entity={e} groups={e.in} dir="in" title={t.explore.in} total={e.counts?.in} />
      </div>
    </main>
  );
}

/** Unusual lists properties by their share in the class: how gaps look, and how errors look. */
function Unusual({ title, note, list }: { title: string; note: string; list: { p: Term; share: number }[] }) {
  if (list.length === 0) return null;
  return (
    <Card title={title} note={note} label={title}>
      <ul class="inline-list">
        {list.slice(0, 12).map((x, i) => (
          <li key={i}>
            <TermView term={x.p} /> <span class="small">{share(x.share)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** LikelySection shows what a model finds likely and the graph does not state: closed at first, kept apart, with its reasons. */
function LikelySection({ iri }: { iri: string }) {
  const open = useSignal(false);
  const likely = useSignal<Likely | null>(null);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    if (!open.value || likely.value) return;
    const abort = new AbortController();
    problem.value = null;
    api.likely(iri, abort.signal).then(
      (x) => (likely.value = x),
      (e) => {
        if (!abort.signal.aborted) problem.value = asProblem(e);
      },
    );
    return () => abort.abort();
  }, [open.value]);
  const l = likely.value;
  return (
    <details class="card inf likely" onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary class="head">
        <h2>{t.explore.likely}</h2>
        <span class="small note">{t.explore.likelyNote}</span>
      </summary>
      {problem.value ? <ProblemCard bare problem={problem.value} /> : null}
      {open.value && !l && !problem.value ? <div class="pad"><Skeleton rows={3} label={t.loading} /></div> : null}
      {l ? (
        <>
          {l.new ? <p class="pad small">{t.explore.likelyNew}</p> : null}
          {l.items.length === 0 ? <p class="pad small">{t.explore.likelyNone}</p> : null}
          <ul>
            {l.items.map((x, i) => (
              <li key={i}>
                <KindTag kind="inferred" />
                <span>
                  <TermView term={x.s} /> <span class="dash"><TermView term={x.p} plain /></span> <TermView term={x.o} />
                  {x.reasons.map((r, k) => (
                    <span class="small reason" key={k}>
                      {r.kind === "alike" ? t.explore.because.alike : t.explore.because.path}{" "}
                      {r.links?.map((y) => `${termText(y.s)} — ${termText(y.p)} → ${termText(y.o)}`).join("; ")}
                    </span>
                  ))}
                  {x.meaning ? <span class="small reason">{visible(x.meaning)}</span> : null}
                </span>
                {x.probability !== undefined ? <b>≈ {x.probability.toFixed(2)}</b> : null}
              </li>
            ))}
          </ul>
          <p class="small pad">
            {t.explore.likelyModel([l.model.name, l.model.mrr ? `MRR ${l.model.mrr.toFixed(2)}` : "", l.model.calibrated ? "" : t.explore.uncalibrated].filter(Boolean).join(", "))}
            {l.sigma !== undefined ? " " + t.explore.sigma(l.sigma.toFixed(3)) : ""}
          </p>
        </>
      ) : null}
    </details>
  );
}

const share = (x: number): string => `${x >= 0.1 ? Math.round(x * 100) : (x * 100).toFixed(1)} %`;

function Side({ entity, groups, dir, title, total }: { entity: Entity; groups: EntityGroup[]; dir: "in" | "out"; title: string; total?: number }) {
  return (
    <Card title={title} note={total !== undefined ? t.statements(total) : ""} label={title}>
      {groups.length === 0 ? <p class="pad small">{t.explore.nothing}</p> : null}
      <dl class="groups">
        {groups.map((g, i) => (
          <Group key={i} entity={entity} group={g} dir={dir} />
        ))}
      </dl>
    </Card>
  );
}

function Group({ entity, group, dir }: { entity: Entity; group: EntityGroup; dir: "in" | "out" }) {
  const more = useSignal<Term[]>([]);
  const next = useSignal(group.next);
  const problem = useSignal<Problem | null>(null);
  const first = group.values.flatMap((v) => (dir === "out" ? v.o : v.s) ?? []);
  const left = Math.max(1, group.count - first.length - more.value.length);
  const load = async () => {
    try {
      const p = group.p.type === "uri" ? group.p.value : "";
      const page = await api.neighbours(entity.iri, p, dir, next.value);
      more.value = [...more.value, ...page.items.map((x) => x.term)];
      next.value = page.next;
    } catch (e) {
      problem.value = asProblem(e);
    }
  };
  return (
    <>
      <dt>
        <TermView term={group.p} /> <span class="small">{count(group.count)}</span>
      </dt>
      <dd>
        <ul>
          {[...first, ...more.value].map((x, i) => (
            <li key={i}>
              <TermView term={x} />
            </li>
          ))}
        </ul>
        {next.value ? (
          <button type="button" class="plain" onClick={() => void load()} >
            {t.explore.showMore(left)}
            <span class="vh">: {termText(group.p)}</span>
          </button>
        ) : null}
        {problem.value ? <ProblemCard bare problem={problem.value} retry={() => void load()} /> : null}
      </dd>
    </>
  );
}
