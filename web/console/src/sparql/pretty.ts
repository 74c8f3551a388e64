// Line breaks for a query that came as one line. Only white space changes, so
// that the text stays the text that ran, token by token.

import { lex, type Token } from "./lex.ts";

export interface PlacedToken extends Token {
  /** white space that goes before the token */
  before: string;
}

const ownLine = /^(?:FILTER|OPTIONAL|MINUS|BIND|VALUES|GROUP|ORDER|HAVING|LIMIT|OFFSET|PREFIX|BASE|SELECT|ASK|CONSTRUCT|DESCRIBE)$/i;

/** place gives every token the white space before it; texts with line breaks keep their own. */
export function place(text: string): PlacedToken[] {
  const tokens = lex(text);
  const kept = text.includes("\n");
  const out: PlacedToken[] = [];
  let depth = 0;
  let parens = 0;
  let space = "";
  let last = "";
  for (const token of tokens) {
    const word = text.slice(token.from, token.to);
    if (token.kind === "space") {
      space += word;
      continue;
    }
    let before = out.length === 0 ? "" : kept ? space : space === "" ? "" : " ";
    if (!kept && out.length > 0) {
      if (word === "}") depth = Math.max(0, depth - 1);
      const line = "\n" + "  ".repeat(depth);
      if (last === "{" || word === "}") before = last === "{" && word === "}" ? " " : line;
      else if (last === "}" && !/^(?:\.|UNION|\))$/i.test(word)) before = line;
      else if (last === "." && parens === 0) before = line;
      else if (parens === 0 && token.kind === "keyword" && ownLine.test(word) && !/^(?:ORDER|GROUP)$/i.test(last)) before = line;
    }
    if (word === "{") depth++;
    if (word === "(") parens++;
    if (word === ")") parens = Math.max(0, parens - 1);
    out.push({ ...token, before });
    last = word;
    space = "";
  }
  return out;
}
