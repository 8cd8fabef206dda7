import type { Json, JsonObject, JournalEvent } from "../kernel/event.ts";
import type { Frame } from "./sse.ts";

/** An event of a run as its streams name it; the data says `runId`, `seq` (the journal's number) and `n` (the run's own), both from 1. */
export interface RunFrame {
  readonly event: "status" | "step" | "checkpoint" | "log";
  readonly data: JsonObject;
}

const RUN_TOPIC = "run/";

/** The statuses of the two engines that the wire has other names for. */
const RUN_STATUS: Readonly<Record<string, string>> = {
  queued: "pending",
  started: "running",
  cancelling: "running",
  unwinding: "running",
  cancelled: "canceled",
};
const STEP_STATUS: Readonly<Record<string, string>> = { cancelled: "canceled" };

/** The run an event is about, where its topic is a run's. */
export function runOfTopic(topic: string): string | undefined {
  return topic.startsWith(RUN_TOPIC) ? topic.slice(RUN_TOPIC.length) : undefined;
}

/**
 * What an event of the topic `run/<id>` is to those who watch the run (runs.md). `event_type` keeps the journal's own type; a checkpoint
 * has none, as its `type` is the checkpoint's own and nothing is added to it but the numbers.
 *
 *   run.* with a status          status  {status, kind?, reason?, message?, …}
 *   step.*                       step    {step, status, attempt, message?, …}
 *   repair.status                status  {status, message?, …}: of the repair, such as awaiting_approval
 *   repair.step                  step    {step, status, attempt, message?, …}
 *   repair.output                log     {step, message}: lines of a build, with line breaks between
 *   checkpoint                   checkpoint  the Checkpoint
 *   run.progress, step.progress, all else    log  {message, …}
 */
export function runFrame(event: JournalEvent): RunFrame {
  const { type, data } = event;
  const numbers = { runId: runOfTopic(event.topic) ?? "", seq: event.seq, n: event.topicSeq };
  if (type === "checkpoint") return { event: "checkpoint", data: { ...data, ...numbers } };
  const { run: _, ...told } = data;
  const facts = { ...told, ...numbers, ts: new Date(event.ts).toISOString(), event_type: type };
  const [subject, what = ""] = type.split(".", 2);
  if (type === "repair.status") return { event: "status", data: facts };
  if (type === "repair.step") return { event: "step", data: { ...facts, ...stepFacts(data, what) } };
  if (what !== "progress" && subject === "run" && typeof data["status"] === "string")
    return { event: "status", data: { ...facts, ...statusFacts(data) } };
  if (what !== "progress" && subject === "step") return { event: "step", data: { ...facts, ...stepFacts(data, what) } };
  return { event: "log", data: { ...facts, message: data["message"] ?? type } };
}

/** Closes a stream. It has no id: who comes back names the last event, and gets 204. */
export function endFrame(topic: string | undefined, status: string): Frame {
  const runId = topic === undefined ? undefined : runOfTopic(topic);
  return { event: "end", data: { ...(runId !== undefined && { runId }), status } };
}

function statusFacts({ status = "", reason, code }: Readonly<Record<string, Json>>): JsonObject {
  const why = reason ?? code;
  return { status: named(RUN_STATUS, status), ...(typeof why === "string" && { reason: why }) };
}

function stepFacts({ step, status, attempt }: Readonly<Record<string, Json>>, what: string): JsonObject {
  return { step: step ?? "", status: named(STEP_STATUS, status ?? what), attempt: attempt ?? 1 };
}

function named(names: Readonly<Record<string, string>>, status: Json): Json {
  return (typeof status === "string" && names[status]) || status;
}
