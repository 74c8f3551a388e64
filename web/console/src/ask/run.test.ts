import assert from "node:assert/strict";
import { test } from "node:test";
import type { AskEvent } from "../core/types.ts";
import { apply, chosenIri, newRun, outcome, rowsOfStatement, statementsOfRow, written, type Run } from "./run.ts";

const events = (...list: [string, unknown][]): AskEvent[] => list.map(([event, data], i) => ({ id: i + 1, event, data }));
const play = (list: AskEvent[]): Run => list.reduce(apply, newRun("q"));
const uri = (v: string) => ({ type: "uri" as const, value: v });

const full = events(
  ["open", { v: 1, run: "r1", at: "s7", question: "who", model: "m", calibration: { n: 412, threshold: 0.91 } }],
  ["stage", { stage: "link", state: "start" }],
  ["mention", { i: 1, from: 4, to: 6, candidates: [{ iri: "b", label: "B" }], chosen: null }],
  ["mention", { i: 0, from: 0, to: 3, candidates: [{ iri: "a", label: "A" }], chosen: 0 }],
  ["stage", { stage: "link", state: "end", ms: 38, note: "2 names" }],
  ["token", { from: 0, pieces: [{ t: "SELECT ", forced: true }, { t: "?x " }] }],
  ["token", { from: 10, pieces: [{ t: "wrong" }] }],
  ["retract", { to: 7, reason: "x" }],
  ["token", { from: 7, pieces: [{ t: "?y" }] }],
  ["reading", { n: 2, label: "b", count: null }],
  ["reading", { n: 1, label: "a", count: 2, chosen: true }],
  ["reading", { n: 2, label: "b", count: 0 }],
  ["query", { sparql: "SELECT ?y {}" }],
  ["rows", { vars: ["x"], rows: [{ x: uri("a") }], kinds: ["stated"], more: true, total: "2" }],
  ["rows", { vars: ["x"], rows: [{ x: uri("c") }], kinds: ["inferred"], more: false, total: 2 }],
  ["evidence", { statements: [{ id: "e1", s: uri("a"), p: uri("p"), o: uri("o"), spans: [] }], spans: [] }],
  ["later-version", { anything: 1 }],
  ["verdict", { outcome: "answered", confidence: { value: 0.999, low: 0.91, high: 0.96, n: 412 } }],
  ["answer", { segments: [{ text: "A" }] }],
  ["end", { outcome: "answered", ms: 480 }],
);

test("a whole run", () => {
  const r = play(full);
  assert.equal(r.id, "r1");
  assert.equal(r.calibration?.threshold, 91);
  assert.deepEqual(r.mentions.map((m) => m.i), [0, 1]);
  assert.deepEqual(r.mentions.map(chosenIri), ["a", undefined]);
  assert.equal(r.stages.link.ms, 38);
  assert.equal(written(r), "SELECT ?y");
  assert.deepEqual(r.readings.map((x) => [x.n, x.count]), [[1, 2], [2, 0]]);
  assert.equal(r.rows.length, 2);
  assert.deepEqual(r.kinds, ["stated", "inferred"]);
  assert.equal(r.total, 2);
  assert.deepEqual(r.verdict?.confidence, { value: 99, low: 91, high: 96, n: 412 }, "whole numbers, rounded down, never 100");
  assert.equal(outcome(r), "answered");
});

test("events seen twice change nothing, however the stream is cut and resumed", () => {
  const want = play(full);
  for (let cut = 0; cut <= full.length; cut++) {
    for (const back of [0, 1, 5]) {
      const again = full.slice(Math.max(0, cut - back));
      assert.deepEqual([...full.slice(0, cut), ...again].reduce(apply, newRun("q")), want);
    }
  }
});

test("a retraction keeps what was struck until the next token", () => {
  const r = play(full.slice(0, 8));
  assert.equal(written(r), "SELECT ");
  assert.equal(r.retracted, "?x wrong");
  assert.equal(play(full.slice(0, 9)).retracted, "");
});

test("outcomes", () => {
  assert.equal(outcome(newRun("q")), "running");
  assert.equal(outcome(play(events(["problem", { title: "x" }]))), "failed");
  for (const o of ["answered", "refused", "cancelled", "failed"] as const) assert.equal(outcome(play(events(["end", { outcome: o }]))), o);
  assert.equal(outcome(play(events(["end", { outcome: "strange" }]))), "failed");
});

test("bodies that are not what the contract says do not throw", () => {
  for (const name of ["open", "stage", "mention", "token", "retract", "reading", "query", "rows", "inferred", "evidence", "path", "verdict", "answer", "problem", "end"]) {
    for (const data of [null, undefined, {}, [], "x", 3]) assert.doesNotThrow(() => play(events([name, data])), name);
  }
});

test("rows and statements find each other", () => {
  const named = play(events(
    ["rows", { vars: ["x"], rows: [{ x: uri("a") }, { x: uri("b") }], kinds: [] }],
    ["evidence", { statements: [{ id: "e1", s: uri("z"), p: uri("p"), o: uri("y"), rows: [1] }] }],
  ));
  assert.deepEqual(statementsOfRow(named, 0), []);
  assert.deepEqual(rowsOfStatement(named, "e1"), [1]);
  const bare = play(events(
    ["rows", { vars: ["x"], rows: [{ x: uri("a") }, { x: uri("b") }], kinds: [] }],
    ["evidence", { statements: [{ id: "e1", s: uri("f"), p: uri("p"), o: uri("a") }] }],
  ));
  assert.deepEqual(rowsOfStatement(bare, "e1"), [0]);
});
