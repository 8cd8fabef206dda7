import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { systemClock } from "../clock.ts";
import { SpanOutbox } from "./outbox.ts";
import type { SpanData } from "./span.ts";

const COLLECTOR = join(import.meta.dir, "../../../test/programs/otlp-collector.ts");
const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

async function collector(...args: string[]): Promise<{ endpoint: string; names: () => Promise<string[]> }> {
  const child = Bun.spawn([process.execPath, COLLECTOR, ...args], { stdout: "pipe", stderr: "inherit" });
  open.push({
    stop: async () => {
      child.kill();
      await child.exited;
    },
  });
  const { value } = await child.stdout.getReader().read();
  const endpoint = `http://127.0.0.1:${/(\d+)/.exec(new TextDecoder().decode(value))?.[1]}`;
  const names = async () => ((await (await fetch(`${endpoint}/spans`)).json()) as SpanData[]).map(({ name }) => name);
  return { endpoint, names };
}

/** `patience`: how many times as long as the daemon's own it waits when it closes. */
function outbox(endpoint: string, patience = 1): { box: SpanOutbox; errors: unknown[] } {
  const errors: unknown[] = [];
  const system = systemClock();
  const clock = {
    ...system,
    after: (ms: number, fn: () => void) => system.after(ms / 20, fn),
    sleep: (ms: number, signal?: AbortSignal) => system.sleep(ms * patience, signal),
  };
  const box = new SpanOutbox({ clock, endpoint, scope: "test", onError: (error) => errors.push(error) });
  open.push({ stop: () => box.close() });
  return { box, errors };
}

function span(name: string): SpanData {
  return { name, traceId: "a".repeat(32), spanId: "b".repeat(16), flags: 1, start: 1, end: 2, attributes: {} };
}

test("spans reach a collector, those of a closing daemon too", async () => {
  const { endpoint, names } = await collector();
  const { box, errors } = outbox(endpoint, 15);
  box.put([span("a"), span("b")]);
  await until("the first are there", async () => (await names()).length === 2);
  box.put([span("c")]);
  await box.close();
  expect(await names()).toEqual(["a", "b", "c"]);
  box.put([span("late")]);
  expect(errors).toEqual([]);
});

test("a collector that refuses is told of once, and the next spans go out", async () => {
  const { endpoint, names } = await collector("--fail", "2", "--status", "400");
  const { box, errors } = outbox(endpoint);
  box.put(Array.from({ length: 1024 }, () => span("lost")));
  await until("it is told", () => errors.length > 0);
  await until("it takes more", async () => {
    box.put([span("a")]);
    return (await names()).includes("a");
  });
  expect(errors).toHaveLength(1);
});

test("what waits is bounded, and what was dropped is told", async () => {
  const { endpoint, names } = await collector();
  const { box, errors } = outbox(endpoint, 15);
  box.put(Array.from({ length: 5000 }, (_, n) => span(String(n))));
  await box.close();
  expect(await names()).toHaveLength(4096);
  expect(String(errors[0])).toContain("904 spans were dropped");
});

test("a collector that does not answer holds up nobody for long", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  open.push({ stop: () => silent.stop(true) });
  const { box } = outbox(`http://127.0.0.1:${silent.port}`);
  box.put([span("a")]);
  const started = performance.now();
  await box.close();
  expect(performance.now() - started).toBeLessThan(5000);
});
