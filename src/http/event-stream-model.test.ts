import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { readSse, type SseMessage } from "../client/sse.ts";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

let server: TestServer;

/** A reader that is cut, comes back by its last id, and may take every event once, in order, or be told of a gap. */
class Watcher {
  readonly seen: number[] = [];
  private id: string | undefined;
  private messages: AsyncGenerator<SseMessage> | undefined;
  private readonly leaving: AbortController[] = [];

  constructor(
    private readonly path: string,
    private readonly counted: "n" | "seq",
  ) {}

  async connect(): Promise<void> {
    await this.cut();
    const leave = new AbortController();
    this.leaving.push(leave);
    const headers = { accept: "text/event-stream", ...(this.id !== undefined && { "last-event-id": this.id }) };
    this.messages = readSse(await fetch(`http://localhost${this.path}`, { unix: server.socket, headers, signal: leave.signal }));
  }

  /** Up to the event of that number, or what retention left of it. */
  async readTo(number: number): Promise<void> {
    while ((this.seen.at(-1) ?? 0) < number) {
      if (!this.messages) await this.connect();
      const { value, done } = (await this.messages?.next()) ?? { done: true };
      if (done) throw new Error(`ended before ${number}`);
      this.take(value);
    }
  }

  async cut(): Promise<void> {
    const messages = this.messages;
    this.messages = undefined;
    this.leaving.pop()?.abort();
    await messages?.return(undefined).catch(() => undefined);
  }

  private take({ event, id, data }: SseMessage): void {
    const told = JSON.parse(data) as Record<string, number>;
    if (event === "gap") this.skipTo(told["first_available"] ?? 0);
    if (id === undefined) return;
    this.id = id;
    const number = told[this.counted] ?? 0;
    expect(id).toEndWith(`-${number}`);
    const last = this.seen.at(-1);
    if (last === undefined) this.skipTo(number);
    else expect(number).toBe(last + 1);
    this.seen.push(number);
  }

  /** What is not there any more counts as seen: the reader was told, or began behind it. */
  private skipTo(first: number): void {
    expect(first - 1).toBeGreaterThanOrEqual(this.seen.at(-1) ?? 0);
    for (let n = (this.seen.at(-1) ?? 0) + 1; n < first; n++) this.seen.push(n);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 120 }), bytes: fc.constantFrom(10, 200, 5000) }) },
  { weight: 3, arbitrary: fc.record({ read: fc.nat({ max: 2 }), share: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 3, arbitrary: fc.record({ cut: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ open: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ keep: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
);

describe("whatever is appended, cut, resumed and trimmed", () => {
  test.each([
    ["a run's stream", (id: string) => `/runs/${id}/events`, "n"],
    ["/events", () => "/events", "seq"],
    ["/events of a run", (id: string) => `/events?topic=run/${id}`, "n"],
  ] as const)(
    "readers of %s see every event once and in order, or are told of the gap",
    async (_, path, counted) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
          server = startTestServer(systemClock());
          try {
            await play(steps, path, counted === "n" && path("x").startsWith("/events") ? "seq" : counted);
          } finally {
            await server.dispose();
          }
        }),
        { numRuns: 12, interruptAfterTimeLimit: 12_000 },
      );
    },
    60_000,
  );
});

async function play(steps: readonly object[], path: (id: string) => string, counted: "n" | "seq"): Promise<void> {
  server.daemon.outcome = undefined;
  const { id } = await server.daemon.begin("external", "demo");
  const topic = `run/${id}`;
  const head = () => server.daemon.journal.head(counted === "n" ? topic : undefined);
  const watchers = Array.from({ length: 3 }, () => new Watcher(path(id), counted));
  for (const one of steps as Record<string, number>[]) {
    const { append, bytes = 0, read, share = 0, cut, open, keep, restart } = one;
    if (append !== undefined) {
      const text = "x".repeat(bytes);
      await server.daemon.journal.append(Array.from({ length: append }, () => ({ topic, type: "run.progress", data: { message: text } })));
    }
    if (read !== undefined) await watchers[read]?.readTo(Math.ceil((head() * share) / 100));
    if (cut !== undefined) await watchers[cut]?.cut();
    if (open !== undefined) await watchers[open]?.connect();
    if (keep !== undefined) await server.daemon.journal.trim({ keepPerTopic: keep, batch: 50 });
    if (restart !== undefined) {
      for (const watcher of watchers) await watcher.cut();
      await server.restart();
    }
  }
  for (const watcher of watchers) await watcher.readTo(head());
  for (const watcher of watchers) {
    expect(watcher.seen).toEqual(Array.from({ length: head() }, (_, n) => n + 1));
    await watcher.cut();
  }
}
