import { messageOf } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { RunContext, StepOptions, Workflow } from "./define.ts";
import type { RunRow, StepRow } from "./run.ts";
import type { RunStore } from "./store.ts";

interface StepsOptions {
  readonly workflow: Workflow;
  readonly context: Omit<RunContext, "step">;
  readonly row: RunRow;
  readonly store: RunStore;
  /** The daemon is leaving: neither record nor undo anything more. */
  readonly isAbandoned: () => boolean;
}

/** Runs the workflow function with replay of the steps on disk; on failure undoes completed steps in reverse and rethrows the cause. */
export async function runSteps({ workflow, context, row, store, isAbandoned }: StepsOptions): Promise<Json> {
  const done = new Map(store.steps(row.id).map((step) => [step.name, step]));
  const undos: { name: string; undo: () => Promise<void> }[] = [];

  async function step<T extends Json>(name: string, act: (signal: AbortSignal) => Promise<T>, { undo }: StepOptions<T> = {}): Promise<T> {
    const before = done.get(name);
    const result = before?.status === "completed" ? (before.result as T) : await perform(name, act);
    if (undo) undos.push({ name, undo: () => undo(result, context.signal) });
    return result;
  }

  async function perform<T extends Json>(name: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    context.signal.throwIfAborted();
    await save({ name, status: "running" });
    try {
      const result = await act(context.signal);
      await save({ name, status: "completed", result });
      return result;
    } catch (error) {
      if (!isAbandoned()) await save({ name, status: "failed", detail: messageOf(error) });
      throw error;
    }
  }

  async function save(step: StepRow): Promise<void> {
    done.set(step.name, step);
    await store.saveStep(row, step);
  }

  try {
    return await workflow({ ...context, step }, row.input);
  } catch (error) {
    if (isAbandoned()) throw error;
    await unwind(undos, async (name, detail) =>
      save({ name, status: detail === undefined ? "undone" : "failed", ...(detail !== undefined && { detail }) }),
    );
    throw error;
  }
}

async function unwind(
  undos: { name: string; undo: () => Promise<void> }[],
  record: (name: string, detail?: string) => Promise<void>,
): Promise<void> {
  for (const { name, undo } of undos.toReversed()) {
    try {
      await undo();
      await record(name);
    } catch (error) {
      await record(name, `undo failed: ${messageOf(error)}`);
    }
  }
}
