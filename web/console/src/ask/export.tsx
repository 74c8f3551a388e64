// Taking an answer away: Markdown with footnotes, CSV, the statements, the path.

import { useSignal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { pack } from "../core/pack.ts";
import { go } from "../core/router.ts";
import { t } from "../strings/en.ts";
import { saveFile, toast } from "../shell/widgets.tsx";
import { termText } from "../shell/term.tsx";
import { csv } from "../query/csv.ts";
import { describe, Drawing, nTriple, pathOf, anchorsOf } from "./proof.tsx";
import { layout } from "./layout.ts";
import type { Run } from "./run.ts";

/** OpenQuery leads to the Query view with the text in the address. */
export function OpenQuery({ sparql, label, class: cls }: { sparql: string; label: string; class?: string }) {
  const open = async () => {
    const packed = await pack(sparql);
    if (packed === null) {
      handOver = sparql;
      go("/query");
    } else {
      go("/query?q=" + packed);
    }
  };
  return (
    <button type="button" class={cls} onClick={() => void open()}>
      {label}
    </button>
  );
}

let handOver: string | null = null;

/** taken returns, once, a text too long for an address. */
export function taken(): string | null {
  const text = handOver;
  handOver = null;
  return text;
}

export function markdown(run: Run): string {
  const lines = [`# ${run.question}`, ""];
  const refusal = run.verdict?.refusal;
  if (refusal) {
    lines.push(`**${t.ask.notAnswered}.** ${refusal.message} (\`${refusal.code}\`)`, "");
  } else if (run.answer) {
    const text = run.answer.segments.map((s) => (s.ref !== undefined ? `[^${s.ref}]` : (s.as ?? s.text ?? ""))).join("");
    lines.push(text, "");
  } else if (run.boolean !== undefined) {
    lines.push(run.boolean ? t.yes : t.no, "");
  }
  if (run.rows.length > 0) {
    const cell = (s: string) => s.replaceAll("|", "\\|").replace(/\s+/g, " ");
    lines.push(`| ${run.vars.join(" | ")} | ${t.ask.kindColumn} |`, `|${" --- |".repeat(run.vars.length + 1)}`);
    run.rows.forEach((r, i) => lines.push(`| ${run.vars.map((v) => cell(termText(r[v]))).join(" | ")} | ${t.kind[run.kinds[i] ?? "stated"]} |`));
    lines.push("");
  }
  for (const c of run.answer?.citations ?? []) {
    const s = run.statements.find((x) => x.id === c.statement);
    const span = run.spans.find((x) => x.id === c.span);
    const where = span ? `, ${span.title ?? span.doc}, bytes ${span.start}-${span.end}${span.sha256 ? `, sha256 ${span.sha256}` : ""}` : "";
    lines.push(`[^${c.n}]: ${c.label ?? (s ? `${termText(s.s)} — ${termText(s.p)} → ${termText(s.o)}` : "")}${where}, ${run.at}`);
  }
  if (run.query) lines.push("", "```sparql", run.query.sparql.trim(), "```");
  const c = run.verdict?.confidence;
  if (c && run.calibration) lines.push("", `${t.ask.of100(c.value)} ${t.ask.wereRight} ${t.ask.interval(c.low, c.high, String(c.n), run.calibration.threshold)}`);
  lines.push("", t.ask.snapshot(run.at), "");
  return lines.join("\n");
}

function svg(run: Run): string {
  const host = document.createElement("div");
  const path = pathOf(run);
  render(<Drawing picture={layout(path, anchorsOf(run))} chosen="" describe={describe(path)} />, host);
  const drawing = host.querySelector("svg")!;
  drawing.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  // The file stands alone: what the page's style sheet says becomes attributes.
  const paint: Record<string, Record<string, string>> = {
    ".edge": { fill: "none", stroke: "#857f75", "stroke-width": "1.5" },
    ".edge.derived": { stroke: "#1e4f9c", "stroke-width": "4" },
    ".edge.inner": { stroke: "#ffffff", "stroke-width": "1.5" },
    ".edge.inferred": { stroke: "#7a2f96", "stroke-dasharray": "4 3" },
    ".node rect": { fill: "#ffffff", stroke: "#857f75" },
    ".tip": { fill: "#857f75" },
    text: { "font-family": "sans-serif", "font-size": "12", fill: "#1c1a17" },
    ".sub, .edge-label": { "font-size": "11", fill: "#676158" },
  };
  for (const [selector, attributes] of Object.entries(paint)) {
    for (const el of drawing.querySelectorAll(selector)) for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v);
  }
  const text = new XMLSerializer().serializeToString(drawing);
  render(null, host);
  return text;
}

const fileName = (run: Run): string => `answer-${run.id.replace(/[^A-Za-z0-9_-]/g, "") || "run"}`;

export function ExportMenu({ run }: { run: Run }) {
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open.value) return;
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) open.value = false;
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open.value]);
  const choices: [string, () => void][] = [
    [t.export.markdown, () => saveFile(fileName(run) + ".md", "text/markdown", markdown(run))],
  ];
  if (run.rows.length > 0) choices.push([t.export.csv, () => saveFile(fileName(run) + ".csv", "text/csv", csv(run.vars, run.rows))]);
  if (run.statements.length > 0) {
    choices.push([t.export.statements, () => saveFile(fileName(run) + ".nq", "application/n-quads", run.statements.map(nTriple).join("\n") + "\n")]);
    choices.push([t.export.svg, () => saveFile(fileName(run) + ".svg", "image/svg+xml", svg(run))]);
  }
  if (run.query) choices.push([t.export.query, () => saveFile(fileName(run) + ".rq", "application/sparql-query", run.query!.sparql)]);
  return (
    <div
      class="menu"
      ref={box}
      onKeyDown={(e) => {
        if (e.key === "Escape" && open.value) {
          open.value = false;
          e.stopPropagation();
          box.current?.querySelector("button")?.focus();
        }
      }}
    >
      <button type="button" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {t.export.title}
      </button>
      {open.value ? (
        <ul class="menu-list">
          {choices.map(([label, act]) => (
            <li key={label}>
              <button
                type="button"
                onClick={() => {
                  open.value = false;
                  act();
                  toast(t.export.saved);
                }}
              >
                {label}
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
