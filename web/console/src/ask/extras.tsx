// What stands beside the answer: inferred links, kept apart, and what to ask next.

import { useSignal } from "@preact/signals";
import { chosenIri, outcome, type Run } from "./run.ts";
import { start } from "./state.ts";
import { KindTag, TermView } from "../shell/term.tsx";
import { visible } from "../core/format.ts";
import { t } from "../strings/en.ts";

export function InferredCard({ run }: { run: Run }) {
  const inf = run.inferred;
  if (!inf || inf.rows.length === 0) return null;
  return (
    <section class="card inf" aria-label={t.ask.inferredLabel}>
      <div class="head">
        <h2>{t.ask.inferredTitle}</h2>
        <span class="small note">{inf.scorer ?? ""}</span>
      </div>
      <ul>
        {inf.rows.slice(0, 20).map((r, i) => (
          <li key={i}>
            <KindTag kind="inferred" />
            <span>
              <TermView term={r.s} /> <span class="dash"><TermView term={r.p} plain /></span> <TermView term={r.o} />
            </span>
            {r.score !== undefined ? <b>≈ {r.score.toFixed(2)}</b> : null}
          </li>
        ))}
      </ul>
      {inf.meaning ? <p class="small pad">{visible(inf.meaning)}</p> : null}
    </section>
  );
}

export function NextCard({ run }: { run: Run }) {
  const next = run.answer?.next ?? [];
  if (next.length === 0) return null;
  return (
    <section class="card inf" aria-label={t.ask.next}>
      <div class="head">
        <h2>{t.ask.next}</h2>
        <span class="small note">{t.ask.nextNote}</span>
      </div>
      <p>
        {next.slice(0, 4).map((n) => (
          <button type="button" key={n.question} onClick={() => start({ question: n.question })}>
            {visible(n.question)}
          </button>
        ))}
      </p>
    </section>
  );
}

/** FollowUp asks on from a finished run; what it carries over is shown before. */
export function FollowUp({ run: r }: { run: Run }) {
  const text = useSignal("");
  const carry = useSignal(true);
  const o = outcome(r);
  const answered = o === "answered" && r.id !== "";
  const about = r.mentions.flatMap((m) => {
    const iri = chosenIri(m);
    return m.candidates.find((c) => c.iri === iri)?.label ?? [];
  });
  const answers = r.total ?? r.rows.length;
  return (
    <section class="card follow" aria-label={t.ask.follow}>
      <form
        class="pad"
        onSubmit={(e) => {
          e.preventDefault();
          if (text.value.trim() !== "") start({ question: text.value, after: answered && carry.value ? r.id : undefined });
        }}
      >
        <input id="follow" type="text" autocomplete="off" aria-label={t.ask.follow} disabled={o === "running"} maxLength={4096} placeholder={t.ask.followPlaceholder} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        <button type="submit" disabled={o === "running"}>{t.ask.ask}</button>
      </form>
      <p class="chips small">
        {o === "running" ? null : !answered ? (
          <span>{t.ask.carriesNothing}</span>
        ) : carry.value ? (
          <>
            <span>{t.ask.carries}</span>
            {about.slice(0, 4).map((x, i) => <span class="chip" key={i}>{visible(x)}</span>)}
            {r.boolean === undefined ? <span class="chip">{t.ask.carriedAnswers(answers)}</span> : null}
            <button type="button" class="textlink small" onClick={() => (carry.value = false)}>{t.ask.carryNothing}</button>
          </>
        ) : (
          <>
            <span>{t.ask.carriesNothing}</span>
            <button type="button" class="textlink small" onClick={() => (carry.value = true)}>{t.ask.carryAgain}</button>
          </>
        )}
      </p>
    </section>
  );
}
