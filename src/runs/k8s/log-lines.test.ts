import { expect, test } from "bun:test";
import { systemClock } from "../../kernel/clock.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { LogLines } from "./log-lines.ts";
import { Heard } from "./rig.fake.ts";

test("the token of the run is in no line and no message; a carriage return is no part of a line", async () => {
  const heard = new Heard();
  const createdAt = Date.parse("2026-01-01T00:00:00Z");
  const redactor = new Redactor(["run-token"]);
  const reader = new LogLines(heard, { clock: systemClock(), signal: new AbortController().signal, createdAt, redactor }, 0);
  const lines = ["token: run-token\r", '{"type":"checkpoint","data":"run-token"}\r', '{"type":"log","message":"run-token"}'];
  for (const [at, line] of lines.entries()) await reader.take(`2026-01-01T00:00:0${at}.5Z ${line}`);
  await reader.take("unstamped run-token");
  expect(heard.lines).toEqual(["token: [redacted]", "[redacted]", "unstamped [redacted]"]);
  expect(heard.checkpoints.map(({ data }) => data)).toEqual(["[redacted]"]);
  await reader.take(`2026-01-01T00:00:09Z ${"x".repeat(1_000_000)}`);
  expect(reader.lastLine?.length).toBe(4000);
});

test("what the kubelet says in place of a log that has gone is no line of the program", async () => {
  const heard = new Heard();
  const reader = new LogLines(heard, { clock: systemClock(), signal: new AbortController().signal, createdAt: 0 }, 0);
  const answer = `unable to retrieve container logs for containerd://${"0a".repeat(32)}`;
  await reader.take(answer);
  await reader.take(`2026-01-01T00:00:01Z ${answer}`);
  expect(heard.lines).toEqual([answer]);
});
