import { expect, test } from "bun:test";
import { failure } from "./failure.ts";
import { requestOf, taskOf } from "./spans/task.fake.ts";
import { taskLog } from "./tasks-log.ts";

function lines() {
  const told: (readonly [level: string, message: string, fields: Record<string, unknown>])[] = [];
  const at = (level: string) => (fields: object, message: string) => void told.push([level, message, { ...fields }]);
  return { told, log: taskLog({ info: at("info"), warn: at("warn") }, () => "vllm") };
}

test("a dispatch and an end, with what belongs to them", () => {
  const { told, log } = lines();
  const task = taskOf(requestOf({ sessionId: "s" }));
  log.dispatched(task);
  log.ended(task);
  expect(told.map(([level, message]) => [level, message])).toEqual([
    ["info", "task dispatched"],
    ["info", "task ended"],
  ]);
  const place = { job_id: "t1", session_id: "s", engine: "vllm", pool_id: "p", replica_id: "r", correlation_id: "req-1" };
  expect(told[0]?.[2]).toMatchObject({
    ...place,
    target: "orchestratord::dispatch",
    queue_position: 2,
    predicted_start_ms: 40,
    latency_ms: 45,
  });
  expect(told[1]?.[2]).toMatchObject({ ...place, tokens_in: 3, tokens_out: 4, decode_time_ms: 90, finish_reason: "stop" });
});

test("a failure and a refusal are warnings, a cancel is none; prompts and keys are in no line", () => {
  const { told, log } = lines();
  const of = (code: "CANCELED" | "WORKER_RESET") => ({
    state: "failed" as const,
    pool: "p",
    failure: { code, message: "the engine said: a secret prompt", retriable: false },
  });
  log.ended(taskOf(requestOf(), { standing: of("WORKER_RESET") }));
  log.ended(taskOf(requestOf(), { standing: of("CANCELED") }));
  log.refused(requestOf(), failure("MODEL_UNKNOWN", "no such model"));
  log.refused(requestOf(), new Error("a secret defect"));
  expect(told.map(([level, message, { code }]) => [level, message, code])).toEqual([
    ["warn", "task ended", "WORKER_RESET"],
    ["info", "task ended", "CANCELED"],
    ["warn", "task refused", "MODEL_UNKNOWN"],
    ["warn", "task refused", "INTERNAL"],
  ]);
  expect(JSON.stringify(told)).not.toContain("secret");
});
