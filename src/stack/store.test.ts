import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { Journal } from "../kernel/journal.ts";
import { serviceSpec, slotOf } from "../../test/spec.ts";
import { StackStore } from "./store.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-stack-store-"));
const clock = new FakeClock();
const journal = Journal.open({ path: join(dir, "orco.db"), clock });
const store = new StackStore(journal, clock, (error) => {
  throw error;
});

afterAll(() => {
  journal.close();
  rmSync(dir, { recursive: true, force: true });
});

test("the spec of a former apply is kept for as long as an instance runs it", async () => {
  const [first, second] = [slotOf("api"), slotOf("api", { replica: 1 })];
  await store.addSlot(first, serviceSpec("api"));
  await store.addSlot(second, serviceSpec("api"));
  await store.removeSlot(first);
  expect(store.oldSpec("demo", "c")).toMatchObject({ name: "api" });
  await store.removeSlot(second);
  expect(store.oldSpec("demo", "c")).toBeUndefined();
  expect(store.slots("demo")).toEqual([]);
});

test("a slot that was removed stays so, whatever is recorded of it afterwards", async () => {
  const slot = slotOf("db");
  await store.addSlot(slot, serviceSpec("db"));
  await store.removeSlot(slot);
  await store.record(slot, { type: "instance.stopped", from: "Stopping" });
  expect(store.slots("demo")).toEqual([]);
});
