import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Journal } from "../kernel/journal.ts";
import type { Workflows } from "./define.ts";
import { Runs } from "./execute.ts";
import { RunStore } from "./store.ts";

const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "orco-runs-"));
  homes.push(home);
  return home;
}

function engine(home: string, workflows: Workflows) {
  const clock = systemClock();
  const journal = Journal.open({ path: join(home, "orco.db"), clock });
  const errors: unknown[] = [];
  const runs = new Runs({
    store: new RunStore(journal),
    clock,
    newId: () => uuidv7(clock),
    workflows,
    onError: (error) => errors.push(error),
  });
  return { journal, runs, errors };
}

const request = { kind: "work", lane: "stack/a", input: {}, labels: { stack: "a" }, onBusy: "queue" as const };

test("a run goes queued → running → completed, each on disk, with its steps", async () => {
  const { journal, runs } = engine(newHome(), {
    work: async ({ step }) => ({ sum: (await step("one", async () => 1)) + (await step("two", async () => 2)) }),
  });
  const { id } = await runs.submit(request);
  const row = await runs.settled(id);
  expect(row).toMatchObject({ status: "completed", result: { sum: 3 } });
  expect(runs.steps(id).map(({ name, status }) => `${name} ${status}`)).toEqual(["one completed", "two completed"]);
  const types = journal.read({ topic: `run/${id}` }).map(({ type }) => type);
  expect(types).toEqual(["run.queued", "run.started", "step.running", "step.completed", "step.running", "step.completed", "run.completed"]);
  journal.close();
});

test("a run asked for again under its id is the same one, under way, ended, and in the next daemon", async () => {
  const home = newHome();
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const workflows = { work: async () => ({ n: (begun += 1), _: await gate.promise.then(() => 0) }) };
  const first = engine(home, workflows);
  const again = { ...request, onBusy: "reject" as const, id: "one" };
  expect((await first.runs.submit(again)).id).toBe("one");
  expect((await first.runs.submit(again)).id).toBe("one");
  gate.resolve();
  await first.runs.settled("one");
  first.journal.close();
  const second = engine(home, workflows);
  expect(await second.runs.submit(again)).toMatchObject({ id: "one", status: "completed" });
  expect(begun).toBe(1);
  second.journal.close();
});

test("runs of a lane go one after the other; a busy lane can refuse", async () => {
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const { journal, runs } = engine(newHome(), {
    work: async ({ id, step }) => {
      await step("go", async () => {
        order.push(id);
        if (order.length === 1) await gate.promise;
        return null;
      });
      return null;
    },
  });
  const first = await runs.submit(request);
  const second = await runs.submit(request);
  expect(runs.submit({ ...request, onBusy: "reject" })).rejects.toMatchObject({ code: "busy", facts: { run: first.id } });
  expect(runs.get(second.id).status).toBe("queued");
  gate.resolve();
  await runs.settled(second.id);
  expect(order).toEqual([first.id, second.id]);
  journal.close();
});

test("a run that released its lane waits on while the next one moves", async () => {
  const gate = Promise.withResolvers<void>();
  const { journal, runs } = engine(newHome(), {
    wait: async ({ releaseLane }) => {
      releaseLane();
      await gate.promise;
      return null;
    },
    work: async () => "done",
  });
  const waiting = await runs.submit({ ...request, kind: "wait" });
  const next = await runs.submit(request);
  expect(await runs.settled(next.id)).toMatchObject({ status: "completed" });
  expect(runs.get(waiting.id).status).toBe("running");
  gate.resolve();
  expect(await runs.settled(waiting.id)).toMatchObject({ status: "completed" });
  journal.close();
});

test("a failed step undoes the completed ones in reverse and keeps the code of the error", async () => {
  const undone: string[] = [];
  const undo = (name: string) => ({ undo: async () => void undone.push(name) });
  const { journal, runs } = engine(newHome(), {
    work: async ({ step }) => {
      await step("a", async () => 1, undo("a"));
      await step("b", async () => 2, undo("b"));
      return step("c", async () => Promise.reject(new OrcoError("port_in_use", "port 1 is held", { port: 1 })));
    },
  });
  const { id } = await runs.submit(request);
  expect(await runs.settled(id)).toMatchObject({ status: "failed", error: { code: "port_in_use", facts: { port: 1 } } });
  expect(undone).toEqual(["b", "a"]);
  expect(runs.steps(id).map(({ status }) => status)).toEqual(["undone", "undone", "failed"]);
  journal.close();
});

test("cancel ends a waiting run at once and one that runs when it lets go", async () => {
  const { journal, runs } = engine(newHome(), {
    work: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  });
  const first = await runs.submit(request);
  const second = await runs.submit(request);
  expect(await runs.cancel(second.id)).toMatchObject({ status: "cancelled" });
  expect(await runs.cancel(first.id, "no longer needed")).toMatchObject({ status: "cancelled", error: { message: "no longer needed" } });
  expect(runs.cancel(first.id)).rejects.toMatchObject({ code: "conflict" });
  expect(runs.settled("01890000-0000-7000-8000-000000000000")).rejects.toMatchObject({ code: "not_found" });
  journal.close();
});

test("crash at every step boundary: the next daemon replays what completed and runs the rest, nothing twice", async () => {
  const STEPS = ["s0", "s1", "s2", "s3"];
  for (let crashAt = 0; crashAt < STEPS.length; crashAt++) {
    const home = newHome();
    const counts = new Map<string, number>();
    const stuck = Promise.withResolvers<never>();
    const reached = Promise.withResolvers<void>();
    const workflow = (crash: boolean): Workflows => ({
      work: async ({ step }) => {
        for (const [at, name] of STEPS.entries()) {
          await step(name, async () => {
            if (crash && at === crashAt) {
              reached.resolve();
              return stuck.promise;
            }
            counts.set(name, (counts.get(name) ?? 0) + 1);
            return at;
          });
        }
        return "whole";
      },
    });
    const before = engine(home, workflow(true));
    const { id } = await before.runs.submit(request);
    await reached.promise;
    before.runs.abandon();
    before.journal.close();

    const after = engine(home, workflow(false));
    after.runs.resume();
    expect(await after.runs.settled(id)).toMatchObject({ status: "completed", result: "whole" });
    expect(STEPS.map((name) => counts.get(name))).toEqual([1, 1, 1, 1]);
    expect(after.errors).toEqual([]);
    after.journal.close();
  }
});

test("a run that several cancel, while its lane falls free as well, ends once", async () => {
  const gate = Promise.withResolvers<void>();
  const { journal, runs } = engine(newHome(), {
    work: async ({ step }) => step("go", () => gate.promise.then(() => null)),
  });
  const first = await runs.submit(request);
  const { id } = await runs.submit(request);
  const cancelled = Promise.all([runs.cancel(id), runs.cancel(id)]);
  gate.resolve();
  await runs.settled(first.id);
  expect((await cancelled).map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
  expect(journal.read({ topic: `run/${id}` }).map(({ type }) => type)).toEqual(["run.queued", "run.cancelled"]);
  journal.close();
});
