import { OrcoError } from "../kernel/errors.ts";
import type { RunService, RunWorkers } from "../http/services.ts";
import { planView } from "../runs/plan-view.ts";
import { newRun } from "../runs/request.ts";
import type { Runs } from "../workflow/execute.ts";
import { runView } from "../workflow/run-view.ts";
import type { RunRow } from "../workflow/run.ts";
import type { RunView } from "../workflow/view.ts";
import { type RepairRuns, withRepairs } from "./repair-runs.ts";
import type { RunParts } from "./runs.ts";

/** Every run to the outside, whichever engine it belongs to: plans and workers to the book, changes of the system to the workflow engine. */
export function runService(runs: Runs, parts: RunParts, repairs?: RepairRuns): RunService {
  const service = ofEngines(runs, parts);
  return repairs ? withRepairs(service, repairs) : service;
}

function ofEngines(runs: Runs, parts: RunParts): RunService {
  const { book, catalogue, logs, artifacts, checks } = parts;
  const changeView = (row: RunRow): RunView => runView(row, runs.steps(row.id));
  const isChange = (id: string): boolean => runs.knows(id);
  const get = (id: string): RunView => (isChange(id) ? changeView(runs.get(id)) : catalogue.get(id));
  /** What only plans and workers' runs can. */
  const onlyOfBook = (id: string, what: string): void => {
    if (isChange(id)) throw new OrcoError("conflict", `run ${id} changes the system: it cannot be ${what}`, { run: id });
  };
  return {
    get,
    list: (filter) => catalogue.list(filter),
    settled: async (id, signal, how = {}) => {
      if (isChange(id)) return changeView(await runs.settled(id, signal, how));
      await book.settled(id, signal, how);
      return catalogue.get(id);
    },
    cancel: async (id, { force = false } = {}) => {
      if (isChange(id)) return changeView(await cancelChange(runs, id));
      await book.cancel(id, { force });
      return catalogue.get(id);
    },
    decide: async (id, given) => {
      // That of an approver of a repair: nobody else keeps it.
      const { token: _, ...decision } = given;
      if (isChange(id)) return changeView(await runs.decide(id, decision));
      await book.decide(id, decision);
      return catalogue.get(id);
    },
    plan: (request) => {
      if (request.plan === undefined)
        throw new OrcoError("invalid", "there is no plan to look at", { errors: [{ pointer: "/plan", detail: "is missing" }] });
      // All that a run would be refused for, not its plan alone.
      const { plan } = newRun(request, { run: "", mode: "local" }, checks);
      return planView(plan ?? checks.parsePlan(request.plan));
    },
    create: (request, how) => book.create(request, how),
    pause: async (id) => {
      onlyOfBook(id, "paused");
      await book.pause(id);
      return catalogue.get(id);
    },
    resume: async (id) => {
      onlyOfBook(id, "resumed");
      await book.resume(id);
      return catalogue.get(id);
    },
    retry: async (id, how) => {
      onlyOfBook(id, "retried: ask for the change again");
      return book.retry(id, how);
    },
    signal: async (id, name, data) => {
      if (isChange(id)) await runs.deliver(id, name, data);
      else await book.signal(id, name, data);
    },
    checkpoints: (id, page) => (isChange(id) ? [] : book.checkpoints(id, page)),
    checkpoint: async (id, checkpoint, caller) => {
      onlyOfBook(id, "given checkpoints");
      return book.checkpoint(id, checkpoint, caller);
    },
    workers: workersOf(parts, onlyOfBook),
    logs: (id, query) => logs.read(id, query),
    artifacts,
  };
}

/** As a change is already over, `conflict` says from which state it could not go to which (runs.md). */
async function cancelChange(runs: Runs, id: string): Promise<RunRow> {
  const { status } = runs.get(id);
  if (status === "cancelled") return runs.get(id);
  if (status === "completed" || status === "failed")
    throw new OrcoError("conflict", `run ${id} is over already: it has ${status}`, { run: id, status, from: status, to: "canceled" });
  return runs.cancel(id);
}

function workersOf({ book, catalogue }: RunParts, onlyOfBook: (id: string, what: string) => void): RunWorkers {
  const { workers } = book;
  const fenced = <T>(id: string, act: () => T): T => {
    onlyOfBook(id, "executed by a worker");
    return act();
  };
  return {
    opens: (id, token) => workers.opens(id, token),
    fence: (id, token) => fenced(id, () => workers.fence(id, token)),
    claim: (id, request) => fenced(id, () => workers.claim(id, request)),
    heartbeat: (id, request, caller) => fenced(id, () => workers.heartbeat(id, request, caller)),
    report: (id, request, caller) => fenced(id, () => workers.report(id, request, caller)),
    finish: async (id, end, caller) => {
      return catalogue.viewOfPlan(await fenced(id, () => workers.finish(id, end, caller)));
    },
    log: (id, lines, caller) => fenced(id, () => workers.log(id, lines, caller)),
    lastCheckpoint: (id, step) => fenced(id, () => workers.lastCheckpoint(id, step)),
  };
}
