import { expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { Driver } from "../driver.ts";
import { STEP, type StepState } from "../record.ts";
import { applyChange } from "../step-change.ts";
import { itemOf } from "./group.ts";
import { MemoryRun } from "./ledger.fake.ts";
import { type FakeExecution, FakeRunner } from "./runner.fake.ts";
import { type Happening, model, type Outcome, planOf, play, type Story, story, TIMEOUT_MS } from "./story.fake.ts";

const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 300);
/** More rounds than any story needs. */
const MAX_ROUNDS = 400;
/** Of writes that failed. */
const MAX_BACKOFF_MS = 60_000;

/** One story as it is told: drivers that come and go, one world outside of them. */
class Telling {
  readonly clock = new FakeClock();
  readonly run: MemoryRun;
  readonly runner = new FakeRunner();
  readonly errors: unknown[] = [];
  private driver: Driver;
  private ids = 0;
  private readonly used = new Map<string, number>();

  constructor(private readonly story: Story) {
    this.run = new MemoryRun(planOf(story), this.clock);
    this.runner.onStart = ({ order, ended }) => {
      // By what it was asked to do or by its timeout; what is gone without a trace never ends.
      void ended.then(() => this.used.set(order.step, (this.used.get(order.step) ?? 0) + 1));
      const same = this.runner.alive.filter((one) => one.order.step === order.step);
      expect(same).toHaveLength(1);
      expect(this.run.status(order.step)).toBe("running");
      expect(this.run.steps.get(order.step)?.execution).toBe(order.execution);
    };
    this.driver = this.drive();
  }

  async happen(one: Happening): Promise<void> {
    if (this.run.end) return;
    switch (one.what) {
      case "end":
        this.endOne(one.nth);
        break;
      case "answer":
        this.answer(one.nth);
        break;
      case "gone":
        this.lose(one.nth);
        break;
      case "advance":
        await this.clock.advance(one.ms);
        break;
      case "die":
        this.driver.abandon();
        this.driver = this.drive();
        break;
      case "pause":
        if (this.run.record.status === "running") this.run.change("pause");
        break;
      case "resume":
        if (this.run.record.status === "paused") this.run.change("resume");
        break;
      case "cancel":
      case "force":
        this.run.cancel("enough", one.what === "force");
        break;
      case "fault":
        this.run.faults.push(new OrcoError("disk_full", "full"));
        break;
      case "unheard":
        this.run.unheard += 1;
        break;
    }
    await this.clock.advance(0);
  }

  /** Lets everything go its way until the run has ended. */
  async conclude(): Promise<void> {
    this.run.faults.length = 0;
    await this.happen({ what: "resume" });
    await this.clock.advance(MAX_BACKOFF_MS);
    for (let round = 0; round < MAX_ROUNDS && !this.run.end; round++) {
      const before = this.runner.alive;
      for (const nth of before.keys()) this.endOne(nth);
      this.answer(0);
      await this.clock.advance(1000);
      const { alive } = this.runner;
      const onlyHangs = alive.length > 0 && alive.length === before.length && alive.every((one) => before.includes(one));
      if (onlyHangs) await this.clock.advance(TIMEOUT_MS);
    }
    await this.clock.advance(0);
  }

  get timers(): number {
    return this.clock.pendingTimers;
  }

  private drive(): Driver {
    const onError = (error: unknown): unknown => this.errors.push(error);
    const driver = new Driver({ ledger: this.run.open(), runner: this.runner, clock: this.clock, newId: () => `e${++this.ids}`, onError });
    void driver.run();
    return driver;
  }

  private endOne(nth: number): void {
    const { alive } = this.runner;
    const execution = alive[nth % Math.max(1, alive.length)];
    if (!execution) return;
    const { step } = execution.order;
    play(execution, this.outcome(step, this.used.get(step) ?? 0));
  }

  private outcome(id: string, used: number): Outcome {
    const { parent, index } = itemOf(id) ?? { parent: id, index: 0 };
    return this.story.steps.find((one) => one.id === parent)?.items[index]?.[used] ?? "ok";
  }

  private answer(nth: number): void {
    const asked = this.story.steps.filter(
      ({ id, kind }) => (kind === "answered" || kind === "signalled") && this.run.status(id) === "waiting",
    );
    const one = asked[nth % Math.max(1, asked.length)];
    if (one) this.run.answer(one.id);
  }

  /** It dies and leaves no trace, as when its machine is gone. */
  private lose(nth: number): void {
    const { alive } = this.runner;
    const one: FakeExecution | undefined = alive[nth % Math.max(1, alive.length)];
    if (!one) return;
    this.driver.abandon();
    this.runner.all.splice(this.runner.all.indexOf(one), 1);
    this.driver = this.drive();
  }
}

/** What must hold at every moment, by what was recorded. */
function checkHistory({ run, clock }: Telling, { steps, maxParallel }: Story): void {
  const states = new Map<string, StepState>();
  const isFinal = (id: string): boolean => STEP.isFinal(states.get(id)?.status ?? "pending");
  for (const change of run.history) {
    const { parent } = itemOf(change.step) ?? { parent: change.step };
    const spec = steps.find(({ id }) => id === parent);
    if (change.event === "begin" || change.event === "wait" || change.event === "skip")
      expect((spec?.needs ?? []).every(isFinal)).toBe(true);
    // Nothing that has ended changes any more: applyChange refuses it.
    states.set(change.step, applyChange(states.get(change.step), change, clock.now()));
    const executing = [...states.values()].filter(({ status }) => status === "running" || status === "cancelling");
    expect(executing.length).toBeLessThanOrEqual(maxParallel);
    if (spec?.kind !== "each") continue;
    const open = [...states.values()].filter(({ id }) => itemOf(id)?.parent === spec.id && !isFinal(id));
    expect(open.length).toBeLessThanOrEqual(spec.limit);
    if (change.step === spec.id && isFinal(spec.id)) expect(open).toEqual([]);
  }
}

/** The last: that a run has ended is news to a driver who ended it and never heard so. */
function isExpected(error: unknown): boolean {
  return error instanceof OrcoError && ["disk_full", "unreachable", "conflict"].includes(error.code);
}

async function check(told: Story): Promise<void> {
  const telling = new Telling(told);
  await telling.clock.advance(0);
  for (const one of told.happenings) await telling.happen(one);
  await telling.conclude();
  const { run, runner } = telling;
  expect(run.end).toBeDefined();
  expect(runner.alive).toEqual([]);
  expect(runner.forgotten).toEqual(["run-1"]);
  expect(telling.timers).toBe(0);
  expect(run.listening).toBe(0);
  expect(telling.errors.filter((error) => !isExpected(error))).toEqual([]);
  checkHistory(telling, told);
  for (const { id } of told.steps) expect(STEP.isFinal(run.steps.get(id)?.status ?? "pending")).toBe(true);
  if (run.record.cancelling) {
    expect(run.end?.status).toBe("canceled");
    return;
  }
  const expected = model(told);
  expect(new Map(told.steps.map(({ id }) => [id, run.status(id)]))).toEqual(expected);
  expect(run.end?.status).toBe([...expected.values()].includes("failed") ? "failed" : "completed");
}

test("whatever happens, and however often its driver dies, a run ends as its plan says", async () => {
  await fc.assert(fc.asyncProperty(story, check), { numRuns: RUNS });
}, 60_000);
