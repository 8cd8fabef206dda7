import type { RolloutStep } from "../rollout.ts";
import { retire } from "./slots.ts";
import type { UpdateRequest } from "./update-request.ts";

type Done = RolloutStep & { readonly do: "done" | "abort" };

interface StepsOptions {
  readonly config: string;
  /** New instances get no requests before their observation window is over. */
  readonly holds: boolean;
}

/** Carries out what an update has decided. Stops run on beside the next steps; what they fail of ends the update. */
export class Steps {
  private readonly leaving = new Set<string>();
  private readonly lost = Promise.withResolvers<never>();

  constructor(
    private readonly request: UpdateRequest,
    private readonly options: StepsOptions,
  ) {
    this.lost.promise.catch(() => undefined);
  }

  /** Resolves when the next decision may be taken: after a wait, when something has changed or `withinMs` has passed. */
  async take(step: Exclude<RolloutStep, Done>, withinMs: number): Promise<void> {
    const { stack, signal } = this.request;
    switch (step.do) {
      case "start":
        return this.start(step);
      case "stop":
        return this.stop(step.id);
      case "admit":
        return this.admit(step.ids);
      case "switch":
        return this.swap();
      case "phase":
        return this.enter(step);
      case "wait":
        await Promise.race([stack.nextChange(signal, withinMs), this.lost.promise]);
    }
  }

  private async start({ replica, held = this.options.holds }: RolloutStep & { do: "start" }): Promise<void> {
    const { stack, target, update, reason } = this.request;
    const { strategy, phase } = stack.updates.get(target.name) ?? {};
    const canary = strategy === "canary" && phase === "starting";
    await stack.add(target, replica, {
      wanted: "run",
      reason,
      ...(held && !canary && { traffic: "held" }),
      ...(canary && update.weight !== undefined && { share: update.weight }),
    });
  }

  private stop(id: string): void {
    const { stack, target, reason, signal } = this.request;
    const supervisor = stack.supervisorsOf(target.name).find(({ slot }) => slot.id === id);
    if (!supervisor || this.leaving.has(id)) return;
    this.leaving.add(id);
    retire(stack, supervisor, { reason, signal }).catch(this.lost.reject);
  }

  private async admit(ids: readonly string[]): Promise<void> {
    const { stack, target } = this.request;
    const chosen = stack.supervisorsOf(target.name).filter(({ slot }) => ids.includes(slot.id));
    await Promise.all(chosen.map((supervisor) => supervisor.mark({ traffic: "in" })));
  }

  /** All in one turn, and so in one transaction and in one table. */
  private async swap(): Promise<void> {
    const { stack, target } = this.request;
    const marked = stack.supervisorsOf(target.name).map((supervisor) => {
      const fresh = supervisor.slot.config === this.options.config;
      return supervisor.mark({ traffic: fresh ? "in" : "leaving", share: undefined });
    });
    await Promise.all(marked);
    await this.served();
  }

  /** What follows counts from when the edge has it. That it could not be put is the front's own trouble, and tried again. */
  private async served(): Promise<void> {
    const { stack, target } = this.request;
    await stack.fronts.served(target.name).catch(() => undefined);
  }

  private async enter({ phase }: RolloutStep & { do: "phase" }): Promise<void> {
    const { stack, target } = this.request;
    if (phase === "canary") await this.served();
    // First: a daemon that dies in between finds a canary with an equal share, not one that keeps its own for ever.
    if (phase === "promoting")
      await Promise.all(stack.supervisorsOf(target.name).map((supervisor) => supervisor.mark({ share: undefined })));
    await stack.updates.enter(target.name, phase);
  }
}
