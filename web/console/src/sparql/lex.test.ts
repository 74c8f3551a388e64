import assert from "node:assert/strict";
import { test } from "node:test";
import { lex, prefixes } from "./lex.ts";
import { place } from "./pretty.ts";

const kinds = (text: string) => lex(text).filter((t) => t.kind !== "space").map((t) => `${t.kind}:${text.slice(t.from, t.to)}`);

test("tokens", () => {
  assert.deepEqual(kinds("SELECT ?x WHERE { ?x a ex:A.b ; <http://e/p> 'q\\'' . } # end"), [
    "keyword:SELECT", "variable:?x", "keyword:WHERE", "punctuation:{", "variable:?x", "keyword:a", "name:ex:A.b", "punctuation:;", "iri:<http://e/p>", "literal:'q\\''",
    "punctuation:.", "punctuation:}", "comment:# end",
  ]);
});

test("a name does not swallow the full stop of the triple", () => {
  assert.deepEqual(kinds("ex:a."), ["name:ex:a", "punctuation:."]);
});

test("SPARQL 1.2: triple terms, annotations, directions", () => {
  assert.deepEqual(kinds('<<( ?s ?p "x"@en--ltr )>> {| :since 2024 |}').map((k) => k.split(":")[0]), ["punctuation", "variable", "variable", "literal", "literal", "punctuation", "punctuation", "name", "number", "punctuation"]);
});

test("less than is not an IRI", () => {
  assert.deepEqual(kinds("?a < 3 && ?b > 2"), ["variable:?a", "punctuation:<", "number:3", "punctuation:&&", "variable:?b", "punctuation:>", "number:2"]);
});

test("long strings over lines", () => {
  assert.deepEqual(kinds('"""a\n# no comment "\nb""" .').map((k) => k.split(":")[0]), ["literal", "literal", "literal", "punctuation"]);
});

test("tokens cover any text, character by character", () => {
  const alphabet = ["?x", "<", ">", '"', "'''", '"""', "\n", " ", "#", "{", "}", "\\", "ex:", "é", "🎬", "@en", "1.", "\r\n", "\u0000", "(", ".", "FILTER"];
  let seed = 11;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: random(20) }, () => alphabet[random(alphabet.length)]).join("");
    let at = 0;
    for (const t of lex(text)) {
      assert.equal(t.from, at);
      assert.ok(t.to > t.from);
      at = t.to;
    }
    assert.equal(at, text.length);
  }
});

test("prefixes", () => {
  assert.deepEqual(prefixes('PREFIX ex: <http://e/> # PREFIX no: <x>\nprefix : <http://d/> SELECT * { ?s ?p "PREFIX a: <b>" }'), { ex: "http://e/", "": "http://d/" });
});

const layOut = (text: string) => place(text).map((k) => k.before + text.slice(k.from, k.to)).join("");

test("one line becomes lines", () => {
  assert.equal(
    layOut("SELECT DISTINCT ?x WHERE { ?v <p> <e> . ?v <q> ?x . FILTER(?x != <e>) } ORDER BY ?x LIMIT 5"),
    "SELECT DISTINCT ?x WHERE {\n  ?v <p> <e> .\n  ?v <q> ?x .\n  FILTER(?x != <e>)\n}\nORDER BY ?x\nLIMIT 5",
  );
});

test("only white space changes; texts with lines stay as they are", () => {
  const queries = ["ASK { { ?a ?b ?c } UNION { ?d ?e 1.5 } }", 'SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p "a . b } c" } } GROUP BY ?g', "SELECT", "}}}{{{", "", "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"];
  for (const q of queries) {
    const words = (s: string) => lex(s).filter((k) => k.kind !== "space").map((k) => s.slice(k.from, k.to));
    assert.deepEqual(words(layOut(q)), words(q));
  }
  const own = "SELECT ?x\nWHERE   { ?x ?p ?o . ?o ?q ?z }";
  assert.equal(layOut(own), own);
});
