import { OrcoError } from "../kernel/errors.ts";
import { STEP, type StepChange, type StepEvent, type StepState } from "./record.ts";

type Draft = { -readonly [Key in keyof StepState]?: StepState[Key] | undefined | null };

/** What holds only while a step is under way. */
const ENDED = { waiting: undefined, execution: undefined, consumed: undefined, progress: undefined, begunAt: undefined };

/**
 * A step after one transition; `before` is undefined where it has no row yet. A `begin` counts the attempt unless `set` does.
 * `conflict` (facts: step, from, event): the table does not allow it, since somebody else was first.
 */
export function applyChange(before: StepState | undefined, change: StepChange, now: number): StepState {
  const from: StepState = before ?? { id: change.step, status: "pending", attempt: 0, failures: 0 };
  const { step, event } = change;
  if (!STEP.can(from.status, event))
    throw new OrcoError("conflict", `step ${step} is ${from.status} already: ${event} comes too late`, { step, from: from.status, event });
  const draft: Draft = { ...from, ...consequences(from, event, now), ...change.set, id: from.id, status: STEP.next(from.status, event) };
  if (change.waiting) draft.waiting = change.waiting;
  if (change.error) draft.error = change.error;
  if (change.progress) draft.progress = { ...from.progress, ...change.progress };
  return present(draft);
}

function consequences(from: StepState, event: StepEvent, now: number): Draft {
  const startedAt = from.startedAt ?? now;
  switch (event) {
    case "begin":
      return { ...ENDED, error: undefined, message: undefined, endedAt: undefined, attempt: from.attempt + 1, startedAt, begunAt: now };
    case "wait":
      return { ...ENDED, startedAt };
    case "finish":
      return { ...ENDED, error: undefined, message: undefined, endedAt: now };
    case "fail":
    case "skip":
    case "cancel":
      return { ...ENDED, endedAt: now };
    case "tell":
    case "stop":
      return {};
  }
}

/** Without what was taken away. */
function present(draft: Draft): StepState {
  for (const key of Object.keys(draft) as (keyof Draft)[]) if (draft[key] === undefined || draft[key] === null) delete draft[key];
  return draft as StepState;
}
