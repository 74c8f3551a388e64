import assert from "node:assert/strict";
import { test } from "node:test";
import { nTerm } from "../ask/proof.tsx";
import { ellipsisMiddle, localName, visible } from "../core/format.ts";
import { pack, unpack } from "../core/pack.ts";
import { shortIri } from "../shell/term.tsx";
import { csv } from "./csv.ts";

test("formulas are guarded, numbers stay numbers", () => {
  const out = csv(["a", "b"], [
    { a: { type: "literal", value: '=cmd("x")' }, b: { type: "literal", value: "-5", datatype: "http://www.w3.org/2001/XMLSchema#integer" } },
    { a: { type: "literal", value: "@x,\ny" } },
    { a: { type: "literal", value: "-5" }, b: { type: "uri", value: "http://e/1", label: "+1" } },
  ]);
  assert.equal(out, `a,b\r\n"'=cmd(""x"")",-5\r\n"'@x,\ny",\r\n'-5,'+1\r\n`);
});

test("N-Triples terms are escaped", () => {
  assert.equal(nTerm({ type: "literal", value: 'a"b\\c\nd\u0007' }), '"a\\"b\\\\c\\nd\\u0007"');
  assert.equal(nTerm({ type: "literal", value: "x", "xml:lang": "en" }), '"x"@en');
  assert.equal(nTerm({ type: "literal", value: "1", datatype: "http://e/int" }), '"1"^^<http://e/int>');
  assert.equal(nTerm({ type: "uri", value: "http://e/a b>" }), "<http://e/a\\u0020b\\u003E>");
});

test("a query travels in an address", async () => {
  for (const text of ["SELECT * { ?s ?p ?o }", "", "é🎬\n", "x".repeat(20_000)]) {
    const p = await pack(text);
    assert.ok(p !== null && /^[A-Za-z0-9_-]*$/.test(p));
    assert.equal(await unpack(p as string), text);
  }
  let noise = "";
  for (let i = 0, x = 9; i < 9000; i++) noise += String.fromCharCode(33 + ((x = (x * 48271) % 2147483647) % 90));
  assert.equal(await pack(noise), null, "too long for an address");
  for (const bad of ["!!", "AAAA", "%%%"]) assert.equal(await unpack(bad), null, bad);
});

test("names", () => {
  assert.equal(localName("http://e/a/b#c"), "c");
  assert.equal(localName("http://e/a/"), "a");
  assert.equal(localName("http://e/%E4%zz"), "%E4%zz");
  assert.equal(shortIri("http://e/a", { x: "http://e/", y: "http://" }), "x:a");
  assert.equal(shortIri("http://e/a/b", { x: "http://e/" }), "http://e/a/b");
  assert.equal(ellipsisMiddle("x".repeat(100)).length, 59);
  assert.equal(visible("a\u0000b\u202ec\n"), "a␀b⍰c\n");
});
