import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../core/api.ts";
import type { SseMessage } from "../core/sse.ts";
import type { AskEvent } from "../core/types.ts";
import { follow, type Source } from "./stream.ts";

const all: SseMessage[] = ["open", "stage", "rows", "answer", "end"].map((event, i) => ({
  id: String(i + 1),
  event,
  data: JSON.stringify(event === "open" ? { run: "r1" } : {}),
}));

/** A server that breaks the line after the given number of messages per connection. */
function source(breaks: number[], log: string[] = []): Source {
  let connection = 0;
  async function* from(after: number): AsyncGenerator<SseMessage[]> {
    const many = breaks[connection++] ?? all.length;
    for (const m of all.filter((x) => Number(x.id) > after).slice(0, many)) yield [m];
    if (many < all.length) throw new TypeError("network error");
  }
  return {
    start: () => (log.push("start"), from(0)),
    resume: (run, after) => (log.push(`resume ${run} ${after}`), from(after)),
    wait: async () => {},
  };
}

async function collect(g: AsyncGenerator<AskEvent[]>): Promise<string[]> {
  const out: string[] = [];
  for await (const batch of g) out.push(...batch.map((e) => e.event));
  return out;
}

const signal = () => new AbortController().signal;
const names = all.map((m) => m.event);

test("an unbroken stream", async () => {
  assert.deepEqual(await collect(follow(source([]), "", 0, signal())), names);
});

test("a line cut anywhere is resumed, each event once", async () => {
  for (let cut = 1; cut < all.length; cut++) {
    const log: string[] = [];
    assert.deepEqual(await collect(follow(source([cut], log), "", 0, signal())), names);
    assert.deepEqual(log, ["start", `resume r1 ${cut}`]);
  }
  assert.deepEqual(await collect(follow(source([1, 1, 1, 0, 1]), "", 0, signal())), names);
});

test("a server that repeats events does not repeat them to the reader", async () => {
  const repeating: Source = { ...source([]), resume: source([]).start };
  const broken = source([3]);
  assert.deepEqual(await collect(follow({ ...repeating, start: broken.start }, "", 0, signal())), names);
});

test("it gives up with a problem, not silence", async () => {
  await assert.rejects(collect(follow(source(Array(20).fill(0)), "r1", 2, signal())), (e: ApiError) => e.code === "unreachable");
});

test("a problem of the server is final", async () => {
  const log: string[] = [];
  const refusing: Source = {
    ...source([], log),
    start: async function* () {
      throw new ApiError({ type: "/problems/busy", title: "busy" });
    },
  };
  await assert.rejects(collect(follow(refusing, "", 0, signal())), (e: ApiError) => e.code === "busy");
  assert.deepEqual(log, []);
});

test("an aborted reader ends quietly", async () => {
  const abort = new AbortController();
  abort.abort();
  assert.deepEqual(await collect(follow(source([0]), "", 0, abort.signal)), []);
});
