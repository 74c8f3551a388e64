import assert from "node:assert/strict";
import { test } from "node:test";
import type { Binding } from "../core/types.ts";
import { diffRows } from "./diff.ts";

const row = (...cells: string[]): Binding => Object.fromEntries(cells.map((c, i) => ["abc"[i]!, { type: "literal" as const, value: c }]));
const signs = (o: Binding[], n: Binding[], vars = ["a", "b"]) => diffRows(vars, o, vars, n).map((d) => d.sign + Object.values(d.row).map((t) => t!.value).join("/"));

test("added, removed, changed, same", () => {
  assert.deepEqual(signs([row("x", "1"), row("y", "2"), row("z", "3")], [row("x", "1"), row("y", "9"), row("w", "4")]), ["=x/1", "~y/9", "+w/4", "−z/3"]);
});

test("multisets, not sets", () => {
  assert.deepEqual(signs([row("x", "1"), row("x", "1")], [row("x", "1")]), ["=x/1", "−x/1"]);
});

test("one column has nothing that could change", () => {
  assert.deepEqual(diffRows(["a"], [row("x")], ["a"], [row("y")]).map((d) => d.sign), ["+", "−"]);
});

test("other columns: all rows are new", () => {
  assert.deepEqual(diffRows(["q"], [row("x")], ["a"], [row("x")]).map((d) => d.sign), ["+"]);
});

test("a language tag or a datatype makes another term", () => {
  const en: Binding = { a: { type: "literal", value: "x", "xml:lang": "en" } };
  assert.deepEqual(diffRows(["a"], [row("x")], ["a"], [en]).map((d) => d.sign), ["+", "−"]);
});

test("random: what the difference says turns the old rows into the new", () => {
  let seed = 5;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  const rows = () => Array.from({ length: random(8) }, () => row("k" + random(4), "v" + random(3)));
  const text = (b: Binding) => JSON.stringify(b);
  for (let i = 0; i < 300; i++) {
    const [o, n] = [rows(), rows()];
    const d = diffRows(["a", "b"], o, ["a", "b"], n);
    assert.deepEqual(d.filter((x) => x.sign !== "−").map((x) => text(x.row)), n.map(text));
    const old = d.flatMap((x) => (x.sign === "~" ? [x.old!] : x.sign === "+" ? [] : [x.row])).map(text);
    assert.deepEqual(old.sort(), o.map(text).sort());
  }
});
