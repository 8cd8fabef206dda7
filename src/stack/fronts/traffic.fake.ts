import type { Front } from "../../edge/route.ts";
import type { Traffic } from "../../edge/traffic.ts";

/** A route table in memory: what was put, version by version, and what stands in the way of it. */
export class FakeTraffic implements Traffic {
  readonly table = new Map<string, Front>();
  /** The ids put or removed by each call, in order. */
  readonly calls: string[] = [];
  /** Thrown by `put` while it is set. */
  refusal: Error | undefined;
  /** `put` resolves when this does. */
  acknowledged: Promise<void> = Promise.resolve();
  readonly busy = new Map<string, PromiseWithResolvers<void>>();

  async put(fronts: readonly Front[]): Promise<void> {
    this.calls.push(`put ${fronts.map(({ id }) => id).join(",")}`);
    if (this.refusal) throw this.refusal;
    for (const front of fronts) this.table.set(front.id, front);
    await this.acknowledged;
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.calls.push(`remove ${ids.join(",")}`);
    for (const id of ids) this.table.delete(id);
  }

  async drained(target: string, signal?: AbortSignal): Promise<{ readonly cut: number }> {
    const aborted = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => aborted.resolve(), { once: true });
    await Promise.race([this.busy.get(target)?.promise, aborted.promise]);
    return { cut: 0 };
  }

  front(id: string): Front | undefined {
    return this.table.get(id);
  }

  async prune(keep: (id: string) => boolean): Promise<void> {
    for (const id of this.table.keys()) if (!keep(id)) this.table.delete(id);
  }
}
