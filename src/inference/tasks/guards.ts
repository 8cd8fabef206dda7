import type { ModelGuard } from "../catalog/model.ts";
import { failure } from "../failure.ts";
import type { PlacedTask } from "../placement/snapshot.ts";
import type { TaskRequest } from "../request.ts";

/** Characters of a prompt that count as its beginning. */
const PREFIX_CHARS = 1024;

/** Of bodies that wait and run, together. As objects they take a few times as much. */
const MAX_INPUT_BYTES = 512 * 1024 * 1024;

/** Throws ADMISSION_REJECT when the tasks under way hold too much for one more of this size. */
export function guardRoom(held: number, { bytes = 0 }: TaskRequest, backoff: () => { readonly retry_after_ms: number }): void {
  if (held + bytes <= MAX_INPUT_BYTES) return;
  const detail = `the inputs of tasks that wait and run take ${held} bytes already, and may take ${MAX_INPUT_BYTES}; come back when some are done, or ask in smaller pieces`;
  throw failure("ADMISSION_REJECT", detail, { policy_label: "input_bytes", ...backoff() });
}

/** What the catalog says against the model. Throws MODEL_DEPRECATED, UNTRUSTED_ARTIFACT. Returns its size; 0: not known. */
export function guardModel(catalog: ModelGuard, model: string): { readonly known: boolean; readonly vramBytes: number } {
  const entry = catalog.look(model);
  if (!entry) return { known: false, vramBytes: 0 };
  if (entry.state === "Retired")
    throw failure(
      "MODEL_DEPRECATED",
      `the model ${model} is retired; choose another, or make it Active: POST /v2/catalog/models/${model}/state`,
    );
  if (!entry.trusted)
    throw failure(
      "UNTRUSTED_ARTIFACT",
      `the file of ${model} does not have the digest it was registered with; fetch it again and verify it`,
    );
  return { known: true, vramBytes: entry.sizeBytes ?? 0 };
}

/** Throws DEADLINE_UNMET for a task that cannot even begin in time. */
export function guardDeadline({ deadlineMs }: TaskRequest, predictedStartMs: number): void {
  if (deadlineMs === undefined || predictedStartMs < deadlineMs) return;
  const detail = `the task would begin in about ${predictedStartMs} ms, and its deadline is ${deadlineMs} ms; allow more time, or come when there is less to do`;
  throw failure("DEADLINE_UNMET", detail, { predicted_start_ms: predictedStartMs });
}

/** The task as placement sees it. */
export function placedTask(request: TaskRequest, vramBytes: number): PlacedTask {
  const { taskId, model, engine, ctx, determinism, placement } = request;
  const affinity = affinityOf(request);
  return {
    taskId,
    model,
    vramBytes,
    determinism,
    placement,
    ...(engine !== undefined && { engine }),
    ...(ctx !== undefined && { ctx }),
    ...(affinity !== undefined && { affinity }),
  };
}

/** A session comes back to where it was; else prompts that begin alike go together. */
function affinityOf({ sessionId, kvHint, prompt, messages, openai }: TaskRequest): string | undefined {
  if (kvHint === "cold") return undefined;
  if (sessionId !== undefined) return `session:${sessionId}`;
  const text = prompt ?? beginning(messages ?? openai?.body["messages"] ?? openai?.body["prompt"]);
  return text === undefined ? undefined : `prefix:${Bun.hash(text.slice(0, PREFIX_CHARS)).toString(36)}`;
}

/** Of a list of messages the first, which is what many conversations share. */
function beginning(input: unknown): string | undefined {
  if (typeof input === "string") return input;
  const [first]: unknown[] = Array.isArray(input) ? input : [];
  if (first === undefined) return undefined;
  const content: unknown = typeof first === "object" && first !== null && "content" in first ? first.content : first;
  return typeof content === "string" ? content : JSON.stringify(content)?.slice(0, PREFIX_CHARS);
}
