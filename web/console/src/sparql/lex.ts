// Colours for SPARQL 1.2: a lexer, not a parser. What the text means, and what
// is wrong with it, comes from the server's parser only.

export type TokenKind = "keyword" | "function" | "variable" | "iri" | "name" | "literal" | "number" | "comment" | "punctuation" | "space" | "other";

/** Open long string between lines: its quote (''' or """), or "". */
export interface LexState {
  long: string;
}

const keywords = new Set(
  `ADD ALL AS ASC ASK BASE BIND BY CLEAR CONSTRUCT COPY CREATE DATA DEFAULT DELETE DESC DESCRIBE DISTINCT DROP EXISTS FILTER FROM GRAPH GROUP
HAVING IN INSERT INTO LIMIT LOAD MINUS MOVE NAMED NOT OFFSET OPTIONAL ORDER PREFIX REDUCED SELECT SEPARATOR SERVICE SILENT TO UNDEF UNION USING
VALUES VERSION WHERE WITH TRUE FALSE`.split(/\s+/),
);

const functions = new Set(
  `ABS AVG BNODE BOUND CEIL COALESCE CONCAT CONTAINS COUNT DATATYPE DAY ENCODE_FOR_URI FLOOR GROUP_CONCAT HASLANG HASLANGDIR HOURS IF IRI ISBLANK
ISIRI ISLITERAL ISNUMERIC ISTRIPLE ISURI LANG LANGDIR LANGMATCHES LCASE MAX MD5 MIN MINUTES MONTH NOW OBJECT PREDICATE RAND REGEX REPLACE ROUND
SAMETERM SAMPLE SECONDS SHA1 SHA256 SHA384 SHA512 STR STRAFTER STRBEFORE STRDT STRENDS STRLANG STRLANGDIR STRLEN STRSTARTS STRUUID SUBJECT SUBSTR
SUM TIMEZONE TRIPLE TZ UCASE URI UUID YEAR`.split(/\s+/),
);

const rules: [TokenKind, RegExp][] = [
  ["space", /[ \t\f\v]+/y],
  ["comment", /#.*/y],
  ["iri", /<[^<>"{}|^`\\\s]*>/y],
  ["variable", /[?$][\p{L}\p{N}_\u00b7\u203f\u2040]+/uy],
  ["literal", /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y],
  ["literal", /@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*(?:--(?:ltr|rtl))?/y],
  ["name", /_:[\p{L}\p{N}_][\p{L}\p{N}_.\-\u00b7]*/uy],
  ["name", /(?:\p{L}[\p{L}\p{N}_\-.\u00b7]*)?:(?:(?:[\p{L}\p{N}_:\-\u00b7]|%[0-9a-fA-F]{2}|\\[_~.\-!$&'()*+,;=/?#@%])(?:\.(?=[\p{L}\p{N}_:\-\u00b7%\\]))*)*/uy],
  ["number", /(?:\d+\.\d*|\.?\d+)(?:[eE][+-]?\d+)?/y],
  ["other", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["punctuation", /<<\(?|\)?>>|\{\||\|\}|\^\^|&&|\|\||[!<>]=|./y],
];

/** next reads one token of a line; end is exclusive. */
export function next(line: string, pos: number, state: LexState): { end: number; kind: TokenKind } {
  if (state.long !== "") {
    const close = findClose(line, pos, state.long);
    if (close < 0) return { end: line.length, kind: "literal" };
    state.long = "";
    return { end: close + 3, kind: "literal" };
  }
  const three = line.slice(pos, pos + 3);
  if (three === '"""' || three === "'''") {
    const close = findClose(line, pos + 3, three);
    if (close < 0) state.long = three;
    return { end: close < 0 ? line.length : close + 3, kind: "literal" };
  }
  for (const [kind, rule] of rules) {
    rule.lastIndex = pos;
    const m = rule.exec(line);
    if (!m || m[0] === "") continue;
    const end = pos + m[0].length;
    if (kind !== "other") return { end, kind };
    const word = m[0].toUpperCase();
    return { end, kind: m[0] === "a" || keywords.has(word) ? "keyword" : functions.has(word) ? "function" : "other" };
  }
  return { end: line.length, kind: "other" };
}

function findClose(line: string, pos: number, quote: string): number {
  for (let i = pos; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line.startsWith(quote, i)) return i;
  }
  return -1;
}

export interface Token {
  from: number;
  to: number;
  kind: TokenKind;
}

/** lex cuts a whole text; the tokens cover every character. */
export function lex(text: string): Token[] {
  const out: Token[] = [];
  const state: LexState = { long: "" };
  let base = 0;
  for (const line of text.split("\n")) {
    for (let pos = 0; pos < line.length; ) {
      const { end, kind } = next(line, pos, state);
      out.push({ from: base + pos, to: base + end, kind });
      pos = end;
    }
    base += line.length;
    if (base < text.length) out.push({ from: base, to: ++base, kind: "space" });
  }
  return out;
}

/** prefixes reads the PREFIX declarations of a query, for showing results as its author writes names. */
export function prefixes(text: string): Record<string, string> {
  const out: Record<string, string> = {};
  const tokens = lex(text).filter((t) => t.kind !== "space" && t.kind !== "comment");
  const at = (t: Token | undefined) => (t ? text.slice(t.from, t.to) : "");
  tokens.forEach((t, i) => {
    if (t.kind !== "keyword" || at(t).toUpperCase() !== "PREFIX") return;
    const name = at(tokens[i + 1]);
    const iri = at(tokens[i + 2]);
    if (name.endsWith(":") && iri.startsWith("<")) out[name.slice(0, -1)] = iri.slice(1, -1);
  });
  return out;
}
