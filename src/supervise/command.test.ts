import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { systemClock } from "../kernel/clock.ts";
import { runCommand } from "./command.ts";
import { type HookSpec, runHook as runHookWith } from "./hook.ts";
import { isAlive, readStat } from "./proc.ts";

const place = { cwd: "/", env: { PATH: "/usr/bin:/bin" }, clock: systemClock(), timeoutMs: 5000 };

test("what the command started ends with it", async () => {
  const left = await runCommand({ ...place, argv: ["sh", "-c", "sleep 3600 & echo $!"] });
  expect(left).toMatchObject({ ended: "exited", code: 0 });
  await until("the background process to be gone", () => !isAlive(readStat(Number(left.output))));
  const late = await runCommand({ ...place, timeoutMs: 100, argv: ["sh", "-c", "setsid sleep 3600 & echo $!; wait"] });
  expect(late.ended).toBe("timeout");
  await until("the process that left the group to be gone", () => !isAlive(readStat(Number(late.output))));
});

test("an abort ends it", async () => {
  const abort = new AbortController();
  const running = runCommand({ ...place, argv: ["sleep", "3600"], signal: abort.signal });
  abort.abort();
  expect(await running).toMatchObject({ ended: "cancelled", signal: "SIGKILL" });
});

test("a hook returns its output, or fails with the last line of it", async () => {
  const runHook = (hook: HookSpec) => runHookWith(hook, (run) => runCommand({ ...place, ...run }));
  const hook = { timeoutMs: place.timeoutMs, name: "preStart" };
  expect(await runHook({ ...hook, command: ["sh", "-c", "echo migrated"] })).toBe("migrated");
  const failed = runHook({ ...hook, command: ["sh", "-c", "echo first; echo no schema >&2; exit 3"] });
  expect(failed).rejects.toMatchObject({ code: "hook_failed", message: "preStart exited 3: no schema", facts: { code: 3 } });
  expect(runHook({ ...hook, timeoutMs: 20, command: ["sleep", "3600"] })).rejects.toMatchObject({
    code: "hook_failed",
    message: "preStart timed out after 20ms",
  });
  expect(runHook({ ...hook, command: ["no-such-hook"] })).rejects.toMatchObject({ code: "hook_failed" });
});
