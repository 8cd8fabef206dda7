import { expect } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { Driver, type DriverEnd, type DriverOptions } from "../driver.ts";
import type { RunRecord } from "../record.ts";
import { MemoryRun } from "./ledger.fake.ts";
import { FakeRunner } from "./runner.fake.ts";

/** A run that is being driven, on a clock of its own. */
export interface Scene {
  readonly clock: FakeClock;
  readonly run: MemoryRun;
  readonly runner: FakeRunner;
  readonly errors: unknown[];
  readonly driver: Driver;
  readonly done: Promise<DriverEnd>;
  settle(): Promise<void>;
  /** The next driver of the same run. */
  again(): Scene;
}

export function scene(
  steps: readonly object[],
  given: Partial<RunRecord> & { input?: object; obeys?: boolean; max_parallel?: number } = {},
  more: Partial<DriverOptions> = {},
): Scene {
  const { obeys = true, max_parallel = 4, ...record } = given;
  const clock = new FakeClock();
  const run = new MemoryRun({ steps, max_parallel }, clock, record as Partial<RunRecord>);
  const runner = new FakeRunner(obeys);
  let ids = 0;
  const drive = (): Scene => {
    const errors: unknown[] = [];
    const driver = new Driver({
      ledger: run.open(),
      runner,
      clock,
      newId: () => `e${++ids}`,
      onError: (error) => errors.push(error),
      ...more,
    });
    return { clock, run, runner, errors, driver, done: driver.run(), settle: () => clock.advance(0), again: drive };
  };
  return drive();
}

/** The end of a run whose driver has nothing more to do and leaves nothing behind. */
export async function finished({ clock, done, run, driver }: Scene): Promise<MemoryRun["end"]> {
  await clock.advance(0);
  expect(run.end).toBeDefined();
  expect(await done).toBe("ended");
  expect(clock.pendingTimers).toBe(0);
  expect(run.listening).toBe(0);
  driver.abandon();
  return run.end;
}
