import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../test/until.ts";
import { systemClock } from "../kernel/clock.ts";
import type { Journal } from "../kernel/journal.ts";
import { Scratch } from "../kernel/journal-fixture.ts";
import { RunTraces } from "./traces.ts";

const COLLECTOR = join(import.meta.dir, "../../test/programs/otlp-collector.ts");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: Record<string, unknown>;
  readonly resource: Record<string, unknown>;
  readonly status: { code: number };
}

async function collector(...args: string[]): Promise<{ endpoint: string; spans: () => Promise<Span[]> }> {
  const child = Bun.spawn([process.execPath, COLLECTOR, ...args], { stdout: "pipe", stderr: "inherit" });
  open.push({
    stop: async () => {
      child.kill();
      await child.exited;
    },
  });
  const { value } = await child.stdout.getReader().read();
  const endpoint = `http://127.0.0.1:${/(\d+)/.exec(new TextDecoder().decode(value))?.[1]}`;
  return { endpoint, spans: async () => (await (await fetch(`${endpoint}/spans`)).json()) as Span[] };
}

function scratch(): Scratch {
  const made = new Scratch();
  open.push({ stop: () => made[Symbol.dispose]() });
  return made;
}

function tracer(journal: Journal, endpoint: string): { traces: RunTraces; errors: unknown[] } {
  const errors: unknown[] = [];
  const system = systemClock();
  // Spans are sent at once; pauses after a failure are short.
  const clock = {
    ...system,
    after: (ms: number, fn: () => void) => system.after(ms / 20, fn),
    sleep: (ms: number, signal?: AbortSignal) => system.sleep(ms / 20, signal),
  };
  const traces = new RunTraces({ journal, clock, endpoint, onError: (error) => errors.push(error) });
  traces.start();
  open.push({ stop: () => traces.close() });
  return { traces, errors };
}

/** Waits until it follows: only what comes later is exported. */
async function following(journal: Journal): Promise<void> {
  await until("it follows", () => journal.query("SELECT 1 FROM meta WHERE key = 'traces.cursor'").length === 1);
}

async function begin(journal: Journal, id: string, traceparent?: string): Promise<void> {
  const row = { id, name: `name of ${id}`, mode: "local", ...(traceparent !== undefined && { traceparent }) };
  const sql = "INSERT INTO runs (id, kind, lane, status, row, created_at, engine) VALUES (?, 'plan', 'l', 'running', ?, ?, 'plan')";
  await journal.append(
    [{ topic: `run/${id}`, type: "run.pending", data: {} }],
    [{ sql, params: [id, JSON.stringify(row), Date.now() - 50] }],
  );
  await tell(journal, id, "step.running", { step: "a", attempt: 1 });
}

async function tell(journal: Journal, id: string, type: string, data: Record<string, string | number> = {}): Promise<void> {
  await journal.append([{ topic: `run/${id}`, type, data }]);
}

async function end(journal: Journal, id: string): Promise<void> {
  await tell(journal, id, "step.completed", { step: "a", attempt: 1 });
  await tell(journal, id, "run.completed");
}

test("a run's spans reach a collector, below the span of who created it", async () => {
  const { endpoint, spans } = await collector();
  const journal = scratch().open();
  const { traces, errors } = tracer(journal, endpoint);
  await following(journal);
  const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
  await begin(journal, "r1", traceparent);
  await begin(journal, "unsampled", `00-${TRACE}-b7ad6b7169203331-00`);
  await end(journal, "unsampled");
  await end(journal, "r1");
  const found = await until("the spans are there", async () => ((await spans()).length >= 3 ? spans() : undefined));
  const named = new Map(found.map((span) => [span.name, span]));
  const [run, step, dispatch] = ["run name of r1", "step a", "dispatch a"].map((name) => named.get(name));
  expect(found.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE, TRACE]);
  expect([run?.parentSpanId, step?.parentSpanId, dispatch?.parentSpanId]).toEqual(["b7ad6b7169203331", run?.spanId, step?.spanId]);
  expect(run?.attributes).toEqual({ "orco.run.id": "r1", "orco.run.kind": "plan", "orco.mode": "local", "orco.run.status": "completed" });
  expect([run?.resource["service.name"], run?.status.code]).toEqual(["orco", 1]);
  expect(traces.stepContext({ id: "r1", traceparent }, "a", 1)).toBe(`00-${TRACE}-${dispatch?.spanId}-01`);
  expect(errors).toEqual([]);
});

test("a daemon that dies and one that follows make one trace, each span once or again the same", async () => {
  const { endpoint, spans } = await collector();
  const place = scratch();
  const first = place.open();
  const { traces } = tracer(first, endpoint);
  await following(first);
  await begin(first, "r1");
  await begin(first, "r2");
  await end(first, "r1");
  await until("the first run is there", async () => (await spans()).length === 3);
  await traces.close();
  first.close();
  const second = place.open();
  await end(second, "r2");
  tracer(second, endpoint);
  const found = await until("the second too", async () => ((await spans()).length >= 6 ? spans() : undefined));
  expect(new Set(found.map(({ spanId }) => spanId)).size).toBe(6);
  expect(found.filter(({ attributes }) => attributes["orco.run.id"] === "r2").map(({ name }) => name)).toEqual([
    "dispatch a",
    "step a",
    "run name of r2",
  ]);
});

test("a collector that is down is waited for, one that refuses is not", async () => {
  const down = await collector("--fail", "1");
  const journal = scratch().open();
  tracer(journal, down.endpoint);
  await following(journal);
  await begin(journal, "r1");
  await end(journal, "r1");
  await until("it has been told again", async () => (await down.spans()).length === 3, 15_000);
  const refusing = await collector("--fail", "1", "--status", "400");
  const other = scratch().open();
  const { errors } = tracer(other, refusing.endpoint);
  await following(other);
  await begin(other, "refused");
  await end(other, "refused");
  await until("it is said", () => errors.length === 1);
  await begin(other, "r2");
  await end(other, "r2");
  await until("the next is taken", async () => (await refusing.spans()).length === 3);
  expect((await refusing.spans()).every(({ attributes }) => attributes["orco.run.id"] === "r2")).toBe(true);
});
