import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { RepairFiles } from "./files.ts";
import { StepOutput } from "./output.ts";

test("a log that is full says so once, at its end, and takes nothing more", async () => {
  const root = mkdtempSync(join(tmpdir(), "orco-files-"));
  try {
    const files = new RepairFiles(root);
    for (let n = 0; n < 33; n++) files.append("a", "build.log", ["x".repeat(1_000_000)]);
    const path = join(root, "a", "build.log");
    files.append("a", "build.log", ["x".repeat(1_000_000)]);
    files.append("a", "build.log", ["short"]);
    const full = statSync(path).size;
    for (let n = 0; n < 10; n++) files.append("a", "build.log", ["short"]);
    const text = (await files.text("a", "build.log")) ?? "";
    expect(full).toBeLessThan(32 * 1024 * 1024 + 200);
    expect([statSync(path).size, text.split("this log is full").length]).toEqual([full, 2]);
    expect(text.slice(-200)).toEndWith("what came after is not kept\n");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("watchers of a step that says much are told so much, and then where the rest is; its log has all", async () => {
  const told: string[] = [];
  const kept: string[] = [];
  const output = new StepOutput({
    clock: new FakeClock(),
    step: "build",
    tell: async (message) => void told.push(message),
    keep: (lines) => void kept.push(...lines),
    onError: () => undefined,
  });
  for (let n = 0; n < 5000; n++) output.line("y".repeat(5000));
  await output.end();
  expect(kept.length).toBe(5000);
  expect(told.join("").length).toBeLessThan(2_200_000);
  expect([told.at(-1), told.filter((text) => text.includes("build.log has all of it")).length]).toEqual([
    "... build goes on; the artifact build.log has all of it",
    1,
  ]);
});
