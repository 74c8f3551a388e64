// One place that talks to the server. Every failure becomes an ApiError whose
// problem says what, where and what to do.

import { signal } from "@preact/signals";
import { t } from "../strings/en.ts";
import { messages, type SseMessage } from "./sse.ts";
import type * as T from "./types.ts";

export class ApiError extends Error {
  constructor(readonly problem: T.Problem) {
    super(problem.title);
  }
  /** The last part of the type: "urn:quaestor:problem:timeout" and "/problems/timeout" are "timeout". */
  get code(): string {
    return problemCode(this.problem);
  }
}

export function problemCode(p: T.Problem): string {
  return (p.type ?? "").split(/[:/]/).pop() || "internal";
}

/** Key for servers that ask for one; lives in this tab's memory only. */
export const apiKey = signal("");

/** Snapshot named by the last answer, for the pill in the top bar. */
export const lastSnapshot = signal("");

const base = typeof document === "undefined" ? "" : (document.documentElement.dataset.base ?? "");

export function url(path: string): string {
  return base + path;
}

function headers(extra: Record<string, string> = {}): Record<string, string> {
  const h: Record<string, string> = { ...extra };
  if (apiKey.value !== "") h.Authorization = "Bearer " + apiKey.value;
  return h;
}

/** send is fetch with problems: it resolves only with a 2xx answer. */
export async function send(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
  let res: Response;
  try {
    res = await fetch(url(path), { ...init, headers: headers(init.headers) });
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") throw e;
    throw new ApiError({ type: "unreachable", title: t.problem.unreachable, hint: t.problem.unreachableHint, retryable: true });
  }
  const snapshot = res.headers.get("Quaestor-Snapshot");
  if (snapshot) lastSnapshot.value = snapshot;
  if (res.ok) return res;
  throw new ApiError(await readProblem(res));
}

async function readProblem(res: Response): Promise<T.Problem> {
  const request = res.headers.get("Quaestor-Request") ?? undefined;
  const text = await res.text().catch(() => "");
  try {
    const p = JSON.parse(text) as T.Problem;
    if (typeof p.title === "string") return { ...p, status: p.status ?? res.status, request: p.request ?? request };
  } catch {
    // Not a problem body: a proxy or an older server. Say what came.
  }
  const known: Record<number, string> = { 401: "unauthenticated", 403: "forbidden", 404: "not-found", 501: "feature-off" };
  return {
    type: known[res.status] ?? "internal",
    title: t.problem.status(res.status),
    detail: text.slice(0, 300),
    status: res.status,
    request,
    retryable: res.status >= 500,
  };
}

export async function getJson<R>(path: string, signal?: AbortSignal): Promise<R> {
  const res = await send(path, { headers: { Accept: "application/json" }, signal });
  return (await res.json()) as R;
}

export async function postJson<R>(path: string, body: unknown, signal?: AbortSignal): Promise<R> {
  const res = await post(path, body, "application/json", signal);
  const text = await res.text();
  return (text === "" ? undefined : JSON.parse(text)) as R;
}

function post(path: string, body: unknown, accept: string, signal?: AbortSignal): Promise<Response> {
  return send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Quaestor": "1", Accept: accept },
    body: JSON.stringify(body),
    signal,
  });
}

export async function remove(path: string): Promise<Response> {
  return send(path, { method: "DELETE", headers: { "X-Quaestor": "1" } });
}

/** stream posts a body and yields the messages of the answer, or its JSON as one message. */
export async function* stream(path: string, body: unknown, signal?: AbortSignal): AsyncGenerator<SseMessage[]> {
  const res = await post(path, body, "text/event-stream", signal);
  if ((res.headers.get("Content-Type") ?? "").includes("json")) {
    yield [{ id: "", event: "json", data: await res.text() }];
    return;
  }
  if (res.body) yield* messages(res.body);
}

export async function* resume(path: string, signal?: AbortSignal): AsyncGenerator<SseMessage[]> {
  const res = await send(path, { headers: { Accept: "text/event-stream" }, signal });
  if (res.body) yield* messages(res.body);
}

const q = (params: Record<string, string | number | undefined>): string => {
  const s = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== "") s.set(k, String(v));
  return s.toString();
};

const document_ = (id: string): string => "/api/documents/" + encodeURIComponent(id);

export const api = {
  health: (signal?: AbortSignal) => getJson<T.Health>("/api/health", signal),
  stats: (signal?: AbortSignal) => getJson<T.Stats>("/api/stats", signal),
  shape: (signal?: AbortSignal) => getJson<T.Shape>("/api/shape", signal),
  examples: (signal?: AbortSignal) => getJson<T.Examples>("/api/examples", signal),
  search: (text: string, k: number, signal?: AbortSignal) => getJson<{ items: T.SearchItem[] }>("/api/search?" + q({ q: text, k }), signal),
  entity: (iri: string, signal?: AbortSignal) => getJson<T.Entity>("/api/entity?" + q({ iri }), signal),
  neighbours: (iri: string, p: string, dir: "in" | "out", cursor: string | undefined, signal?: AbortSignal) =>
    getJson<T.Neighbours>("/api/neighbours?" + q({ iri, p, dir, cursor, k: 50 }), signal),
  parse: (text: string, format: boolean, signal?: AbortSignal) => postJson<T.Parsed>("/api/parse", { text, format }, signal),
  complete: (text: string, pos: number, signal?: AbortSignal) => postJson<T.Completions>("/api/complete", { text, pos, k: 40 }, signal),
  choices: (run: string, from: number, signal?: AbortSignal) => getJson<T.Choices>(`/api/ask/${encodeURIComponent(run)}/choices?` + q({ from, k: 8 }), signal),
  record: (run: string, signal?: AbortSignal) => getJson<{ run: string; at?: string; question?: string; events?: T.AskEvent[] }>("/api/ask/" + encodeURIComponent(run), signal),
  feedback: (run: string, verdict: "right" | "wrong", kind?: string, note?: string) =>
    postJson<unknown>(`/api/ask/${encodeURIComponent(run)}/feedback`, { verdict, kind, note }),
  likely: (iri: string, signal?: AbortSignal) => getJson<T.Likely>("/api/likely?" + q({ iri, k: 10 }), signal),
  documents: (signal?: AbortSignal) => getJson<{ items: T.DocumentItem[] }>("/api/documents", signal),
  blocks: (doc: string, page: string, mark: string, signal?: AbortSignal) => getJson<T.SourcePage>(document_(doc) + "/blocks?" + q({ page, mark }), signal),
  facts: (doc: string, as: string, concept: string, cursor: string | undefined, signal?: AbortSignal) =>
    getJson<T.FactPage>(document_(doc) + "/facts?" + q({ as, concept, cursor, k: 200 }), signal),
  span: (doc: string, span: string, h: string, signal?: AbortSignal) => getJson<T.SpanQuote>(`/api/spans/${encodeURIComponent(doc + ":" + span)}?` + q({ h }), signal),
  deletion: (doc: string) => postJson<T.Deletion>(document_(doc) + "/deletion", {}),
  forget: (doc: string, token: string) => remove(document_(doc) + "?" + q({ token })).then((r) => r.json() as Promise<T.Deletion>),
  stop: (run: string) => remove("/api/ask/" + encodeURIComponent(run)),
};
