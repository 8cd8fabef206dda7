import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { Row, RunHistory } from "./run-history.ts";
import { type MadeRun, PROCESS_STEP, ROUNDS } from "./run-plans.ts";

const ENDS: ReadonlySet<string> = new Set(["step.completed", "step.failed", "step.skipped", "step.canceled"]);

interface Execution {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly pid: number;
  end?: "end" | "fail";
}

/** What the processes of steps themselves wrote down. */
export class StepLedger {
  readonly executions: Execution[] = [];

  constructor(path: string) {
    const known = new Map<string, Execution>();
    for (const line of textOf(path).split("\n").filter(Boolean)) {
      const [what, run = "", step = "", attempt, pid] = line.split(" ");
      const key = `${run} ${step} ${attempt}`;
      const found = known.get(key);
      if (what === "begin") {
        if (found) throw new Error(`executed twice: ${key}`);
        const execution = { run, step, attempt: Number(attempt), pid: Number(pid) };
        known.set(key, execution);
        this.executions.push(execution);
      } else {
        if (!found || found.end !== undefined || found.pid !== Number(pid)) throw new Error(`ended and was not under way: ${line}`);
        found.end = what as "end" | "fail";
      }
    }
  }

  /** Pids of those that have begun and not said how they ended. */
  get live(): number[] {
    return this.executions.filter(({ end }) => end === undefined).map(({ pid }) => pid);
  }

  check(history: RunHistory, made: readonly MadeRun[]): void {
    for (const run of made) {
      const rows = history.byRun.get(run.id) ?? [];
      const wanted = run.fate === "fails" ? "failed" : run.fate === "completes" || run.late ? "completed" : "canceled";
      expect([run.id, rows.at(-1)?.type]).toEqual([run.id, `run.${wanted}`]);
      for (const step of new Set(rows.flatMap(({ data }) => (typeof data["step"] === "string" ? [data["step"]] : []))))
        this.checkStep(run, step, rows);
    }
  }

  private checkStep(run: MadeRun, step: string, rows: readonly Row[]): void {
    const own = rows.filter(({ type, data }) => type.startsWith("step.") && data["step"] === step);
    const said = `${run.id} ${step}: ${own.map(({ type, data }) => `${type} ${String(data["attempt"])}`).join(", ")}`;
    const ends = own.filter(({ type }) => ENDS.has(type));
    expect([said, ends.length, own.at(-1) === ends[0]]).toEqual([said, 1, true]);
    if (!PROCESS_STEP.test(step)) return;
    const executions = this.executions.filter((one) => one.run === run.id && one.step === step);
    const last = Number(ends[0]?.data["attempt"]);
    expect([said, executions.filter(({ attempt }) => attempt > last)]).toEqual([said, []]);
    const isWhole = run.fate !== "is cancelled" || run.late;
    if (isWhole) expect([said, executions.filter(({ end }) => end === undefined)]).toEqual([said, []]);
    const completed = ends[0]?.type === "step.completed";
    if (completed) expect([said, executions.find(({ attempt }) => attempt === last)?.end]).toEqual([said, "end"]);
    expect([said, executions.filter(({ end }) => end === "end").length <= 1]).toEqual([said, true]);
    const told = rows.filter(({ type, data }) => type === "checkpoint" && data["step"] === step).map(({ data }) => data["data"]);
    expect([said, told]).toEqual([said, told.map((_, at) => at)]);
    if (completed) expect([said, told.length]).toEqual([said, ROUNDS]);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // nobody has begun yet
  }
}
