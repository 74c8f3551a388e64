import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, evaluate, parseDecimal, round } from "./decimal.ts";

const d = (s: string) => parseDecimal(s)!;

test("lexical forms", () => {
  for (const [text, same] of [["1.50", "1.5"], ["+2", "2"], [".5", "0.5"], ["5.", "5"], ["1e3", "1000"], ["12.5E-1", "1.25"], ["-0", "0"]] as const) {
    assert.ok(equal(d(text), d(same)), text);
  }
  for (const bad of ["", ".", "-", "1,000", "0x1", "NaN", "1e9999", "1 2", "١"]) assert.equal(parseDecimal(bad), null, bad);
});

test("no binary rounding", () => {
  assert.ok(equal(evaluate("a+b", [d("0.1"), d("0.2")])!, d("0.3")));
  assert.ok(equal(evaluate("a*b", [d("99999999999999999999"), d("3")])!, d("299999999999999999997")));
});

test("the growth of the layout study", () => {
  const growth = evaluate("(b-a)/a", [d("62202"), d("107556")])!;
  assert.ok(equal(round(growth, 6), d("0.729141")) || equal(round(growth, 6), d("0.729140")));
  assert.equal(round(growth, 3).units, 729n);
  assert.ok(equal(evaluate("(b − a) ÷ a", [d("62202"), d("107556")])!, growth));
});

test("precedence, unary minus, numbers", () => {
  assert.ok(equal(evaluate("a-b-c", [d("10"), d("3"), d("2")])!, d("5")));
  assert.ok(equal(evaluate("a+b*c", [d("1"), d("2"), d("3")])!, d("7")));
  assert.ok(equal(evaluate("-a*100", [d("0.5")])!, d("-50")));
  assert.ok(equal(evaluate("a/b/c", [d("8"), d("2"), d("2")])!, d("2")));
});

test("what cannot be checked is null, never a wrong value", () => {
  for (const f of ["a/b", "a+", "(a", "a)", "sum(a)", "a b", "c", "", "a**b", "alert(1)"]) {
    assert.equal(evaluate(f, [d("1"), d("0")]), null, f);
  }
});

test("half to even", () => {
  for (const [v, want] of [["0.5", "0"], ["1.5", "2"], ["2.5", "2"], ["-0.5", "0"], ["-1.5", "-2"], ["2.51", "3"]] as const) {
    assert.ok(equal(round(d(v), 0), d(want)), v);
  }
});

test("random sums and products agree with integers", () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) % 2000 - 1000;
  for (let i = 0; i < 500; i++) {
    const [a, b, c] = [random(), random(), random()];
    const got = evaluate("a*b-c", [a, b, c].map((x) => ({ units: BigInt(x), scale: 2 })))!;
    assert.ok(equal(got, { units: BigInt(a) * BigInt(b) - BigInt(c) * 100n, scale: 4 }));
  }
});
