// The SPARQL editor: CodeMirror with our colours, completion and errors from
// the server's parser. It lives in a shadow root, where CodeMirror's styles are
// constructed sheets, which a strict content security policy allows. The caret
// and the selection are the browser's own: CodeMirror's drawSelection hangs
// Chromium 156 at the first key typed into an empty text in a shadow root.

import { autocompletion, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { linter, lintKeymap, type Diagnostic } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";
import { api } from "../core/api.ts";
import { count } from "../core/format.ts";
import { next, type LexState, type TokenKind } from "../sparql/lex.ts";
import { t } from "../strings/en.ts";

const names: Partial<Record<TokenKind, string>> = {
  keyword: "keyword",
  function: "standardFunction",
  variable: "variableName",
  iri: "link",
  name: "namespace",
  literal: "string",
  number: "number",
  comment: "comment",
};

const sparql = StreamLanguage.define<LexState>({
  name: "sparql",
  startState: () => ({ long: "" }),
  copyState: (s) => ({ ...s }),
  token(stream, state) {
    const { end, kind } = next(stream.string, stream.pos, state);
    stream.pos = Math.max(end, stream.pos + 1);
    return names[kind] ?? null;
  },
  tokenTable: { standardFunction: tags.standard(tags.function(tags.variableName)) },
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--inferred)", fontWeight: "600" },
  { tag: tags.standard(tags.function(tags.variableName)), color: "var(--derived)" },
  { tag: tags.variableName, color: "var(--warn)" },
  { tag: tags.link, color: "var(--accent)" },
  { tag: tags.namespace, color: "var(--accent)" },
  { tag: tags.string, color: "var(--ok)" },
  { tag: tags.number, color: "var(--derived)" },
  { tag: tags.comment, color: "var(--ink3)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { fontSize: "12.5px", backgroundColor: "var(--surface)", color: "var(--ink)" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace', lineHeight: "19px" },
  ".cm-content": { caretColor: "var(--ink)", padding: "10px 0", minHeight: "152px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--inset)", color: "var(--ink3)", border: "0", minHeight: "152px" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  "& .cm-line::selection, & .cm-line ::selection": { backgroundColor: "var(--accent-weak)", color: "var(--ink)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--edge)", color: "var(--ink)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: "0.8", marginLeft: "1em" },
});

async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const before = context.matchBefore(/[^\s{}()[\].;,]*/);
  if (!context.explicit && (!before || before.text.length < 1)) return null;
  try {
    const r = await api.complete(text, context.pos);
    return {
      from: r.from,
      to: r.to,
      filter: false,
      options: r.items.map((x) => ({
        label: x.label === x.insert ? x.insert : `${x.label}`,
        detail: [x.curie ?? "", x.count !== undefined ? count(x.count) : ""].filter(Boolean).join("  "),
        type: x.kind === "property" ? "property" : x.kind === "class" ? "class" : x.kind === "variable" ? "variable" : x.kind === "keyword" ? "keyword" : "constant",
        apply: (view: EditorView, _c: unknown, from: number, to: number) => {
          const changes = [{ from, to, insert: x.insert }];
          if (x.prefix && !new RegExp(`PREFIX\\s+${x.prefix.name}:`, "i").test(view.state.doc.toString())) {
            changes.unshift({ from: 0, to: 0, insert: `PREFIX ${x.prefix.name}: <${x.prefix.iri}>\n` });
          }
          view.dispatch({ changes, selection: { anchor: from + x.insert.length + (changes.length > 1 ? changes[0]!.insert.length : 0) } });
        },
      })),
    };
  } catch {
    return null; // no server, no proposals
  }
}

async function check(view: EditorView): Promise<Diagnostic[]> {
  const text = view.state.doc.toString();
  if (text.trim() === "") return [];
  try {
    const p = await api.parse(text, false);
    const end = view.state.doc.length;
    return p.errors.map((e) => ({
      from: Math.min(e.from, end),
      to: Math.min(Math.max(e.to, e.from + 1), end),
      severity: "error",
      message: e.message,
      actions: (e.fixes ?? []).map((f) => ({
        name: t.query.fix(f.title),
        apply: (v: EditorView) => v.dispatch({ changes: f.edits.map((x) => ({ from: x.from, to: x.to, insert: x.insert })) }),
      })),
    }));
  } catch {
    return [];
  }
}

export interface EditorProps {
  text: string;
  label: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

export function Editor({ text, label, onChange, onRun }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun });
  latest.current = { onChange, onRun };
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    const v = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          history(),
          bracketMatching(),
          highlightActiveLine(),
          sparql,
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          autocompletion({ override: [complete], activateOnTypingDelay: 200 }),
          linter(check, { delay: 400 }),
          keymap.of([
            { key: "Ctrl-Enter", run: () => (latest.current.onRun(), true) },
            { key: "Mod-Enter", run: () => (latest.current.onRun(), true) },
            { key: "Escape", run: (x) => (x.contentDOM.blur(), true) },
            ...completionKeymap,
            ...lintKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...defaultKeymap,
            indentWithTab,
          ]),
          EditorView.updateListener.of((u) => {
            if (u.docChanged) latest.current.onChange(u.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = v;
    return () => v.destroy();
  }, []);
  useEffect(() => {
    const v = view.current;
    if (v && v.state.doc.toString() !== text) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: text } });
  }, [text]);
  return <div class="editor" ref={host} />;
}
