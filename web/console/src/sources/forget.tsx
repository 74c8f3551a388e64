// Deleting a document: what goes is counted first, and the deletion names the
// state of the graph that was counted.

import { useSignal } from "@preact/signals";
import { api } from "../core/api.ts";
import { count } from "../core/format.ts";
import { go } from "../core/router.ts";
import type { Deletion, DocumentItem, Problem } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { asProblem, Dialog, DialogHead, ProblemCard, Skeleton, toast } from "../shell/widgets.tsx";

export function Forget({ document: d }: { document: DocumentItem }) {
  const open = useSignal(false);
  return (
    <>
      <button type="button" class="danger" onClick={() => (open.value = true)}>{t.sources.forget}</button>
      {open.value ? <ForgetDialog document={d} onClose={() => (open.value = false)} /> : null}
    </>
  );
}

function ForgetDialog({ document: d, onClose }: { document: DocumentItem; onClose: () => void }) {
  const preview = useSignal<Deletion | null>(null);
  const problem = useSignal<Problem | null>(null);
  const typed = useSignal("");
  const begun = useSignal(false);
  const look = () => {
    problem.value = null;
    preview.value = null;
    api.deletion(d.id).then((x) => (preview.value = x), (e) => (problem.value = asProblem(e)));
  };
  if (!begun.value) {
    begun.value = true;
    look();
  }
  const forget = () => {
    api.forget(d.id, preview.value!.token ?? "").then(
      (x) => {
        toast(t.sources.forgotten(x.only));
        go("/sources");
      },
      (e) => (problem.value = asProblem(e)),
    );
  };
  const p = preview.value;
  return (
    <Dialog label={t.sources.forget} onClose={onClose}>
      <DialogHead title={t.sources.forgetTitle(d.title)} onClose={onClose} />
      {problem.value ? <ProblemCard bare problem={problem.value} retry={look} /> : null}
      {!p && !problem.value ? <div class="pad"><Skeleton rows={3} label={t.loading} /></div> : null}
      {p ? (
        <>
          <dl class="facts pad">
            <dt>{t.sources.goes}</dt><dd>{count(p.only)}</dd>
            <dt>{t.sources.stays}</dt><dd>{count(p.shared)}</dd>
            <dt>{t.sources.spans}</dt><dd>{count(p.spans)}</dd>
            <dt>{t.sources.entries}</dt><dd>{count(p.index_entries)}</dd>
            <dt>{t.sources.orphans}</dt><dd>{count(p.orphans)}</dd>
          </dl>
          <form class="pad" onSubmit={(e) => {
            e.preventDefault();
            if (typed.value.trim() === d.id) forget();
          }}>
            <label>
              {t.sources.confirm} <code>{d.id}</code>
              <input type="text" autocomplete="off" value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} />
            </label>{" "}
            <button type="submit" class="danger" disabled={typed.value.trim() !== d.id}>{t.sources.forget}</button>
          </form>
        </>
      ) : null}
    </Dialog>
  );
}
