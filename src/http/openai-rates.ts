import type { Deps } from "./context.ts";
import { isJsonObject } from "../kernel/event.ts";

/** A look at all pools costs more than a request may; of late is good enough for a hint. */
const FRESH_MS = 250;

/** What clients of the OpenAI API read to slow down by themselves: places in the queues of the pools that serve a model, and how many are free. */
export class OpenAiRates {
  private lookedAt = Number.NEGATIVE_INFINITY;
  private byModel: ReadonlyMap<string, { limit: number; remaining: number }> = new Map();

  constructor(private readonly deps: Pick<Deps, "services" | "clock">) {}

  /** None for a model that nobody serves. When the queue is empty is known only while it is. */
  headers(model: string): Readonly<Record<string, string>> {
    const now = this.deps.clock.monotonic();
    if (now - this.lookedAt > FRESH_MS) {
      this.lookedAt = now;
      this.byModel = this.look();
    }
    const found = this.byModel.get(model);
    if (!found) return {};
    return {
      "x-ratelimit-limit-requests": String(found.limit),
      "x-ratelimit-remaining-requests": String(found.remaining),
      ...(found.remaining === found.limit && { "x-ratelimit-reset-requests": "0s" }),
    };
  }

  private look(): ReadonlyMap<string, { limit: number; remaining: number }> {
    const { inference } = this.deps.services;
    const { admission } = inference.capabilities();
    const capacity = isJsonObject(admission) && typeof admission["capacity"] === "number" ? admission["capacity"] : 0;
    const byModel = new Map<string, { limit: number; remaining: number }>();
    for (const { models, queue_depth: depth } of inference.pools.list())
      for (const model of models) {
        const { limit = 0, remaining = 0 } = byModel.get(model) ?? {};
        byModel.set(model, { limit: limit + capacity, remaining: remaining + Math.max(0, capacity - depth) });
      }
    return byModel;
  }
}
