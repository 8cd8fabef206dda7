/**
 * Many readers of one event stream: `bun sse-clients.ts <url> <count>`. Prints `{open}` when each has its hello, and when all have seen the
 * end (or stdin closes) what they saw: frames, gaps, repeated ones, ends, and how late each frame was, in tenths of a ms.
 */
import { performance } from "node:perf_hooks";

const [address = "", count = "1"] = process.argv.slice(2);
const url = new URL(address);
const LATEST = 100_000;

const late = new Uint32Array(LATEST + 1);
const seen = { open: 0, frames: 0, gaps: 0, repeated: 0, ended: 0, closed: 0 };
const done = Promise.withResolvers<void>();

class Reader {
  private rest = "";
  private last = 0;
  private greeted = false;

  take(data: Buffer): void {
    const now = performance.timeOrigin + performance.now();
    const text = this.rest + data.toString("latin1");
    if (!this.greeted && text.includes("event: hello")) {
      this.greeted = true;
      seen.open += 1;
      if (seen.open === Number(count)) console.log(JSON.stringify({ open: seen.open }));
    }
    let at = 0;
    for (;;) {
      const idAt = text.indexOf("\nid: ", at);
      const end = idAt < 0 ? -1 : text.indexOf("\n\n", idAt);
      if (end < 0) break;
      this.frame(text, idAt, now);
      at = end;
    }
    this.rest = text.slice(at);
    if (this.rest.includes("event: end")) {
      seen.ended += 1;
      this.rest = "";
      if (seen.ended === Number(count)) done.resolve();
    }
  }

  private frame(text: string, idAt: number, now: number): void {
    const dash = text.indexOf("-", idAt);
    const n = Number.parseInt(text.slice(dash + 1, dash + 12), 10);
    if (n === this.last) seen.repeated += 1;
    else if (n !== this.last + 1) seen.gaps += 1;
    this.last = n;
    const madeAt = text.indexOf('"at":', dash);
    const next = text.indexOf("\n\n", dash);
    if (madeAt < 0 || madeAt > next) return;
    seen.frames += 1;
    const tenths = Math.round((now - Number.parseFloat(text.slice(madeAt + 5, madeAt + 25))) * 10);
    const bucket = Math.min(LATEST, Math.max(0, tenths));
    late[bucket] = (late[bucket] ?? 0) + 1;
  }
}

for (let i = 0; i < Number(count); i++) {
  const reader = new Reader();
  await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: {
      open: (socket) =>
        void socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`),
      data: (_, data) => reader.take(data),
      close: () => void (seen.closed += 1),
      error: () => undefined,
    },
  });
}
process.stdin.on("data", () => undefined).on("end", () => done.resolve());
await done.promise;
const cpu = process.cpuUsage();
console.log(JSON.stringify({ ...seen, cpuS: (cpu.user + cpu.system) / 1e6, late: sparse() }));
process.exit(0);

function sparse(): [tenths: number, count: number][] {
  return [...late.entries()].filter(([, many]) => many > 0);
}
