// What stands beside the answer: inferred links, kept apart, and what to ask next.

import type { Run } from "./run.ts";
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
