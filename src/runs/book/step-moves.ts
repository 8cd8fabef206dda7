import { rfc3339 } from "../../kernel/rfc3339.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import type { CheckpointView } from "../../workflow/view.ts";
import { MAX_ITEMS, MAX_STEPS } from "../plan.ts";
import type { NewCheckpoint, StepChange, StepState } from "../record.ts";
import { applyChange } from "../step-change.ts";
import type { Draft } from "./draft.ts";

/** As JSON. */
const MAX_CHECKPOINT_BYTES = 900 * 1024;
/** A step with its outputs, as JSON. */
const MAX_STEP_BYTES = 2 * 1024 * 1024;
const MAX_TEXT = 200;
const MAX_MESSAGE = 2000;
const STEP_ID = /^([^[\]]+)(?:\[(\d{1,5})\])?$/;

/** One transition of a step with its event; a signal that has come already answers a wait at once. `conflict` (facts: step, from, event). */
export function changeStep(draft: Draft, change: StepChange): void {
  const step = applyChange(draft.step(change.step), change, draft.context.now);
  assertSize(step);
  draft.setStep(step);
  if (!isSilent(change)) draft.tell(`step.${step.status}`, stepEventData(step));
  const { waiting } = step;
  if (step.status !== "waiting" || waiting?.kind !== "wait" || waiting.signal === undefined) return;
  const signal = draft.signal(waiting.signal);
  if (signal) changeFromOutside(draft, { step: step.id, event: "finish", set: { outputs: { data: signal.data } } });
}

/** A transition that whoever drives the run does not know of yet. */
export function changeFromOutside(draft: Draft, change: StepChange): void {
  draft.outside = true;
  draft.touched.add(change.step);
  changeStep(draft, change);
}

/** `invalid` when the plan (null: there is none) has no such step; `too_large` when there would be too many. */
export function assertStep(draft: Draft, ids: ReadonlySet<string> | null, id: string): void {
  const [, name, item] = STEP_ID.exec(id) ?? [];
  const known = name !== undefined && id.length <= MAX_TEXT && (ids === null || ids.has(name)) && Number(item ?? 0) < MAX_ITEMS;
  if (!known)
    throw new OrcoError("invalid", `run ${draft.run.id} has no step ${id.slice(0, MAX_TEXT)}`, {
      run: draft.run.id,
      step: id.slice(0, MAX_TEXT),
    });
  if (ids !== null || draft.step(id)) return;
  if (draft.stepCount() >= MAX_STEPS)
    throw new OrcoError("too_large", `run ${draft.run.id} has ${MAX_STEPS} steps already`, { run: draft.run.id });
}

/** Returns its id, `given` or a new one. `too_large`, `invalid`. */
export function addCheckpoint(draft: Draft, checkpoint: NewCheckpoint, given?: string): string {
  const { type, data, name, step, attempt, ts } = checkpoint;
  for (const text of [type, name, step]) if (text !== undefined && (text === "" || text.length > MAX_TEXT)) throw badText(text);
  if (data !== undefined) assertCheckpointSize(data);
  const id = given ?? draft.context.newId();
  const view: CheckpointView = {
    id,
    runId: draft.run.id,
    ts: rfc3339(ts ?? draft.context.now),
    type,
    ...(data !== undefined && { data }),
    ...(name !== undefined && { name }),
    ...(step !== undefined && { step }),
    ...(attempt !== undefined && { attempt }),
  };
  draft.tellCheckpoint(id, view as unknown as JsonObject);
  const state = step === undefined ? undefined : draft.step(step);
  if (state) draft.setStep({ ...state, checkpoint: id });
  return id;
}

/** What nobody watches for. */
function isSilent({ event, progress, set }: StepChange): boolean {
  return event === "tell" && !progress && set?.message === undefined;
}

/** Of a `step.…` event. Outputs, and the content of what is to be approved, may be long: the run itself shows them. */
export function stepEventData({ id, status, attempt, message, error, progress, waiting, reused }: StepState): JsonObject {
  return {
    step: id,
    status,
    attempt,
    ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE) }),
    ...(error && { error: { code: error.code, message: error.message.slice(0, MAX_MESSAGE) } }),
    ...(progress && { progress }),
    ...(waiting && {
      waiting: {
        kind: waiting.kind,
        summary: waiting.summary,
        ...(waiting.contentHash !== undefined && { content_hash: waiting.contentHash }),
        ...(waiting.roles && { roles: waiting.roles }),
        ...(waiting.signal !== undefined && { signal: waiting.signal }),
        ...(waiting.expiresAt !== undefined && { expires_at: rfc3339(waiting.expiresAt) }),
        ...(waiting.until !== undefined && { until: rfc3339(waiting.until) }),
      },
    }),
    ...(reused === true && { reused }),
  };
}

function assertSize(step: StepState): void {
  if (!step.outputs && !step.waiting) return;
  const bytes = JSON.stringify(step).length;
  if (bytes > MAX_STEP_BYTES)
    throw new OrcoError("too_large", `step ${step.id} has ${bytes} bytes of outputs; ${MAX_STEP_BYTES} is the most`, { step: step.id });
}

function assertCheckpointSize(data: Json): void {
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > MAX_CHECKPOINT_BYTES)
    throw new OrcoError("too_large", `the data of the checkpoint has ${bytes} bytes of JSON; ${MAX_CHECKPOINT_BYTES} is the most`, {
      max_bytes: MAX_CHECKPOINT_BYTES,
    });
}

function badText(text: string): OrcoError {
  return new OrcoError(
    "invalid",
    `type, name and step of a checkpoint have 1 to ${MAX_TEXT} characters: ${JSON.stringify(text.slice(0, 40))}…`,
  );
}
