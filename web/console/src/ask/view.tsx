// The Ask view: a question, what it was read as, the answer and its proof.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { api } from "../core/api.ts";
import { count, visible } from "../core/format.ts";
import { health } from "../shell/health.ts";
import { href, links, route, set } from "../core/router.ts";
import type { Examples, Mention } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon } from "../shell/icons.tsx";
import { Dialog, DialogHead, Skeleton } from "../shell/widgets.tsx";
import { AnswerCard } from "./answer.tsx";
import { ProofColumn } from "./proof.tsx";
import { QueryCard } from "./query.tsx";
import { FollowUp, InferredCard, NextCard } from "./extras.tsx";
import { chosenIri, type Run } from "./run.ts";
import { again, busy, editing, openRun, recent, reset, run, start, stop, stopping } from "./state.ts";

export function AskView() {
  const id = route.value.rest[0];
  useEffect(() => {
    if (id === undefined) reset();
    else if (run.value?.id !== id) openRun(id);
  }, [id]);
  const r = run.value;
  useEffect(() => {
    document.title = `${r?.question || t.nav.ask} · Quaestor`;
  }, [r?.question]);
  if (r) return <RunView run={r} />;
  // A run that is about to open is not the empty page: its field would take the focus and vanish.
  return id === undefined ? <Home /> : <main id="main" class="run" tabIndex={-1} aria-busy="true" />;
}

function Composer({ initial, autofocus, onCancel }: { initial: string; autofocus?: boolean; onCancel?: () => void }) {
  const text = useSignal(initial);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    text.value = initial;
    const f = field.current;
    if (!f || !autofocus) return;
    f.focus();
    f.setSelectionRange(f.value.length, f.value.length);
  }, [initial]);
  const submit = (e?: Event) => {
    e?.preventDefault();
    if (text.value.trim() !== "") start({ question: text.value });
    else field.current?.focus();
  };
  return (
    <form class="ask" onSubmit={submit} role="search" aria-label={t.ask.form}>
      <textarea
        ref={field}
        id="question"
        rows={1}
        maxLength={4096}
        aria-label={t.ask.question}
        placeholder={t.ask.placeholder}
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter" && !e.shiftKey && !e.isComposing) submit(e);
          if (e.key === "Escape" && onCancel) onCancel();
        }}
      />
      {onCancel ? (
        <button type="button" class="plain" onClick={onCancel}>
          {t.cancel}
        </button>
      ) : null}
      <button type="submit" class="primary">
        {t.ask.ask}
      </button>
    </form>
  );
}

function Home() {
  const examples = useSignal<Examples | null>(null);
  const failed = useSignal(false);
  useEffect(() => {
    const abort = new AbortController();
    api.examples(abort.signal).then((x) => (examples.value = x), () => (failed.value = !abort.signal.aborted));
    return () => abort.abort();
  }, []);
  const h = health.value;
  const questions = (examples.value?.questions ?? []).slice(0, 6);
  return (
    <main id="main" class="home" tabIndex={-1}>
      <h1>{t.ask.title}</h1>
      <p class="lead">{h?.graph?.triples !== undefined ? t.ask.lead(h.graph.name ?? "", count(h.graph.triples)) : t.ask.leadUnknown}</p>
      <Composer initial={route.value.params.get("q") ?? ""} autofocus />
      <section class="suggest" aria-label={t.ask.examples}>
        <h2>{t.ask.examples}</h2>
        {examples.value === null && !failed.value ? <Skeleton rows={3} label={t.loading} /> : null}
        {failed.value || (examples.value && questions.length === 0) ? <p class="small">{t.ask.noExamples}</p> : null}
        <ul>
          {questions.map((x) => (
            <li key={x.question}>
              <button type="button" class="example" onClick={() => start({ question: x.question })}>
                <span>{x.question}</span>
                {x.rows !== undefined ? <span class="small">{t.rows(x.rows)}</span> : null}
              </button>
            </li>
          ))}
        </ul>
      </section>
      {recent.value.length > 0 ? (
        <section class="suggest" aria-label={t.ask.recent}>
          <h2>{t.ask.recent}</h2>
          <ul>
            {recent.value.map((x) => (
              <li key={x.run}>
                <a class="example" href={href("/ask/" + encodeURIComponent(x.run))}>
                  <span>{x.question}</span>
                  <span class="small">{t.ask.outcome[x.outcome as keyof typeof t.ask.outcome] ?? x.outcome}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {h && h.model === null ? <p class="small model">{t.ask.noModel}</p> : null}
    </main>
  );
}

/** The question with the linked words underlined; each opens its candidates. */
function Question({ run: r, onPick }: { run: Run; onPick: (m: Mention) => void }) {
  const parts: preact.ComponentChild[] = [];
  let at = 0;
  for (const m of r.mentions) {
    if (m.from < at || m.to > r.question.length || m.to <= m.from) continue;
    parts.push(visible(r.question.slice(at, m.from)));
    const iri = chosenIri(m);
    const label = m.candidates.find((c) => c.iri === iri)?.label;
    parts.push(
      <button type="button" key={m.i} class={iri ? "mention" : "mention none"} title={label ? t.ask.linkedTo(label) : t.ask.notLinked} onClick={() => onPick(m)}>
        {visible(r.question.slice(m.from, m.to))}
      </button>,
    );
    at = m.to;
  }
  parts.push(visible(r.question.slice(at)));
  return <h1>{r.question === "" ? t.loading : parts}</h1>;
}

function RunView({ run: r }: { run: Run }) {
  const picking = useSignal<Mention | null>(null);
  return (
    <main id="main" class="run" tabIndex={-1}>
      <section class="q" aria-label={t.ask.question}>
        {editing.value ? (
          <Composer initial={r.question} autofocus onCancel={() => (editing.value = false)} />
        ) : (
          <div class="ask">
            <Question run={r} onPick={(m) => (picking.value = m)} />
            {busy.value ? (
              <button type="button" class="danger" disabled={stopping.value} onClick={() => void stop()} aria-keyshortcuts="Control+.">
                <Icon name="stop" /> {stopping.value ? t.stopping : t.stop}
              </button>
            ) : (
              <>
                <button type="button" class="plain" onClick={() => (editing.value = true)}>
                  {t.edit}
                </button>
                <button type="button" class="primary" onClick={again} disabled={r.question === ""}>
                  {t.ask.again}
                </button>
              </>
            )}
          </div>
        )}
        {r.follow ? <p class="small followed">{t.ask.followed(visible(r.follow.question), visible(r.follow.how))}</p> : null}
        <Readings run={r} />
      </section>
      <nav class="jump" aria-label={t.ask.sections}>
        <a href="#answer">{t.ask.answer}</a>
        <a href="#proof">{t.ask.proof}</a>
        <a href="#query">{t.ask.query}</a>
      </nav>
      <div class="left">
        <AnswerCard run={r} />
        <InferredCard run={r} />
        <FollowUp key={r.id} run={r} />
        <QueryCard run={r} />
      </div>
      <aside class="right" aria-label={t.ask.proof}>
        <ProofColumn run={r} />
        <NextCard run={r} />
      </aside>
      {picking.value ? <Candidates run={r} mention={picking.value} onClose={() => (picking.value = null)} /> : null}
    </main>
  );
}

function Readings({ run: r }: { run: Run }) {
  const all = useSignal(false);
  const withRows = r.readings.filter((x) => x.count !== 0 || x.chosen);
  const empty = r.readings.length - withRows.length;
  const shown = (all.value ? r.readings : withRows).slice(0, all.value ? 20 : 5);
  const choose = (n: number) => {
    if (r.id === "") return;
    start({ question: r.question, at: r.at || undefined, reading: n });
    set({ read: String(n) });
  };
  const move = (e: KeyboardEvent) => {
    const step = e.key === "ArrowRight" || e.key === "ArrowDown" ? 1 : e.key === "ArrowLeft" || e.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    const list = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLButtonElement>("button.chip")];
    const i = list.indexOf(document.activeElement as HTMLButtonElement);
    if (i < 0) return;
    e.preventDefault();
    list[(i + step + list.length) % list.length]?.focus();
  };
  return (
    <div class="chips readings" role="group" aria-label={t.ask.readAs} onKeyDown={move}>
      {shown.length > 0 ? <span>{t.ask.readAs}</span> : null}
      {shown.map((x) => (
        <button type="button" key={x.n} class={x.chosen ? "chip on" : "chip"} aria-pressed={x.chosen ?? false} disabled={busy.value} onClick={() => choose(x.n)} title={[x.label, x.parts?.join(" · ")].filter(Boolean).join("\n")} data-reading={x.n}>
          <b>{visible(x.label)}</b> <span>{x.count === null || x.count === undefined ? "…" : (x.exact === false ? "≥ " : "") + t.rows(x.count)}</span>
        </button>
      ))}
      {!all.value && empty > 0 ? (
        <button type="button" class="plain" onClick={() => (all.value = true)}>
          {t.ask.emptyReadings(empty)}
        </button>
      ) : null}
    </div>
  );
}

function Candidates({ run: r, mention, onClose }: { run: Run; mention: Mention; onClose: () => void }) {
  const chosen = chosenIri(mention);
  const words = r.question.slice(mention.from, mention.to);
  const pin = (iri: string) => {
    const others = r.mentions.filter((m) => m.i !== mention.i).flatMap((m) => {
      const c = chosenIri(m);
      return c ? [{ from: m.from, to: m.to, iri: c }] : [];
    });
    onClose();
    start({ question: r.question, at: r.at || undefined, links: [...others, { from: mention.from, to: mention.to, iri }] });
  };
  return (
    <Dialog label={t.ask.candidatesOf(words)} onClose={onClose}>
      <DialogHead title={t.ask.candidatesOf(words)} onClose={onClose} />
      {mention.candidates.length === 0 ? <p class="pad">{t.ask.noCandidates(words)}</p> : null}
      <ul class="picks">
        {mention.candidates.map((c) => (
          <li key={c.iri}>
            <button type="button" class={c.iri === chosen ? "pick on" : "pick"} aria-current={c.iri === chosen} onClick={() => pin(c.iri)} disabled={busy.value}>
              <span class="name">
                <bdi>{visible(c.label)}</bdi>
                {c.iri === chosen ? <Icon name="check" /> : null}
              </span>
              <span class="small">
                {[c.class && visible(c.class), c.degree !== undefined ? t.statements(c.degree) : "", c.score !== undefined ? t.ask.score(c.score.toFixed(2)) : ""].filter(Boolean).join(" · ")}
              </span>
            </button>
            <a class="small" href={href(links.entity(c.iri))} onClick={onClose}>
              {t.openEntity}
              <span class="vh"> {c.label}</span>
            </a>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
