// Running a question: post, read events, resume after a lost connection.

import { api, ApiError, resume, stream } from "../core/api.ts";
import type { SseMessage } from "../core/sse.ts";
import type * as T from "../core/types.ts";
import { t } from "../strings/en.ts";

const retryDelays = [200, 500, 1000, 2000, 4000];

export interface Source {
  start(): AsyncGenerator<SseMessage[]>;
  resume(run: string, after: number): AsyncGenerator<SseMessage[]>;
  wait(ms: number): Promise<void>;
}

function live(request: T.AskRequest | null, signal: AbortSignal): Source {
  return {
    start: () => stream("/api/ask", request, signal),
    resume: (run, after) => resume(`/api/ask/${encodeURIComponent(run)}/events?after=${after}`, signal),
    wait: (ms) => new Promise((done) => setTimeout(done, ms)),
  };
}

/** ask yields the events of a new run in batches, each event once, until its end. */
export function ask(request: T.AskRequest, signal: AbortSignal): AsyncGenerator<T.AskEvent[]> {
  return follow(live(request, signal), "", 0, signal);
}

/** replay yields the events of a recorded run, and what still comes if it has not ended. */
export async function* replay(run: string, signal: AbortSignal): AsyncGenerator<T.AskEvent[]> {
  const record = await api.record(run, signal);
  const events = (record.events ?? []).map((e, i) => ({ ...e, id: Number(e.id ?? i + 1) }));
  if (events.length > 0) yield events;
  if (events.some((e) => e.event === "end")) return;
  yield* follow(live(null, signal), run, events.at(-1)?.id ?? 0, signal);
}

/** follow reads to the `end` event through any number of connections. */
export async function* follow(source: Source, run: string, last: number, signal: AbortSignal): AsyncGenerator<T.AskEvent[]> {
  let attempt = 0;
  for (;;) {
    try {
      const connection = run === "" ? source.start() : source.resume(run, last);
      for await (const batch of connection) {
        const events: T.AskEvent[] = [];
        for (const m of batch) {
          const ev = toEvent(m, last);
          if (!ev || ev.id <= last) continue;
          last = ev.id;
          if (ev.event === "open") run = String((ev.data as { run?: string }).run ?? run);
          events.push(ev);
        }
        if (events.length === 0) continue;
        attempt = 0;
        yield events;
        if (events.some((e) => e.event === "end")) return;
      }
    } catch (e) {
      if (signal.aborted) return;
      // A server that answers with a problem has decided; a lost line is tried again.
      if (e instanceof ApiError && e.code !== "unreachable") throw e;
      if (run === "") throw e;
    }
    if (signal.aborted) return;
    const delay = retryDelays[attempt++];
    if (run === "" || delay === undefined) {
      throw new ApiError({ type: "unreachable", title: t.problem.lost, hint: t.problem.lostHint, retryable: true });
    }
    await source.wait(delay);
  }
}

function toEvent(m: SseMessage, last: number): T.AskEvent | null {
  try {
    return { id: m.id === "" ? last + 1 : Number(m.id), event: m.event, data: JSON.parse(m.data) };
  } catch {
    return null; // not ours: every event of the contract has a JSON body
  }
}
