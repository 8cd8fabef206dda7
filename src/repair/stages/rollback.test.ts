import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import { Scratch } from "../../kernel/journal-fixture.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { RepairBook } from "../book.ts";
import { RepairFiles } from "../files.ts";
import type { OpenTarget, RepairHost } from "../host.ts";
import { RepairJob } from "../job.ts";
import { applyChanges } from "../patch/apply.ts";
import type { RepairRecord } from "../record.ts";
import { newRecord } from "../request.ts";
import type { Target } from "../target.ts";
import { rollbackStage } from "./rollback.ts";

const scratches: Scratch[] = [];
afterEach(() => {
  for (const scratch of scratches.splice(0)) scratch[Symbol.dispose]();
});

const signal = new AbortController().signal;
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const GONE = new OrcoError("unknown_service", "shop/api is not up; orco up starts it");

/** A repair of `shop/api` that has patched, built and restarted. `refused`: so many of the next writes of its records find a full disk. */
async function patched(target: Partial<Target> | undefined, more: Partial<RepairRecord> = {}) {
  const scratch = new Scratch();
  scratches.push(scratch);
  const { clock, folder } = scratch;
  const journal = scratch.open();
  const state = { refused: 0 };
  const append: typeof journal.append = (events, writes) => {
    if (state.refused-- > 0) return Promise.reject(new OrcoError("disk_full", "no room"));
    return journal.append(events, writes);
  };
  const book = new RepairBook({ journal: { query: journal.query.bind(journal), append } as never, clock, onChange: () => undefined });
  const workspace = join(folder, "shop");
  const ref = { project: { name: "shop", workspace, approvers: [] }, service: "api", profile: { restartTimeoutMs: 10 } };
  const opened = { ref, redactor: new Redactor([]), target: { cleanUp: async () => undefined, forget: async () => undefined, ...target } };
  const errors: unknown[] = [];
  const host = {
    book,
    files: new RepairFiles(join(folder, "artifacts")),
    clock,
    meter: { status: () => undefined, step: () => undefined },
    folder: join(folder, "repairs"),
    open: () => (target ? Promise.resolve(opened as unknown as OpenTarget) : Promise.reject(GONE)),
    isLeaving: () => false,
    onError: (error: unknown) => errors.push(error),
  } as unknown as RepairHost;
  const asked = {
    id: "a",
    ref,
    kind: "stack",
    instruction: "x",
    priority: "normal",
    requestedBy: { id: "al" },
    trigger: "api",
    propose: false,
  };
  const record = newRecord(clock, { ...asked, dryRun: false } as never);
  mkdirSync(workspace);
  writeFileSync(join(workspace, "Dockerfile"), "old\n");
  const done = { status: "succeeded" } as const;
  const steps = { ...record.steps, build: { ...record.steps.build, ...done }, restart: { ...record.steps.restart, ...done } };
  const before = { wasRunning: true, health: "none", others: [], at: "" } as never;
  await book.create({ ...record, kind: "stack", patchedAt: 1, before, steps, ...more });
  const job = new RepairJob(host, "a");
  const changes = [{ path: "Dockerfile", preSha256: sha256("old\n"), after: Buffer.from("new\n") }];
  await applyChanges({ workspace, keep: join(job.folder, "pre"), changes });
  return { job, book, clock, state, errors, text: () => readFileSync(join(workspace, "Dockerfile"), "utf8"), workspace };
}

async function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}

describe("a full disk", () => {
  test("keeps from noting what is put back, and from nothing else", async () => {
    let restored = 0;
    const state = { status: "exited", imageId: "sha256:1" } as never;
    const found = await patched(
      { restore: async () => ++restored > 0, state: async () => state },
      { before: { wasRunning: false } as never },
    );
    found.state.refused = 3;
    const over = new AbortController();
    const rolled = rollbackStage(found.job, signal).finally(() => over.abort());
    while (!over.signal.aborted) {
      await found.clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rolled;
    expect([found.text(), restored, found.book.get("a").rollback]).toEqual(["old\n", 1, "done"]);
    const { status, message } = found.book.get("a").steps.rollback;
    expect([status, message]).toEqual([
      "succeeded",
      "files are as they were; it is of the former image again; it was not running before, so that nothing was asked of it: it is exited (sha256:1)",
    ]);
  });
});

describe("a stack that was taken down", () => {
  const down = "files are as they were; it was taken down meanwhile, and stays down";

  test("before the next daemon came to it needs nobody", async () => {
    const found = await patched(undefined);
    await rollbackStage(found.job, signal);
    expect([found.text(), found.book.get("a").rollback, found.book.get("a").steps.rollback.message]).toEqual(["old\n", "done", down]);
  });

  test("while it is put back needs nobody; one that is there and does not come back does", async () => {
    const fails = (isGone: boolean): Partial<Target> => ({
      restore: () => Promise.reject(new OrcoError("start_failed", "it does not come up")),
      isGone: async () => isGone,
    });
    const gone = await patched(fails(true));
    await rollbackStage(gone.job, signal);
    expect([gone.text(), gone.book.get("a").rollback, gone.book.get("a").steps.rollback.message]).toEqual(["old\n", "done", down]);
    const there = await patched(fails(false));
    expect(await settled(rollbackStage(there.job, signal))).toMatchObject({ code: "start_failed" });
    expect([there.text(), there.book.get("a").rollback]).toEqual(["old\n", "failed"]);
  });

  test("has its files looked at all the same", async () => {
    const found = await patched(undefined);
    writeFileSync(join(found.workspace, "Dockerfile"), "somebody's\n");
    expect(await settled(rollbackStage(found.job, signal))).toMatchObject({ code: "conflict", facts: { files: ["Dockerfile"] } });
    expect([found.text(), found.book.get("a").rollback]).toEqual(["somebody's\n", "failed"]);
  });
});

test("what was published is told to stay", async () => {
  const published = { branch: "orco/repair-a", commit: "c" };
  const found = await patched(
    { restore: async () => true, state: async () => undefined },
    { published, before: { wasRunning: false } as never },
  );
  await rollbackStage(found.job, signal);
  expect(found.book.get("a").steps.rollback.message).toEndWith("what was published stays: branch orco/repair-a");
});
