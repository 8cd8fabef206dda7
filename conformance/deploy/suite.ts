import { messageOf, type SuiteOptions } from "./options.ts";
import { Bench } from "./bench.ts";
import { Mismatch } from "./expect.ts";
import type { Result, Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { openWorld, type World } from "./world.ts";

export interface Report {
  readonly implementation: string;
  readonly scenarios: readonly Result[];
}

/**
 * Runs the scenarios one after another; `onResult` gets each as soon as it is known. With `start` every scenario has an orchestrator, a
 * repository and ports of its own; with `url` alone they share the one that is there. Throws `SetupError` when nothing can be tested.
 */
export async function runSuite(options: SuiteOptions, onResult: (result: Result) => void): Promise<Report> {
  const wanted = SCENARIOS.filter(({ id }) => options.only?.includes(id) ?? true);
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    onResult(result);
  };
  if (options.start !== undefined) for (const scenario of wanted) add(await inWorldOfItsOwn(scenario, options));
  else await inOneWorld(wanted, options, add);
  return { implementation: options.start ?? options.url ?? "", scenarios: results.toSorted((a, b) => a.id - b.id) };
}

async function inWorldOfItsOwn(scenario: Scenario, options: SuiteOptions): Promise<Result> {
  const left = leftOut(scenario, options);
  if (left !== undefined) return skipped(scenario, left);
  const world = await openWorld(options);
  try {
    return await play(scenario, world, options);
  } finally {
    await world.close();
  }
}

/** Those that need an orchestrator that has deployed nothing come first, and only the first of them can have one. */
async function inOneWorld(wanted: readonly Scenario[], options: SuiteOptions, add: (result: Result) => void): Promise<void> {
  const world = await openWorld(options);
  try {
    for (const scenario of wanted.toSorted((a, b) => Number(b.needs === "fresh") - Number(a.needs === "fresh"))) {
      const left = leftOut(scenario, options) ?? (scenario.needs === "fresh" ? await usedBefore(world) : undefined);
      add(left === undefined ? await play(scenario, world, options) : skipped(scenario, left));
    }
  } finally {
    await world.close();
  }
}

function leftOut({ id, needs }: Scenario, { skip, start }: SuiteOptions): string | undefined {
  if (needs === "start" && start === undefined) return "the suite must start the orchestrator itself: --start";
  return skip.get(id);
}

async function usedBefore({ api }: World): Promise<string | undefined> {
  const { body } = await api.status();
  const isFresh = (body["live_commit"] ?? null) === null && (body["previous_commit"] ?? null) === null;
  return isFresh ? undefined : "something has been deployed already: it needs a fresh orchestrator (--start)";
}

function skipped({ id, name }: Scenario, detail: string): Result {
  return { id, name, result: "skipped", duration_ms: 0, detail };
}

async function play(scenario: Scenario, world: World, { timing }: SuiteOptions): Promise<Result> {
  const { id, name, deadlineMs } = scenario;
  const controller = new AbortController();
  const bench = new Bench(world, timing, controller.signal);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Mismatch(`the scenario to end within ${deadlineMs / 1000} s`, bench.doing)), deadlineMs);
  const startedAt = performance.now();
  const done = (result: Result["result"], detail: string): Result => {
    return { id, name, result, duration_ms: Math.round(performance.now() - startedAt), detail };
  };
  try {
    return done("ok", (await Promise.race([scenario.run(bench), late.promise])) ?? "");
  } catch (error) {
    const log = world.implementation?.log ?? "";
    const at = error instanceof Mismatch ? "" : ` (${bench.doing})`;
    return done("failed", `${messageOf(error)}${at}${log === "" ? "" : `\nthe orchestrator printed:\n${log}`}`);
  } finally {
    clearTimeout(timer);
    controller.abort(new Error("the scenario is over"));
    bench.close();
  }
}
