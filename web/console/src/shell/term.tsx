// How a term looks everywhere (console design, section 7, Terms). Labels and
// literals are data: they become text nodes, never markup.

import type { ComponentChildren } from "preact";
import { ellipsisMiddle, isNumeric, localName, visible } from "../core/format.ts";
import { href, links } from "../core/router.ts";
import type { Kind, Term } from "../core/types.ts";
import { t } from "../strings/en.ts";
import { Icon } from "./icons.tsx";

const xsd = "http://www.w3.org/2001/XMLSchema#";
const quiet = new Set([xsd + "string", xsd + "boolean", xsd + "gYear", xsd + "date", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"]);

/** shortIri writes an IRI with the longest fitting prefix, or shortens its middle. */
export function shortIri(iri: string, prefixes: Record<string, string> = {}): string {
  let best = "";
  let name = "";
  for (const [p, ns] of Object.entries(prefixes)) {
    if (ns !== "" && iri.startsWith(ns) && ns.length > best.length && !iri.slice(ns.length).includes("/")) {
      best = ns;
      name = p;
    }
  }
  return best !== "" ? `${name}:${iri.slice(best.length)}` : ellipsisMiddle(iri);
}

/** termText is the one-line reading of a term, for labels, titles and exports. */
export function termText(term: Term | undefined, prefixes?: Record<string, string>): string {
  if (!term) return "";
  if (term.type === "triple") {
    const v = term.value;
    return `<< ${termText(v.subject, prefixes)} ${termText(v.predicate, prefixes)} ${termText(v.object, prefixes)} >>`;
  }
  if (term.label) return visible(term.label);
  if (term.type === "uri") return term.curie ?? (prefixes ? shortIri(term.value, prefixes) : localName(term.value));
  if (term.type === "bnode") return "_:" + term.value;
  return visible(term.value);
}

/** grouped writes a plain decimal with group separators; other forms stay as they are. */
export function grouped(lexical: string): string {
  const m = /^(-?)(\d{5,})(\.\d+)?$/.exec(lexical);
  return m ? m[1]!.replace("-", "−") + m[2]!.replace(/\B(?=(?:\d{3})+$)/g, ",") + (m[3] ?? "") : lexical;
}

/** TermView shows a term; `group` is for answers: results keep the lexical form. */
export function TermView({ term, prefixes, plain, group }: { term: Term | undefined; prefixes?: Record<string, string>; plain?: boolean; group?: boolean }) {
  if (!term) return <span class="null" title={t.term.unbound}>–</span>;
  if (term.type === "triple") {
    const v = term.value;
    return (
      <span class="triple">
        {"<< "}
        <TermView term={v.subject} prefixes={prefixes} plain={plain} /> <TermView term={v.predicate} prefixes={prefixes} plain={plain} />{" "}
        <TermView term={v.object} prefixes={prefixes} plain={plain} />
        {" >>"}
      </span>
    );
  }
  if (term.type === "uri") {
    const text = termText(term, prefixes);
    const short = term.curie ?? (prefixes ? shortIri(term.value, prefixes) : undefined);
    const body = (
      <>
        <bdi>{text}</bdi>
        {term.label && short && short !== term.label ? <span class="curie">{short}</span> : null}
      </>
    );
    if (plain) return <span title={term.value}>{body}</span>;
    return (
      <a class={term.label ? "term" : "term mono"} href={href(links.entity(term.value))} title={term.value}>
        {body}
      </a>
    );
  }
  if (term.type === "bnode") {
    return (
      <span class="bnode mono" title={t.term.bnode}>
        _:{term.value}
      </span>
    );
  }
  const lang = term["xml:lang"];
  const suffix = term.datatype && !quiet.has(term.datatype) && !isNumeric(term.datatype) ? localName(term.datatype) : "";
  return (
    <span class="lit">
      <bdi lang={lang} title={group && isNumeric(term.datatype) ? term.value : undefined}>
        {group && isNumeric(term.datatype) ? grouped(term.value) : visible(term.value)}
      </bdi>
      {lang ? <span class="lang">{lang}</span> : null}
      {suffix !== "" ? <span class="lang">{suffix}</span> : null}
    </span>
  );
}

const kindClass: Record<Kind, string> = { stated: "s", derived: "d", inferred: "n" };

/** KindTag tells the three kinds apart by word, line and glyph; colour comes last. */
export function KindTag({ kind }: { kind: Kind }) {
  return <span class={"tag " + kindClass[kind]}>{kind === "inferred" ? "≈ " + t.kind[kind] : t.kind[kind]}</span>;
}

/** External names open only for http, https and mailto, after saying where to. */
export function ExternalLink({ iri, children }: { iri: string; children?: ComponentChildren }) {
  if (!/^(?:https?|mailto):/i.test(iri)) return <span class="mono iri">{iri}</span>;
  return (
    <a
      class="mono iri"
      href={iri}
      target="_blank"
      rel="noopener noreferrer"
      onClick={(e) => {
        if (!confirm(t.term.leave(iri))) e.preventDefault();
      }}
    >
      {children ?? iri} <Icon name="open" />
      <span class="vh"> {t.term.external}</span>
    </a>
  );
}
