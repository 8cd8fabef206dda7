import { expect } from "bun:test";
import type { JournalEvent } from "../../kernel/event.ts";
import type { Journal } from "../../kernel/journal.ts";
import { RUN, type RunRecord, type StepState } from "../record.ts";

interface Told {
  readonly run: RunRecord;
  readonly events: readonly JournalEvent[];
  readonly said: string;
}

/** What must hold on disk at every moment, whoever died when: rows are what the events add up to, and nothing follows an end. */
export function checkDisk(journal: Journal): void {
  const rows = journal.query<{ row: string }>("SELECT row FROM runs WHERE engine = 'plan'").map(({ row }) => JSON.parse(row) as RunRecord);
  for (const run of rows) {
    const events = journal.read({ topic: `run/${run.id}`, limit: 1_000_000 });
    const said = `${run.id}: ${events.map(({ type }) => type).join(", ")}`;
    expect(
      events.map(({ topicSeq }) => topicSeq),
      said,
    ).toEqual(events.map((_, at) => at + 1));
    checkStatus(run, events, said);
    checkSteps(journal, { run, events, said });
    checkCheckpoints(journal, { run, events, said });
    checkOutbox(journal, run, said);
  }
}

function checkStatus(run: RunRecord, events: readonly JournalEvent[], said: string): void {
  const told = events.filter(({ type, data }) => typeof data["status"] === "string" && type === `run.${data["status"]}`);
  expect(told.at(-1)?.data["status"], said).toBe(run.status);
  const ends = events.filter(({ type }) => RUN.states.some((state) => RUN.isFinal(state) && type === `run.${state}`));
  expect(ends.length, said).toBe(RUN.isFinal(run.status) ? 1 : 0);
  if (ends[0]) expect(events.at(-1), said).toBe(ends[0]);
}

function checkSteps(journal: Journal, { run, events, said }: Told): void {
  const rows = journal.query<{ row: string }>("SELECT row FROM run_steps WHERE run = ?", [run.id]);
  for (const { id, status } of rows.map(({ row }) => JSON.parse(row) as StepState)) {
    const last = events.findLast(({ type, data }) => type.startsWith("step.") && data["step"] === id);
    expect([id, last?.data["status"]], said).toEqual([id, status]);
    if (RUN.isFinal(run.status)) expect(["completed", "failed", "skipped", "canceled"], said).toContain(status);
  }
}

function checkCheckpoints(journal: Journal, { run, events, said }: Told): void {
  const rows = journal.query<{ id: string; n: number }>("SELECT id, n FROM run_checkpoints WHERE run = ? ORDER BY n", [run.id]);
  const told = events.filter(({ type }) => type === "checkpoint").map(({ topicSeq, data }) => ({ id: data["id"], n: topicSeq }));
  expect(rows, said).toEqual(told as typeof rows);
}

function checkOutbox(journal: Journal, run: RunRecord, said: string): void {
  const rows = journal.query<{ kind: string }>("SELECT kind FROM outbox WHERE run = ?", [run.id]).map(({ kind }) => kind);
  const owed = run.webhook && RUN.isFinal(run.status) ? 1 : 0;
  expect(rows.filter((kind) => kind === "webhook").length, said).toBe(owed);
  if (run.status !== "pending" && run.status !== "running") expect(rows, said).not.toContain("redis");
}
