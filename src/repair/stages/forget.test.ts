import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePrivateFolder } from "../../supervise/private-folder.ts";
import type { RepairJob } from "../job.ts";
import { forgetStage } from "./forget.ts";

const home = mkdtempSync(join(tmpdir(), "orco-forget-"));
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("what a rollback needs stays while there may be one; then all of it goes, in memory too", async () => {
  const folder = join(home, "run-1");
  mkdirSync(join(folder, "pre"), { recursive: true });
  writeFileSync(join(folder, "pre", "0.pre"), "FROM a\n");
  const { path: values } = makePrivateFolder({ at: join(folder, "compose", "values"), name: `forget-${process.pid}`, bases: ["/dev/shm"] });
  const forgotten: boolean[] = [];
  const target = { forget: async (_: unknown, keepRollback: boolean) => void forgotten.push(keepRollback) };
  const job = { folder, record: {}, open: async () => ({ target }) } as unknown as RepairJob;
  await forgetStage(job, { keepRollback: true });
  expect([existsSync(join(folder, "pre", "0.pre")), existsSync(values)]).toEqual([true, true]);
  await forgetStage(job, { keepRollback: false });
  await forgetStage(job, { keepRollback: false });
  expect([existsSync(folder), existsSync(values), ...forgotten]).toEqual([false, false, true, false, false]);
});
