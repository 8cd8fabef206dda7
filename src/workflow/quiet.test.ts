import { expect, test } from "bun:test";
import { Scratch } from "../kernel/journal-fixture.ts";
import type { RunRow } from "./run.ts";
import { RunStore } from "./store.ts";

test("steps of a quiet kind are kept and not told, those of others are told", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  const store = new RunStore(journal, undefined, new Set(["repair"]));
  for (const kind of ["repair", "deploy"]) {
    const row: RunRow = { id: kind, kind, lane: kind, status: "running", input: {}, labels: {}, createdAt: 0 };
    await store.save(row, "run.started");
    await store.saveStep(row, { name: "look", status: "running" });
    expect(store.steps(kind)).toEqual([{ name: "look", status: "running" }]);
  }
  const typesOf = (kind: string): string[] => journal.read({ topic: `run/${kind}` }).map(({ type }) => type);
  expect([typesOf("repair"), typesOf("deploy")]).toEqual([["run.started"], ["run.started", "step.running"]]);
});
