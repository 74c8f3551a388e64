import assert from "node:assert/strict";
import { test } from "node:test";
import type { Binding, Segment } from "../core/types.ts";
import { digitRuns, recompute, roundsTo, supported, type Facts } from "./check.ts";

const rows: Binding[] = [
  { value: { type: "literal", value: "62202000000", datatype: "http://www.w3.org/2001/XMLSchema#decimal" }, year: { type: "literal", value: "2021" } },
  { value: { type: "literal", value: "107556000000" }, when: { type: "literal", value: "2024-02-02" }, film: { type: "uri", value: "http://e/1", label: "12 Angry Men" } },
];
const facts: Facts = { question: "How much from 2021 to 2024?", rows, total: 12, derived: [{ id: "d1", formula: "(b-a)/a", operands: ["r0.value", "r1.value"], value: "0.729140", digits: 3 }] };
const ok = (seg: Segment) => supported(seg, facts);

test("digit runs", () => {
  assert.deepEqual(digitRuns("$62,202 million in 2021, 3.5 %"), ["62202", "2021", "3.5"]);
  assert.deepEqual(digitRuns("10,11 and 1,0000"), ["10", "11", "1", "0000"]);
  assert.deepEqual(digitRuns("62\u202f202 and 1'000"), ["62202", "1000"]);
});

test("plain text may repeat the question's digits only", () => {
  assert.ok(ok({ text: "in fiscal 2021" }));
  assert.ok(ok({ text: " answers" }));
  assert.ok(!ok({ text: "in fiscal 2022" }));
  assert.ok(!ok({ text: "about 7 films" }));
  assert.ok(!ok({ text: "٧" }), "digits of other scripts count too");
});

test("values come from their cell", () => {
  const value = (row: number, v: string, as: string) => ok({ val: { row, var: v }, as });
  assert.ok(value(0, "value", "$62,202 million"));
  assert.ok(value(0, "value", "62.2 billion"));
  assert.ok(!value(0, "value", "$62,203 million"));
  assert.ok(!value(0, "value", "$107,556 million"), "another row's figure");
  assert.ok(value(1, "when", "2 Feb 2024"));
  assert.ok(!value(1, "when", "3 Feb 2024"));
  assert.ok(value(1, "film", "12 Angry Men"));
  assert.ok(!value(1, "film", "13 Angry Men"));
  assert.ok(!value(9, "value", "x"), "a row that is not there");
  assert.ok(!value(0, "film", "x"), "a cell that is not bound");
});

test("counts and derived values", () => {
  assert.ok(ok({ val: { row: 0, count: true }, as: "12" }));
  assert.ok(!ok({ val: { row: 0, count: true }, as: "13" }));
  assert.ok(ok({ val: { derived: "d1" }, as: "+72.9 %" }));
  assert.ok(!ok({ val: { derived: "d1" }, as: "+73.9 %" }));
  assert.ok(!ok({ val: { derived: "nope" }, as: "1" }));
});

test("rounding", () => {
  assert.ok(roundsTo("0.729140", "72.9"));
  assert.ok(roundsTo("1996", "200"), "in tens");
  assert.ok(!roundsTo("1999", "2000"), "four digits shown are four digits claimed");
  assert.ok(!roundsTo("1995", "2"), "one digit fits too much");
  assert.ok(!roundsTo("62202", "622021"), "more digits than there are");
  assert.ok(roundsTo("0", "0.0"));
  assert.ok(!roundsTo("5", "0"));
});

test("derived values are computed again", () => {
  assert.equal(recompute({ id: "d", formula: "(b-a)/a", operands: ["r0.value", "r1.value"], value: "0.729141" }, rows), "same");
  assert.equal(recompute({ id: "d", formula: "(b-a)/a", operands: ["r0.value", "r1.value"], value: "0.7291" }, rows), "same");
  assert.equal(recompute({ id: "d", formula: "(b-a)/a", operands: ["r0.value", "r1.value"], value: "0.7391" }, rows), "differs");
  assert.equal(recompute({ id: "d", formula: "median(a)", operands: ["r0.value"], value: "1" }, rows), "unknown");
  assert.equal(recompute({ id: "d", formula: "a", operands: ["r7.value"], value: "1" }, rows), "unknown");
});
