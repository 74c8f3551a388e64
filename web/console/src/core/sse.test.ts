import assert from "node:assert/strict";
import { test } from "node:test";
import { messages, SseParser, type SseMessage } from "./sse.ts";

const whole = (text: string): SseMessage[] => new SseParser().push(text);

test("fields, comments, ids that stay, several data lines", () => {
  assert.deepEqual(whole(": hb\n\nid: 1\nevent: open\ndata: {\"v\":1}\n\ndata: a\ndata:b\n\n: x\n"), [
    { id: "1", event: "open", data: '{"v":1}' },
    { id: "1", event: "message", data: "a\nb" },
  ]);
});

test("an unfinished message is not given", () => {
  assert.deepEqual(whole("id: 1\ndata: x\n"), []);
});

test("a byte order mark and all three line ends", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = "\ufeffevent: a" + end + "data: 1" + end + end + "data: 2" + end + end;
    // A final lone CR may be half of CRLF, so the reader waits for one more character.
    const p = new SseParser();
    assert.deepEqual([...p.push(text), ...p.push(":")].map((m) => m.event + m.data), ["a1", "message2"], JSON.stringify(end));
  }
});

test("any cut of the text gives the same messages", () => {
  const text = "id: 7\r\nevent: token\r\ndata: {\"t\":\"ünïcode 🎬\"}\r\n\r\n: hb\n\nid: 8\nevent: end\ndata: {}\n\n";
  const want = whole(text);
  assert.equal(want.length, 2);
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let round = 0; round < 500; round++) {
    const p = new SseParser();
    const got: SseMessage[] = [];
    for (let i = 0; i < text.length; ) {
      const n = 1 + random(9);
      got.push(...p.push(text.slice(i, i + n)));
      i += n;
    }
    assert.deepEqual(got, want);
  }
});

test("bytes cut inside a character", async () => {
  const bytes = new TextEncoder().encode("data: 🎬é\n\n");
  for (let cut = 1; cut < bytes.length; cut++) {
    const body = new ReadableStream<Uint8Array>({
      start(c) {
        c.enqueue(bytes.slice(0, cut));
        c.enqueue(bytes.slice(cut));
        c.close();
      },
    });
    const got: string[] = [];
    for await (const batch of messages(body)) got.push(...batch.map((m) => m.data));
    assert.deepEqual(got, ["🎬é"]);
  }
});
