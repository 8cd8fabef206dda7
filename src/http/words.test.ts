import { expect, test } from "bun:test";
import { z } from "zod";
import { RunRequestBody } from "../runs/request.ts";
import { ScheduleBody } from "../runs/schedules/body.ts";
import { CheckpointBody, FinishBody, LogsBody } from "./run-bodies.ts";
import { ApprovalBody, instant, limit, PutStackBody } from "./schemas.ts";
import { inWords, meantBranch } from "./words.ts";

function said(schema: z.ZodType, value: unknown): string[] {
  const issues = schema.safeParse(value, { error: inWords }).error?.issues ?? [];
  return issues
    .flatMap((issue) => (issue.code === "invalid_union" ? (meantBranch(issue.errors) ?? [issue]) : [issue]))
    .map(({ message }) => message);
}

const mode = z.strictObject({ mode: z.enum(["plan", "local", "redis", "k8s"]) });

test.each<[z.ZodType, unknown, string]>([
  [RunRequestBody, [], "must be an object"],
  [RunRequestBody, { name: 5 }, "must be a text"],
  [RunRequestBody, { name: "" }, "must not be empty"],
  [RunRequestBody, { name: "x".repeat(201) }, "must have at most 200 characters"],
  [RunRequestBody, { metadata: [] }, "must be an object"],
  [RunRequestBody, { priority: 101 }, "must be at most 100"],
  [RunRequestBody, { priority: 1.5 }, "must be a whole number"],
  [RunRequestBody, { external: "yes" }, "must be true or false"],
  [RunRequestBody, { plan: {} }, "is required"],
  [RunRequestBody, { webhook: 5 }, "must be a text or an object"],
  [RunRequestBody, { webhook: { url: "http://a", secret_env: "A-B" } }, "is no name of a variable"],
  [RunRequestBody, { webhook: {} }, "is required"],
  [mode, { mode: "mesos" }, "must be one of plan, local, redis, k8s"],
  [mode, {}, "is required"],
  [limit, "x", "must be a number"],
  [limit, "0", "must be at least 1"],
  [instant, "now", "must be a time: RFC 3339 or epoch ms"],
  [LogsBody, { lines: {} }, "must be a list"],
  [FinishBody, { status: "failed", error: 5 }, "must be an object or a text"],
  [ScheduleBody, { cron: "@daily", run: null }, "must be an object"],
  [ApprovalBody, { decision: "maybe" }, "must be one of approve, reject"],
  [PutStackBody, { source: "", workdir: "/", env: { a: 1 } }, "must be a text"],
  [CheckpointBody, { type: "t", ts: "yesterday" }, "must be a time as RFC 3339 has it"],
  [CheckpointBody, { type: "t", ts: true }, "must be a time: RFC 3339 or epoch ms"],
])("what is wrong is said in words, %#", (schema, value, words) => {
  expect(said(schema, value)).toEqual([words]);
});
