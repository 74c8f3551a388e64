// Running SPARQL over the protocol.

import { remove, send } from "../core/api.ts";
import type { Binding } from "../core/types.ts";

export interface SparqlOptions {
  limit: number;
  timeout?: number; // seconds
  snapshot?: string;
  signal?: AbortSignal;
}

export type SparqlResult = { ms: number; snapshot: string; cut: boolean } & (
  | { kind: "rows"; vars: string[]; rows: Binding[] }
  | { kind: "boolean"; boolean: boolean }
  | { kind: "graph"; text: string; type: string; lines: number }
);

function form(text: string, o: SparqlOptions): URLSearchParams {
  const body = new URLSearchParams({ query: text });
  if (o.limit > 0) body.set("limit", String(o.limit + 1)); // one more tells whether there is more
  if (o.timeout) body.set("timeout", `${o.timeout}s`);
  if (o.snapshot) body.set("snapshot", o.snapshot);
  return body;
}

/** runSparql runs a query and reads at most `limit` rows. */
export async function runSparql(text: string, o: SparqlOptions): Promise<SparqlResult> {
  const begin = performance.now();
  let request = "";
  try {
    const res = await send("/sparql", {
      method: "POST",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        Accept: "application/sparql-results+json, application/n-quads;q=0.9, application/n-triples;q=0.9, text/turtle;q=0.1",
      },
      body: form(text, o).toString(),
      signal: o.signal,
    });
    request = res.headers.get("Quaestor-Request") ?? "";
    const type = (res.headers.get("Content-Type") ?? "").split(";")[0]!.trim();
    const snapshot = res.headers.get("Quaestor-Snapshot") ?? res.headers.get("Quaestor-Version") ?? "";
    if (!type.includes("json")) {
      const body = await res.text();
      const lines = body.split("\n").filter((l) => l.trim() !== "");
      const cut = o.limit > 0 && lines.length > o.limit;
      return { kind: "graph", text: cut ? lines.slice(0, o.limit).join("\n") : body, type, lines: Math.min(lines.length, o.limit || lines.length), ms: performance.now() - begin, snapshot, cut };
    }
    const json = (await res.json()) as { head?: { vars?: string[] }; boolean?: boolean; results?: { bindings?: Binding[] } };
    const ms = performance.now() - begin;
    if (typeof json.boolean === "boolean") return { kind: "boolean", boolean: json.boolean, ms, snapshot, cut: false };
    const rows = json.results?.bindings ?? [];
    const cut = o.limit > 0 && rows.length > o.limit;
    return { kind: "rows", vars: json.head?.vars ?? [], rows: cut ? rows.slice(0, o.limit) : rows, ms, snapshot, cut };
  } catch (e) {
    // Closing the connection stops the query; naming it makes sure, where the server lists running work.
    if (o.signal?.aborted && request !== "") remove("/api/queries/" + encodeURIComponent(request)).catch(() => {});
    throw e;
  }
}

export const downloads = [
  { label: "CSV", accept: "text/csv", extension: "csv" },
  { label: "TSV", accept: "text/tab-separated-values", extension: "tsv" },
  { label: "JSON", accept: "application/sparql-results+json", extension: "srj" },
  { label: "XML", accept: "application/sparql-results+xml", extension: "srx" },
] as const;

export const graphDownloads = [
  { label: "Turtle", accept: "text/turtle", extension: "ttl" },
  { label: "N-Triples", accept: "application/n-triples", extension: "nt" },
] as const;

/** download runs the query again without the display limit, in the chosen format. */
export async function download(text: string, accept: string): Promise<Blob> {
  const res = await send("/sparql", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: accept },
    body: form(text, { limit: 0 }).toString(),
  });
  return res.blob();
}
