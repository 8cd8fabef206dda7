import { expect, test } from "bun:test";
import type { Family } from "./metrics.ts";
import { StatsBook } from "./metrics-book.ts";
import { Counters } from "./metrics-counters.ts";

const LISTENER = "127.0.0.1:80";

function valueOf(families: readonly Family[], name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const samples = families.find((family) => family.name === name)?.samples ?? [];
  return samples.find((sample) => Bun.deepEquals(sample.labels, labels))?.value;
}

test("an answer has what changed since the last one, and all of it for somebody new", () => {
  const counters = new Counters();
  counters.of(LISTENER, "a").finished(200, 3);
  counters.of(LISTENER, "b").finished(404, 3);
  const first = counters.answer(0);
  expect(first.fronts.map(({ pool }) => pool)).toEqual(["a", "b"]);
  expect(counters.answer(first.seq).fronts).toEqual([]);
  const second = counters.answer(first.seq);
  counters.of(LISTENER, "b").retried();
  expect(counters.answer(second.seq).fronts).toMatchObject([{ pool: "b", codes: { 404: 1 }, retries: 1 }]);
  expect(counters.answer(0).fronts).toHaveLength(2);
});

test("what happens while an answer is on its way is in the next one", () => {
  const counters = new Counters();
  const a = counters.of(LISTENER, "a");
  a.finished(200, 1);
  const { seq } = counters.answer(0);
  a.finished(200, 1);
  expect(counters.answer(seq).fronts).toMatchObject([{ codes: { 200: 2 } }]);
});

test("the counts of workers are summed; those of one that ended stay, what it had open does not", () => {
  const book = new StatsBook();
  const workers = [new Counters(), new Counters()];
  for (const [number, counters] of workers.entries()) {
    const counter = counters.of(LISTENER, "a");
    counter.finished(200, 4);
    counter.finished(499, 40_000);
    counter.addInFlight(1);
    counter.addConnection(1);
    book.connected(number);
    book.answered(number, counters.answer(book.seqOf(number)));
  }
  const labels = { listener: LISTENER, pool: "a" };
  const requests = (code: string) => valueOf(book.families(2), "orco_edge_requests_total", { ...labels, code });
  expect(requests("200")).toBe(2);
  expect(valueOf(book.families(2), "orco_edge_inflight", labels)).toBe(2);
  book.lost(0, { old: 3 });
  expect(requests("200")).toBe(2);
  expect(requests("499")).toBe(2);
  expect(valueOf(book.families(1), "orco_edge_inflight", labels)).toBe(1);
  expect(valueOf(book.families(1), "orco_edge_connections", labels)).toBe(1);
  expect(book.cutByLost("old")).toBe(3);
  // The number is given again; its counts begin at 0 and are added.
  book.connected(0);
  const fresh = new Counters();
  fresh.of(LISTENER, "a").finished(200, 4);
  book.answered(0, fresh.answer(book.seqOf(0)));
  expect(requests("200")).toBe(3);
});

test("durations are buckets that add up", () => {
  const book = new StatsBook();
  const counters = new Counters();
  for (const ms of [0.5, 1, 3, 59_000, 61_000]) counters.of(LISTENER, "a").finished(200, ms);
  book.connected(0);
  book.answered(0, counters.answer(0));
  const labels = { listener: LISTENER, pool: "a" };
  const bucket = (le: string) => valueOf(book.families(1), "orco_edge_request_duration_seconds", { ...labels, le });
  expect([bucket("0.001"), bucket("0.0025"), bucket("0.005"), bucket("60"), bucket("+Inf")]).toEqual([2, 2, 3, 4, 5]);
});

test("every family that is promised is there, without traffic too", () => {
  const names = new StatsBook().families(0).map(({ name }) => name);
  const promised = ["requests_total", "request_duration_seconds", "inflight", "held", "retries_total", "swap_seconds", "connections"];
  for (const name of promised) expect(names).toContain(`orco_edge_${name}`);
});
