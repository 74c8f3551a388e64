// The run that the Ask view shows, and what can be done to it.

import { computed, signal } from "@preact/signals";
import { api, ApiError } from "../core/api.ts";
import { go, route } from "../core/router.ts";
import { load, save } from "../core/settings.ts";
import type { AskEvent, AskRequest } from "../core/types.ts";
import { announce, asProblem } from "../shell/widgets.tsx";
import { t } from "../strings/en.ts";
import { apply, newRun, outcome, type Run } from "./run.ts";
import { ask, replay } from "./stream.ts";

export const run = signal<Run | null>(null);
export const stopping = signal(false);
export const editing = signal(false);

export const state = computed(() => (run.value ? outcome(run.value) : null));
export const busy = computed(() => state.value === "running");

/** Statement, row and folded node that the reader points at; the URL keeps the statement. */
export const selected = computed(() => route.value.params.get("sel") ?? "");

export interface Asked {
  question: string;
  run: string;
  outcome: string;
}

export const recent = signal<Asked[]>(load<Asked[]>("quaestor.recent", []));

let controller: AbortController | null = null;
let lastRequest: AskRequest | null = null;

export function reset() {
  controller?.abort();
  controller = null;
  run.value = null;
  stopping.value = false;
  editing.value = false;
}

/** start asks; the address becomes /ask/{run} as soon as the server names the run. */
export function start(request: AskRequest) {
  reset();
  const question = request.question.trim();
  if (question === "") return;
  lastRequest = { ...request, question };
  const own = (controller = new AbortController());
  run.value = newRun(question);
  void consume(ask(lastRequest, own.signal), own, (id) => {
    const read = request.reading ? `?read=${request.reading}` : "";
    go(`/ask/${encodeURIComponent(id)}${read}`);
  });
}

/** openRun shows a recorded run. */
export function openRun(id: string) {
  reset();
  const own = (controller = new AbortController());
  run.value = { ...newRun(""), id };
  void consume(replay(id, own.signal), own, () => {});
}

export function again() {
  const r = run.value;
  if (r) start(lastRequest && lastRequest.question === r.question ? lastRequest : { question: r.question });
}

async function consume(events: AsyncGenerator<AskEvent[]>, own: AbortController, opened: (id: string) => void) {
  try {
    for await (const batch of events) {
      if (own !== controller) return;
      const before = run.value!;
      const after = batch.reduce(apply, before);
      run.value = after;
      if (after.id !== before.id && before.id === "") opened(after.id);
      speak(before, after);
    }
  } catch (e) {
    if (own !== controller) return;
    run.value = { ...run.value!, problem: asProblem(e), end: { outcome: "failed" } };
    announce(run.value.problem!.title);
  }
  if (own === controller) {
    controller = null;
    stopping.value = false;
    remember();
  }
}

/** One polite message per stage, none per token. */
function speak(before: Run, after: Run) {
  if (after.end && !before.end) {
    announce(t.ask.spokenEnd(outcome(after), after.total ?? after.rows.length));
    return;
  }
  for (const [name, s] of Object.entries(after.stages)) {
    const old = before.stages[name as keyof Run["stages"]];
    if (s.state !== old.state && s.state === "start") announce(t.ask.stageNow[name as keyof Run["stages"]]);
  }
}

function remember() {
  const r = run.value;
  if (!r || r.id === "" || r.question === "") return;
  const rest = recent.value.filter((x) => x.question !== r.question);
  recent.value = [{ question: r.question, run: r.id, outcome: outcome(r) }, ...rest].slice(0, 8);
  save("quaestor.recent", recent.value);
}

/** stop asks the server to stop; the stream then ends with its confirmation. */
export async function stop() {
  const r = run.value;
  if (!r || !busy.value || stopping.value) return;
  stopping.value = true;
  if (r.id === "") {
    // The server has not named the run yet: closing the request is all there is.
    controller?.abort();
    controller = null;
    run.value = { ...r, end: { outcome: "cancelled" } };
    stopping.value = false;
    return;
  }
  try {
    await api.stop(r.id);
  } catch (e) {
    if (!(e instanceof ApiError) || e.code !== "not-found") {
      stopping.value = false;
      announce(asProblem(e).title);
      return;
    }
  }
  // The stream carries `end`; if it does not within two seconds, say so by showing what we have.
  setTimeout(() => {
    if (stopping.value && run.value?.id === r.id && !run.value.end) {
      controller?.abort();
      controller = null;
      run.value = { ...run.value, end: { outcome: "cancelled" } };
      stopping.value = false;
    }
  }, 2000);
}
