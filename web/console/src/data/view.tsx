// What the graph holds, and how the service is.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { api } from "../core/api.ts";
import { bytes, count, duration } from "../core/format.ts";
import { href, links } from "../core/router.ts";
import type { Counted, Health, Problem, Shape, Stats } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon } from "../shell/icons.tsx";
import { asProblem, Card, ProblemCard, Skeleton } from "../shell/widgets.tsx";

function useLoad<V>(get: (s: AbortSignal) => Promise<V>) {
  const value = useSignal<V | null>(null);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    get(abort.signal).then(
      (x) => (value.value = x),
      (e) => {
        if (!abort.signal.aborted) problem.value = asProblem(e);
      },
    );
    return () => abort.abort();
  }, []);
  return { value: value.value, problem: problem.value };
}

function Page({ title, problem, ready, children }: { title: string; problem: Problem | null; ready: boolean; children: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Quaestor`;
  }, [title]);
  return (
    <main id="main" class="page" tabIndex={-1}>
      <h1>{title}</h1>
      {problem ? <ProblemCard problem={problem} /> : ready ? children : <Skeleton rows={6} label={t.loading} />}
    </main>
  );
}

function Facts({ facts }: { facts: [string, string | number | undefined][] }) {
  return (
    <dl class="facts pad">
      {facts.filter(([, v]) => v !== undefined && v !== "").map(([k, v]) => (
        <>
          <dt>{k}</dt>
          <dd>{typeof v === "number" ? count(v) : v}</dd>
        </>
      ))}
    </dl>
  );
}

const Name = ({ x }: { x: Counted }) => (
  <a href={href(links.entity(x.iri))} title={x.iri}>
    <bdi>{x.label || x.curie || x.iri}</bdi>
  </a>
);

export function DataView() {
  const stats = useLoad<Stats>(api.stats);
  const shape = useLoad<Shape>(api.shape);
  const s = stats.value;
  return (
    <Page title={t.data.title} problem={stats.problem} ready={s !== null}>
      {s ? (
        <>
          <Card title={t.data.stats} label={t.data.stats}>
            <Facts
              facts={[
                [t.data.triples, s.triples ?? s.quads],
                [t.data.predicates, s.predicates?.length],
                [t.data.classes, s.classes?.length],
                [t.data.graphs, typeof s.graphs === "number" ? s.graphs : s.graphs?.length],
                [t.data.size, s.bytes !== undefined && s.bytes > 0 ? bytes(s.bytes) : undefined],
                [t.data.snapshot, s.snapshot],
              ]}
            />
          </Card>
          <Card title={t.data.predicates} label={t.data.predicates}>
            <div class="scroll" tabIndex={0} role="region" aria-label={t.data.table}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{t.data.property}</th>
                    <th scope="col" class="n">{t.data.count}</th>
                    <th scope="col" class="n">{t.data.subjects}</th>
                    <th scope="col" class="n">{t.data.objects}</th>
                  </tr>
                </thead>
                <tbody>
                  {(s.predicates ?? []).slice(0, 200).map((p) => (
                    <tr key={p.iri}>
                      <td><Name x={p} /></td>
                      <td class="n">{count(p.count ?? 0)}</td>
                      <td class="n">{count(p.subjects ?? 0)}</td>
                      <td class="n">{count(p.objects ?? 0)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
          <Card title={t.data.shape} label={t.data.shape}>
            {shape.value && shape.value.classes.length === 0 ? <p class="pad small">{t.data.noClasses}</p> : null}
            <ul class="plan">
              {(shape.value?.classes ?? []).slice(0, 100).map((c) => (
                <li key={c.iri}>
                  <Name x={c} /> <span class="small">{count(c.count ?? 0)} {t.data.instances.toLowerCase()}</span>
                  <p class="small">{(c.properties ?? []).slice(0, 12).map((p) => p.label ?? p.iri).join(" · ")}</p>
                </li>
              ))}
            </ul>
          </Card>
        </>
      ) : null}
    </Page>
  );
}

export function SystemView() {
  const health = useLoad<Health>(api.health);
  const h = health.value;
  return (
    <Page title={t.system.title} problem={health.problem} ready={h !== null}>
      {h ? (
        <>
          <Card title={t.system.status} label={t.system.status}>
            <Facts
              facts={[
                [t.system.status, h.status],
                [t.system.version, h.version],
                [t.system.uptime, h.uptimeMs !== undefined ? duration(h.uptimeMs) : undefined],
                [t.system.decoder, h.decoder ?? h.model?.name ?? t.system.unknown],
                [t.data.triples, h.graph?.triples],
                [t.data.snapshot, h.snapshot],
                [t.system.timeout, h.limits?.timeoutMs ? duration(h.limits.timeoutMs) : undefined],
                [t.system.memory, h.limits?.memory ? bytes(h.limits.memory) : undefined],
              ]}
            />
          </Card>
          <Card title={t.system.checks} label={t.system.checks}>
            <ul class="checks">
              {(h.checks ?? []).map((c) => (
                <li key={c.name}>
                  <Icon name={c.status === "ok" ? "check" : c.status === "warn" ? "warn" : "cross"} /> <b>{c.name}</b> {c.status} <span class="small">{c.detail ?? ""}</span>
                </li>
              ))}
            </ul>
          </Card>
        </>
      ) : null}
    </Page>
  );
}
