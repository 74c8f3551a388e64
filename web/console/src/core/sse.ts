// Server-sent events read with fetch, because EventSource cannot POST.
// Format: https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface SseMessage {
  id: string;
  event: string;
  data: string;
}

/** SseParser turns text that arrives in arbitrary pieces into messages. */
export class SseParser {
  private buffer = "";
  private started = false;
  private id = "";
  private event = "";
  private data: string[] = [];

  push(chunk: string): SseMessage[] {
    if (!this.started && chunk !== "") {
      this.started = true;
      if (chunk.charCodeAt(0) === 0xfeff) chunk = chunk.slice(1);
    }
    this.buffer += chunk;
    const out: SseMessage[] = [];
    for (;;) {
      const end = this.buffer.search(/[\r\n]/);
      if (end < 0) return out;
      // A lone CR at the end of the piece may be the first half of CRLF: wait for more.
      if (this.buffer[end] === "\r" && end === this.buffer.length - 1) return out;
      const width = this.buffer[end] === "\r" && this.buffer[end + 1] === "\n" ? 2 : 1;
      const line = this.buffer.slice(0, end);
      this.buffer = this.buffer.slice(end + width);
      this.line(line, out);
    }
  }

  private line(line: string, out: SseMessage[]) {
    if (line === "") {
      if (this.data.length > 0) {
        out.push({ id: this.id, event: this.event || "message", data: this.data.join("\n") });
      }
      this.event = "";
      this.data = [];
      return;
    }
    if (line.startsWith(":")) return; // heartbeat
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}

/** messages reads a body to its end, yielding what each network piece completes. */
export async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const list = parser.push(decoder.decode(value, { stream: true }));
      if (list.length > 0) yield list;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
