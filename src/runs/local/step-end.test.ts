import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import { endOf, type Ending } from "./step-end.ts";

const exited = (code: number) => ({ reason: "exited", code, at: 0 }) as const;
const killed = { reason: "signaled", signal: "SIGTERM", code: 143, at: 0 } as const;

const CASES: readonly [string, Ending, object][] = [
  ["success", { exit: exited(0), lastLine: "a warning" }, { kind: "completed" }],
  ["exit 3", { exit: exited(3) }, { kind: "failed", error: { code: "step_failed", message: "exit 3", facts: { exit: 3 } } }],
  [
    "its words without control characters",
    { exit: exited(1), lastLine: "\u001b[31mbad\u0007" },
    { kind: "failed", error: { code: "step_failed", message: "exit 1: bad", facts: { exit: 1 } } },
  ],
  [
    "memory",
    { exit: { reason: "oom_killed", signal: "SIGKILL", code: 137, at: 0 }, memoryBytes: 1024 },
    {
      kind: "failed",
      error: {
        code: "step_failed",
        message: "killed because it used too much memory (limit: 1024 bytes)",
        facts: { exit: 137, signal: "SIGKILL", oom: true },
      },
    },
  ],
  ["cancelled, whatever it said to that", { exit: exited(0), stopped: "cancel" }, { kind: "canceled" }],
  [
    "cancelled, and deaf",
    { exit: { ...killed, signal: "SIGKILL" }, stopped: "cancel", graceMs: 5000 },
    { kind: "canceled", message: "canceled: did not end within 5s of SIGTERM and was killed" },
  ],
  [
    "cancelled without grace",
    { exit: { ...killed, signal: "SIGKILL" }, stopped: "cancel", graceMs: 0 },
    { kind: "canceled", message: "canceled: was killed at once" },
  ],
  [
    "out of time",
    { exit: killed, stopped: "timeout", timeoutMs: 90_000 },
    {
      kind: "failed",
      error: { code: "timeout", message: "it had not ended after 1m30s, and was stopped", facts: { exit: 143, signal: "SIGTERM" } },
    },
  ],
  ["its exit is unknown", { exit: { reason: "lost", at: 0 } }, { kind: "lost", message: "its process is gone, and its exit code with it" }],
  ["another boot", {}, { kind: "lost", message: "the machine was restarted while it ran" }],
  [
    "fenced before it was cancelled",
    { exit: killed, stopped: "cancel", refused: new OrcoError("stale_attempt", "over") },
    { kind: "lost", message: "over" },
  ],
];

test.each(CASES)("%s", (_, ending, end) => {
  expect(endOf(ending)).toEqual(end as never);
});
