// Small parts that every view uses: cards, problems, announcements, dialogs.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, problemCode } from "../core/api.ts";
import type { Problem } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon } from "./icons.tsx";

export function Card(props: { title?: ComponentChildren; note?: ComponentChildren; actions?: ComponentChildren; label: string; class?: string; id?: string; children: ComponentChildren }) {
  return (
    <section class={"card " + (props.class ?? "")} aria-label={props.label} id={props.id}>
      {props.title !== undefined ? (
        <div class="head">
          <h2>{props.title}</h2>
          {props.note !== undefined ? <span class="small note">{props.note}</span> : null}
          {props.actions}
        </div>
      ) : null}
      {props.children}
    </section>
  );
}

/** ProblemCard is the one look of an error: what, where, what to do, how to name it to others. */
export function ProblemCard({ problem, retry, bare }: { problem: Problem; retry?: () => void; bare?: boolean }) {
  const at = problem.at ?? (problem.position && { line: problem.position.line, col: problem.position.column });
  const where = [
    problem.stage ? t.problem.stage(problem.stage) : "",
    at ? t.problem.at(at.line, at.col) : "",
    problem.limit ? t.problem.limit(problem.limit.name, String(problem.limit.used ?? ""), String(problem.limit.allowed ?? problem.limit.max ?? "")) : "",
  ].filter((s) => s !== "");
  return (
    <div class={bare ? "problem" : "card problem"} role="alert">
      <Icon name="warn" />
      <div>
        <p class="title">{problem.title}</p>
        {problem.detail ? <p class="detail">{problem.detail}</p> : null}
        {where.length > 0 ? <p class="small">{where.join(" · ")}</p> : null}
        {problem.hint ? <p>{problem.hint}</p> : null}
        <p class="small">
          <code>{problemCode(problem)}</code>
          {problem.request ? <> · {t.problem.request(problem.request)}</> : null}
        </p>
        {retry && problem.retryable !== false ? (
          <button type="button" onClick={retry}>
            {t.problem.retry}
          </button>
        ) : null}
      </div>
    </div>
  );
}

export function asProblem(e: unknown): Problem {
  if (e instanceof ApiError) return e.problem;
  return { type: "internal", title: t.problem.internal, detail: e instanceof Error ? e.message : String(e) };
}

const spoken = signal("");
const toastText = signal("");
let toastTimer: ReturnType<typeof setTimeout> | undefined;

/** announce speaks one polite sentence to screen readers. */
export function announce(text: string) {
  spoken.value = text;
}

/** toast shows a short confirmation and speaks it. */
export function toast(text: string) {
  toastText.value = text;
  announce(text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toastText.value = ""), 4000);
}

export function Announcer() {
  return (
    <>
      <div class="vh" role="status" aria-live="polite" id="status">
        {spoken.value}
      </div>
      {toastText.value !== "" ? (
        <div class="toast" aria-hidden="true">
          {toastText.value}
        </div>
      ) : null}
    </>
  );
}

/** Dialog is the browser's modal dialog: focus stays inside, Esc closes, focus returns. */
export function Dialog(props: { label: string; class?: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current!;
    if (!d.open) d.showModal();
    return () => d.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class={"dialog " + (props.class ?? "")}
      aria-label={props.label}
      onCancel={(e) => {
        e.preventDefault();
        props.onClose();
      }}
      onClick={(e) => {
        if (e.target === ref.current) props.onClose();
      }}
    >
      <div class="sheet">{props.children}</div>
    </dialog>
  );
}

export function DialogHead({ title, onClose }: { title: string; onClose: () => void }) {
  return (
    <div class="head">
      <h2>{title}</h2>
      <button type="button" class="plain icon" aria-label={t.close} title={t.close} onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}

export async function copyText(text: string, done: string) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(t.copyFailed);
  }
}

/** saveFile hands a text to the browser's downloads. */
export function saveFile(name: string, type: string, text: string | Blob) {
  const blob = typeof text === "string" ? new Blob([text], { type }) : text;
  const a = document.createElement("a");
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div class="skeleton" role="img" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} class={"bar b" + (i % 4)} />
      ))}
    </div>
  );
}
