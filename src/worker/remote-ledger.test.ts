import { afterEach, beforeEach, expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { systemClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Plan } from "../runs/plan.ts";
import type { ClaimReply } from "../runs/worker-wire.ts";
import { FakeDaemon, type FakeRun } from "./daemon.fake.ts";
import { RemoteLedger } from "./remote-ledger.ts";
import { claimRun, RunApi } from "./run-api.ts";

const clock = systemClock();
let daemon: FakeDaemon;
let run: FakeRun;
let ledgers: RemoteLedger[];

beforeEach(() => {
  daemon = new FakeDaemon();
  run = daemon.add("r1");
  ledgers = [];
});
afterEach(async () => {
  for (const ledger of ledgers) ledger.close();
  await daemon.stop();
});

async function claimed(): Promise<RemoteLedger> {
  const since = clock.monotonic();
  const reply = await claimRun({ url: daemon.url, clock }, run.id, { worker: "w", dispatch: run.dispatch });
  const api = new RunApi({ url: daemon.url, run: run.id, token: reply.token, clock });
  const onError = (error: unknown): void => expect(error).toBeUndefined();
  const ledger = new RemoteLedger({ claim: reply as ClaimReply & { plan: Plan }, since, api, clock, onError });
  ledgers.push(ledger);
  return ledger;
}

function refusal(work: Promise<unknown>): Promise<OrcoError> {
  return work.then(
    () => Promise.reject(new Error("it was not refused")),
    (error: unknown) => error as OrcoError,
  );
}

test("what is recorded is with the daemon, and then in the snapshot", async () => {
  const ledger = await claimed();
  await ledger.record([{ step: "a", event: "begin", set: { execution: "x" } }]);
  await ledger.record([{ step: "a", event: "finish", set: { outputs: { k: 1 } } }], [{ type: "checkpoint", step: "a", data: { at: 7 } }]);
  expect(run.steps.get("a")).toMatchObject({ status: "completed", attempt: 1, outputs: { k: 1 } });
  expect(ledger.snapshot().steps.get("a")).toMatchObject({ status: "completed", attempt: 1, outputs: { k: 1 } });
  expect(await ledger.lastCheckpoint("a")).toEqual({ at: 7 });
  expect(await ledger.lastCheckpoint("b")).toBeUndefined();
  ledger.log([{ at: 1, step: "a", attempt: 1, source: "stdout", message: "hello" }]);
  await ledger.finish({ status: "completed", result: 5 });
  expect(run.lines.map(({ message }) => message)).toEqual(["hello"]);
  expect(run.end).toEqual({ status: "completed", result: 5 });
});

test("reports of one moment go as one request, in order", async () => {
  const ledger = await claimed();
  await Promise.all(Array.from({ length: 50 }, (_, at) => ledger.record([], [{ type: "checkpoint", step: "a", data: at }])));
  expect(run.checkpoints.map(({ data }) => data)).toEqual(Array.from({ length: 50 }, (_, at) => at));
  expect(daemon.calls.filter((call) => call === "report").length).toBeLessThan(4);
});

test("a daemon that fails for a moment is asked again; a report whose answer was lost is not recorded twice", async () => {
  const ledger = await claimed();
  let failures = 3;
  const unavailable = (): Response => Response.json({ code: "unavailable", message: "not now" }, { status: 503 });
  daemon.disturb = (call, moment) => (call === "report" && moment === "after" && failures-- > 0 ? unavailable() : undefined);
  await ledger.record([{ step: "a", event: "begin" }], [{ type: "checkpoint", data: 1 }]);
  expect(run.checkpoints.length).toBe(1);
  expect(run.steps.get("a")?.attempt).toBe(1);
});

test("one step that somebody else has ended spoils neither the run nor the reports beside it", async () => {
  const ledger = await claimed();
  run.steps.set("gate", { id: "gate", status: "completed", attempt: 0, failures: 0 });
  const [late, other] = await Promise.allSettled([
    ledger.record([{ step: "gate", event: "fail" }]),
    ledger.record([{ step: "a", event: "begin" }]),
  ]);
  expect(late).toMatchObject({ status: "rejected", reason: { code: "conflict", facts: { step: "gate" } } });
  expect(other.status).toBe("fulfilled");
  expect(ledger.lost.aborted).toBe(false);
});

test("what others change is told: an approval, a pause, a cancel", async () => {
  const ledger = await claimed();
  let told = 0;
  const stop = ledger.onChange(() => told++);
  run.news = [{ id: "gate", status: "completed", attempt: 0, failures: 0 }];
  run.seen++;
  await until("it is told", () => told === 1);
  expect(ledger.snapshot().steps.get("gate")?.status).toBe("completed");
  run.paused = true;
  run.seen++;
  await until("it is told", () => told === 2);
  expect(ledger.snapshot().run.status).toBe("paused");
  run.cancelled = true;
  run.seen++;
  await until("it is told", () => told === 3);
  expect(ledger.snapshot().run.cancelling).toEqual({ reason: "canceled", force: false });
  stop();
  // Its steps get their grace; the daemon keeps nothing of it.
  await ledger.record([{ step: "a", event: "begin" }]);
  expect(ledger.snapshot().steps.get("a")?.status).toBe("running");
  expect(run.steps.has("a")).toBe(false);
  expect(ledger.lost.aborted).toBe(false);
  await ledger.finish({ status: "canceled", reason: "canceled" });
});

test("a report that comes after a cancel begins the end instead of killing", async () => {
  const ledger = await claimed();
  run.cancelled = true;
  await ledger.record([{ step: "a", event: "begin" }]);
  expect(ledger.snapshot().run.cancelling).toBeDefined();
  expect(ledger.lost.aborted).toBe(false);
});

test("who lost the run learns it at once, and writes nothing more", async () => {
  const ledger = await claimed();
  let told = 0;
  ledger.onChange(() => told++);
  daemon.requeue(run);
  await until("it is lost", () => ledger.lost.aborted);
  expect(told).toBe(1);
  expect((await refusal(ledger.record([{ step: "a", event: "begin" }]))).code).toBe("conflict");
  expect((await refusal(ledger.finish({ status: "completed" }))).code).toBe("conflict");
  expect(run.steps.size).toBe(0);
});

test("a daemon that is not reached for the length of the lease has given the run away", async () => {
  daemon.leaseMs = 300;
  const ledger = await claimed();
  daemon.disturb = () => Response.json({ code: "unavailable", message: "not now" }, { status: 503 });
  const recorded = refusal(ledger.record([{ step: "a", event: "begin" }]));
  const before = performance.now();
  await until("it is lost", () => ledger.lost.aborted);
  expect(performance.now() - before).toBeLessThan(10_000);
  expect((await recorded).code).toBe("conflict");
});

test("a heartbeat that the daemon does not hold is not repeated in a circle", async () => {
  daemon.leaseMs = 900;
  await claimed();
  const reply = { lease_ms: 900, cancel_requested: false, paused: false, seen: 0, steps: [] };
  daemon.disturb = (call) => (call === "heartbeat" ? Response.json(reply) : undefined);
  const before = performance.now();
  await until("three have come", () => daemon.calls.filter((call) => call === "heartbeat").length >= 4);
  expect(performance.now() - before).toBeGreaterThan(500);
});
