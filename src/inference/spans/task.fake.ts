import type { TaskRequest } from "../request.ts";
import type { TracedTask } from "./task-spans.ts";

export function requestOf(given: Partial<TaskRequest> = {}): TaskRequest {
  return {
    taskId: "t1",
    workload: "chat",
    model: "m",
    messages: [{ role: "user", content: "a secret prompt" }],
    priority: "interactive",
    seed: 1,
    determinism: "best_effort",
    kvHint: "reuse",
    placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
    shareKey: "a secret key",
    cancelOnDisconnect: true,
    requestId: "req-1",
    ...given,
  };
}

/** Accepted at wall 1000, dispatched 45 ms later, first token after 10 more, ended at 1200. */
export function taskOf(request: TaskRequest, given: Partial<TracedTask> = {}): TracedTask {
  return {
    request,
    admitted: { at: 5, wallAt: 1000, position: 2, predictedStartMs: 40 },
    standing: { state: "completed", pool: "p", replica: "r", dispatchedAt: 50, finishReason: "stop" },
    counts: { tokensIn: 3, tokensOut: 4, firstTokenAt: 60, lastTokenAt: 150 },
    endedWall: 1200,
    ...given,
  };
}
