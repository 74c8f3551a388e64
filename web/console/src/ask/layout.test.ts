import assert from "node:assert/strict";
import { test } from "node:test";
import type { Path } from "../core/types.ts";
import { layout, maxEdges, shorten } from "./layout.ts";

const node = (id: string, iri = false) => ({ id, label: id, ...(iri ? { term: { type: "uri" as const, value: id } } : {}) });

function path(edges: [string, string][]): Path {
  const ids = [...new Set(edges.flat())];
  return { nodes: ids.map((id) => node(id, true)), edges: edges.map(([from, to], i) => ({ id: "e" + i, from, to, label: "p", statement: "s" + i })) };
}

test("layers are distances from the anchors, whichever way the statements point", () => {
  const l = layout(path([["film1", "nora"], ["film2", "nora"], ["film1", "ross"], ["film2", "reiner"]]), ["nora"]);
  const layer = Object.fromEntries(l.nodes.map((n) => [n.id, n.layer]));
  assert.deepEqual(layer, { film1: 1, nora: 0, film2: 1, ross: 2, reiner: 2 });
  const x = Object.fromEntries(l.nodes.map((n) => [n.id, n.x]));
  assert.ok(x.nora! < x.film1! && x.film1! < x.ross!);
});

test("three layers fit the proof column, long labels and all", () => {
  const l = layout(path([["a film with a very long title indeed", "anchor"], ["a film with a very long title indeed", "a director with a long name"]]), ["anchor"], 492);
  assert.equal(l.width, 492);
  for (const n of l.nodes) assert.ok(n.x >= 0 && n.x + n.width <= 492, n.id);
});

test("random paths: no two nodes overlap, everything inside, same in same out", () => {
  let seed = 3;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let round = 0; round < 200; round++) {
    const n = 2 + random(14);
    const p = path(Array.from({ length: 1 + random(30) }, () => ["n" + random(n), "n" + random(n)] as [string, string]));
    const anchors = random(2) === 0 ? [] : ["n0"];
    const l = layout(p, anchors);
    assert.deepEqual(layout(structuredClone(p), anchors), l);
    for (const [i, a] of l.nodes.entries()) {
      assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= l.width && a.y + a.height <= l.height, `outside: ${a.id}`);
      for (const b of l.nodes.slice(i + 1)) {
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        assert.ok(apart, `${a.id} over ${b.id} in round ${round}`);
      }
    }
    const members = l.nodes.flatMap((x) => x.members.map((m) => m.id)).sort();
    assert.deepEqual(members, p.nodes.map((x) => x.id).sort(), "every node is drawn once");
  }
});

test("equal branches fold, and unfold one group", () => {
  const p = path(Array.from({ length: 12 }, (_, i) => ["hub", "leaf" + i] as [string, string]));
  const l = layout(p, ["hub"]);
  assert.equal(l.nodes.length, 2);
  const fold = l.nodes.find((n) => n.members.length > 1)!;
  assert.equal(fold.label, "× 12");
  assert.equal(l.edges.length, 1);
  assert.equal(l.edges[0]!.statements.length, 12);
  assert.equal(layout(p, ["hub"], 496, new Set([fold.id])).nodes.length, 13);
});

test("more edges than can be drawn are counted", () => {
  const l = layout(path(Array.from({ length: maxEdges + 5 }, (_, i) => ["a" + i, "b" + i] as [string, string])), []);
  assert.equal(l.hidden, 5);
});

test("an empty path", () => {
  const l = layout({ nodes: [], edges: [] }, []);
  assert.equal(l.nodes.length, 0);
  assert.ok(l.width > 0 && l.height > 0);
});

test("shorten counts characters, not code units", () => {
  assert.equal(shorten("🎬🎬🎬", 3), "🎬🎬🎬");
  assert.equal(shorten("🎬🎬🎬🎬", 3), "🎬🎬…");
});
