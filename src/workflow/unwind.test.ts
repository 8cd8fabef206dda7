import { afterEach, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import type { Workflow } from "./define.ts";
import { type Life, Lives, REQUEST } from "./lives.fake.ts";

const open: Lives[] = [];
afterEach(() => {
  for (const lives of open.splice(0)) lives[Symbol.dispose]();
});

async function started(work: Workflow): Promise<{ lives: Lives; life: Life; id: string }> {
  const lives = new Lives(() => ({ work }));
  open.push(lives);
  const life = lives.next();
  const { id } = await life.runs.submit(REQUEST);
  return { lives, life, id };
}

test("a step that takes too long sees its signal abort and fails with timeout", async () => {
  const undone: unknown[] = [];
  const { lives, life, id } = await started(({ step }) =>
    step(
      "slow",
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true })),
      {
        timeoutMs: 1000,
        undo: async (result) => void undone.push(result),
      },
    ),
  );
  const row = await lives.drive(life, id);
  expect(row).toMatchObject({ status: "failed", error: { code: "timeout", message: "step slow took longer than 1s" } });
  expect(undone).toEqual([undefined]);
});

test("a step that does not listen is left behind; what it does late is undone with its result", async () => {
  const undone: unknown[] = [];
  const lives = new Lives(({ clock }) => ({
    work: ({ step }) =>
      step("deaf", () => clock.sleep(30_000).then(() => "late"), { timeoutMs: 1000, undo: async (result) => void undone.push(result) }),
  }));
  open.push(lives);
  const life = lives.next();
  const { id } = await life.runs.submit(REQUEST);
  expect(await lives.drive(life, id)).toMatchObject({ status: "failed", error: { code: "timeout" } });
  expect(undone).toEqual([undefined, "late"]);
  expect(life.runs.steps(id)).toMatchObject([{ status: "undone" }]);
});

test("one that never ends does not hold the run for ever, and the run says so", async () => {
  const { lives, life, id } = await started(({ step }) =>
    step("deaf", () => new Promise<null>(() => undefined), { timeoutMs: 1000, undo: async () => undefined }),
  );
  const row = await lives.drive(life, id);
  expect(row).toMatchObject({ status: "failed", error: { code: "timeout", facts: { undo_failed: [{ step: "deaf" }] } } });
  expect(lives.clock.monotonic()).toBeLessThan(90_000);
});

test("cancel: the present step ends, then all is undone; an undo that fails is told and the others run", async () => {
  const undone: string[] = [];
  const undo = (name: string) => ({ undo: async () => void undone.push(name) });
  const { lives, life, id } = await started(async ({ step }) => {
    await step("a", async () => 1, undo("a"));
    await step("b", async () => 2, { undo: async () => Promise.reject(new Error("stuck")) });
    return step(
      "c",
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      undo("c"),
    );
  });
  while (!lives.story(id).includes("step.running c")) await new Promise(setImmediate);
  const cancelled = life.runs.cancel(id, "enough");
  expect(await cancelled).toMatchObject({
    status: "failed",
    error: {
      code: "cancelled",
      message: "enough; could not be undone: b (stuck)",
      facts: { undo_failed: [{ step: "b", message: "stuck" }] },
    },
  });
  expect(undone).toEqual(["c", "a"]);
  expect(life.runs.steps(id).map(({ status }) => status)).toEqual(["undone", "undo_failed", "undone"]);
  expect(lives.story(id).filter((line) => line.startsWith("run."))).toEqual([
    "run.queued",
    "run.started",
    "run.cancelling",
    "run.unwinding",
    "run.failed",
  ]);
});

test("a cancellation that was written is carried out by the next daemon", async () => {
  const { lives, life, id } = await started(({ step }) =>
    step("a", () => new Promise<null>(() => undefined), { undo: async () => undefined }),
  );
  while (!lives.story(id).includes("step.running a")) await new Promise(setImmediate);
  life.runs.cancel(id).catch(() => undefined);
  while (!life.runs.get(id).cancelling) await new Promise(setImmediate);
  const second = lives.next();
  second.runs.resume();
  expect(await lives.drive(second, id)).toMatchObject({ status: "cancelled" });
  expect(lives.story(id).filter((line) => line === "step.running a").length).toBe(1);
});

test("a failed step fails again with the same error in the next daemon, and a workflow that lives with it goes its way again", async () => {
  let tries = 0;
  const gate = Promise.withResolvers<null>();
  const { lives, id } = await started(async ({ step }) => {
    const said = await step("try", async () => {
      tries += 1;
      throw new OrcoError("port_in_use", "port 1 is held", { port: 1 });
    }).catch((error: unknown) => (error as OrcoError).code);
    await step("wait", () => gate.promise);
    return said;
  });
  while (!lives.story(id).includes("step.running wait")) await new Promise(setImmediate);
  gate.resolve(null);
  const second = lives.next();
  second.runs.resume();
  expect(await lives.drive(second, id)).toMatchObject({ status: "completed", result: "port_in_use" });
  expect(tries).toBe(1);
});

test("two steps of one name are a defect of the workflow, and are told as one", async () => {
  const { lives, life, id } = await started(async ({ step }) => {
    await step("a", async () => 1);
    return step("a", async () => 2);
  });
  expect(await lives.drive(life, id)).toMatchObject({
    status: "failed",
    error: { code: "internal", message: 'the workflow has two steps named "a"' },
  });
});

test("progress is bounded, and silent once the run has ended", async () => {
  const { lives, life, id } = await started(async ({ step, progress }) => {
    for (let n = 0; n < 40; n++)
      await step(`s${n}`, async () => {
        for (let line = 0; line < 60; line++) progress("x".repeat(5000), { big: "y".repeat(10_000) });
        return null;
      });
    return null;
  });
  await lives.drive(life, id);
  const lines = lives.story(id).filter((line) => line === "run.progress");
  expect(lines.length).toBe(1001);
  expect(lives.story(id).at(-1)).toBe("run.completed");
});
