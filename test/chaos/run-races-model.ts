import type { RunStatus } from "../../src/runs/record.ts";

/** What can happen to a run at the same moment as something else. `expire`: its lease runs out. */
export type Act =
  | "cancel"
  | "finish"
  | "fail"
  | "checkpoint"
  | "open checkpoint"
  | "pause"
  | "resume"
  | "beat"
  | "claim"
  | "expire"
  | "step"
  | "approve";

/** What was answered, and when it was asked and answered, in turns. */
export interface Done {
  readonly act: Act;
  /** `ok`, or the code of the refusal. */
  readonly outcome: string;
  readonly from: number;
  readonly to: number;
}

/** A run that a worker holds (`worker`), or one that this daemon drives, with a step under way and one that waits for approval. */
export interface Model {
  readonly driven: boolean;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly held: boolean;
  readonly cancelling: boolean;
  /** Steps that have not ended. */
  readonly steps: readonly string[];
}

export interface Effect {
  readonly model: Model;
  readonly outcome: string;
  readonly events: readonly string[];
}

const ENDS: ReadonlySet<RunStatus> = new Set(["completed", "failed", "canceled"]);

/** What one act does, alone. */
export function apply(model: Model, act: Act): Effect {
  const over = ENDS.has(model.status);
  const refuse = (outcome: string): Effect => ({ model, outcome, events: [] });
  const say = (change: Partial<Model>, ...events: string[]): Effect => ({ model: { ...model, ...change }, outcome: "ok", events });
  switch (act) {
    case "cancel":
      if (model.status === "canceled") return refuse("ok");
      if (over) return refuse("conflict");
      if (!model.driven) return end(model, "canceled");
      return model.cancelling ? refuse("ok") : say({ cancelling: true }, "run.cancelling");
    case "finish":
    case "fail":
      return fenced(model) ?? end(model, model.cancelling ? "canceled" : act === "finish" ? "completed" : "failed");
    case "checkpoint":
      return fenced(model) ?? say({}, "checkpoint");
    case "open checkpoint":
      return over ? refuse("conflict") : say({}, "checkpoint");
    case "step":
    case "approve":
      return changeStep(model, act);
    case "beat":
      return model.status === "canceled" && isFirst(model) ? refuse("ok") : (fenced(model) ?? say({}));
    case "pause":
    case "resume":
    case "claim":
    case "expire":
      return move(model, act, over);
  }
}

function move(model: Model, act: "pause" | "resume" | "claim" | "expire", over: boolean): Effect {
  const refuse = (outcome: string): Effect => ({ model, outcome, events: [] });
  const to = (status: RunStatus, change: Partial<Model> = {}): Effect => ({
    model: { ...model, ...change, status },
    outcome: "ok",
    events: [`run.${status}`],
  });
  if (act === "expire") {
    if (over || !model.held || model.driven) return refuse("ok");
    return to(model.status === "paused" ? "paused" : "pending", { held: false });
  }
  if (over) return refuse("conflict");
  if (act === "pause") return model.cancelling ? refuse("conflict") : model.status === "paused" ? refuse("ok") : to("paused");
  if (act === "resume") return model.status !== "paused" ? refuse("ok") : to(model.held ? "running" : "pending");
  if (model.held) return refuse("busy");
  return model.status === "paused" ? refuse("conflict") : to("running", { held: true, attempt: model.attempt + 1 });
}

/** The token of the first attempt, which all but claims come with. */
function isFirst({ attempt, held }: Model): boolean {
  return attempt === 1 && held;
}

function fenced(model: Model): Effect | undefined {
  if (!isFirst(model)) return { model, outcome: "stale_attempt", events: [] };
  return ENDS.has(model.status) ? { model, outcome: "conflict", events: [] } : undefined;
}

function changeStep(model: Model, act: "step" | "approve"): Effect {
  const name = act === "step" ? "work" : "gate";
  const refuse = (outcome: string): Effect => ({ model, outcome, events: [] });
  const over = ENDS.has(model.status);
  if (act === "step" && over) return refuse("conflict");
  if (act === "approve" && (over || model.cancelling)) return refuse("approval_not_applicable");
  if (!model.steps.includes(name)) return refuse(act === "approve" ? "approval_not_applicable" : "conflict");
  return { model: { ...model, steps: model.steps.filter((step) => step !== name) }, outcome: "ok", events: [`step.completed ${name}`] };
}

function end(model: Model, status: RunStatus): Effect {
  const closed = model.steps.map((step) => `step.canceled ${step}`);
  return { model: { ...model, status, steps: [], cancelling: false }, outcome: "ok", events: [...closed, `run.${status}`] };
}

/**
 * An order of the acts in which each alone would have had the answer it got, and all together the events that are on disk; undefined when there is none.
 * An act that was answered before another was asked comes before it. An expiry may find that a heartbeat was first.
 */
export function explain(model: Model, done: readonly Done[], events: readonly string[]): readonly Done[] | undefined {
  if (done.length === 0) return events.length === 0 ? [] : undefined;
  for (const one of done) {
    const rest = done.filter((other) => other !== one);
    if (rest.some(({ to }) => to < one.from)) continue;
    for (const effect of effects(model, one)) {
      if (effect.events.some((event, at) => event !== events[at])) continue;
      const order = explain(effect.model, rest, events.slice(effect.events.length));
      if (order) return [one, ...order];
    }
  }
  return undefined;
}

function effects(model: Model, { act, outcome }: Done): readonly Effect[] {
  const effect = apply(model, act);
  // Whoever cancels a driven run hears of it when it has ended: that is looked at when all is over.
  if (act === "cancel" && model.driven && effect.outcome === "ok") return [effect];
  if (act === "expire") return [effect, { model, outcome: "ok", events: [] }];
  return effect.outcome === outcome ? [effect] : [];
}
