import { begin } from "./decide-begin.ts";
import { close, expire } from "./decide-waits.ts";
import { deadlineOf, finishOf, stoppingOf } from "./finish.ts";
import type { Frontier } from "./frontier.ts";
import type { Decisions, Moment, StepDecision } from "./moment.ts";
import { settle } from "./settle.ts";

/**
 * What is to be done about a run now: a pure function of its steps and the moment. What comes first: ends that happened, waits that are over, ends that are
 * wanted, and only then what may begin. The first of these that has something to decide is the answer; once it is carried out the next call has the rest.
 */
export function decide(frontier: Frontier, moment: Moment): Decisions {
  const wakeAt = wakeAtOf(frontier, moment);
  const wake = wakeAt === undefined ? {} : { wakeAt };
  for (const phase of [settled, expire, close, onward]) {
    const steps = phase(frontier, moment);
    if (steps.length > 0) return { steps, ...wake };
  }
  if (frontier.unended.size > 0 || frontier.open.size > 0) return { steps: [], ...wake };
  return { steps: [], finish: finishOf(frontier, moment) };
}

function settled(frontier: Frontier, { ended, now }: Moment): StepDecision[] {
  const found: StepDecision[] = [];
  for (const one of ended.values()) {
    const state = frontier.steps.get(one.step);
    const spec = frontier.spec(one.step);
    if (!state || !spec || !frontier.open.has(one.step) || state.attempt !== one.attempt) continue;
    found.push(settle({ state, spec, ended: one, now, others: frontier.outputs.besides(one.step) }));
  }
  return found;
}

function onward(frontier: Frontier, moment: Moment): StepDecision[] {
  const stopping = stoppingOf(frontier, moment);
  if (stopping) return stop(frontier, stopping === "cancel" ? (moment.run.cancelling?.reason ?? "canceled") : "the run took too long");
  return moment.run.status === "paused" ? [] : begin(frontier, moment);
}

/** What executes is stopped, what does not is canceled; a `for_each` once its items have ended. */
function stop(frontier: Frontier, why: string): StepDecision[] {
  const found: StepDecision[] = [];
  const cancel = (step: string): void =>
    void found.push({ do: "cancel", step, why, change: { step, event: "cancel", set: { message: why } } });
  for (const step of frontier.open) {
    if (frontier.steps.get(step)?.status === "running")
      found.push({ do: "stop", step, why, change: { step, event: "stop", set: { message: why } } });
  }
  for (const step of frontier.retries.ids()) cancel(step);
  for (const step of frontier.unended) {
    const { status = "pending", waiting } = frontier.steps.get(step) ?? {};
    if (status === "pending") cancel(step);
    else if (waiting?.kind === "for_each" ? frontier.group(step)?.open === 0 : waiting && waiting.kind !== "retry") cancel(step);
  }
  return found;
}

function wakeAtOf(frontier: Frontier, moment: Moment): number | undefined {
  const { now, run } = moment;
  const deadline = deadlineOf(run);
  const times = [
    frontier.retries.after(now),
    frontier.expiries.after(now),
    deadline !== undefined && deadline > now ? deadline : undefined,
  ];
  const known = times.filter((at) => at !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
