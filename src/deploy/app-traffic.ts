import type { Clock } from "../kernel/clock.ts";
import { isDeepStrictEqual } from "node:util";
import type { Front } from "../edge/route.ts";
import type { Traffic } from "../edge/traffic.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Slot } from "../supervise/instance.ts";
import { frontId } from "./front.ts";

interface AppTrafficOptions {
  readonly app: string;
  readonly traffic: Traffic;
  readonly clock: Clock;
  /** The front as it should be now. */
  readonly wanted: () => Front | undefined;
  readonly onError: (error: unknown) => void;
}

/** How soon a table that could not be put is tried again. */
const RETRY_MS = 1000;

/** Brings the front of one app in line with its row and slots: the only caller of the edge for it. */
export class AppTraffic {
  private put: Front | undefined;
  /** This daemon has heard that every worker serves it. */
  private proven: boolean;
  /** What stands in the way, as it was last told. */
  private told: string | undefined;
  private busy: Promise<void> | undefined;
  private retry: (() => void) | undefined;
  private state: "new" | "open" | "closed" = "new";

  constructor(private readonly options: AppTrafficOptions) {
    // What a former daemon put is served still, unless its port was taken while no worker was there: that is asked once.
    this.put = options.traffic.front(frontId(options.app));
    this.proven = this.put === undefined;
  }

  /** Everything that belongs to the app is known: a front made of half of it would send nobody anywhere. */
  open(): void {
    this.state = "open";
    this.refresh();
  }

  /** Something may have changed. Errors are told and tried again. */
  refresh(): void {
    if (this.state !== "open" || this.busy || this.isServed(this.options.wanted())) return;
    this.sync().catch((error: unknown) => this.tell(error));
  }

  /** Resolves when every worker serves the front as it is wanted now. Throws as `Traffic.put` does. */
  async sync(): Promise<void> {
    while (this.busy) await this.busy.catch(() => undefined);
    const wanted = this.options.wanted();
    if (this.isServed(wanted)) return;
    this.busy = this.write(wanted);
    try {
      await this.busy;
    } catch (error) {
      this.tryAgain();
      throw error;
    } finally {
      this.busy = undefined;
    }
    // What changed meanwhile is put too; whoever called this waits for his own state only.
    queueMicrotask(() => this.refresh());
  }

  /** The instance is about to be stopped: out of the table, and drained. Never rejects. */
  async withdraw(slot: Slot, force: AbortSignal): Promise<void> {
    const { instance } = slot;
    const isIn = (front: Front | undefined): boolean => front?.targets.some(({ id }) => id === instance) === true;
    if (instance === undefined || force.aborted || (!isIn(this.put) && !isIn(this.options.wanted()))) return;
    try {
      await this.sync();
      if (isIn(this.put)) await this.options.traffic.drained(instance, force);
    } catch (error) {
      if (!force.aborted) this.options.onError(error);
    }
  }

  /** Resolves when nothing is in flight on the instance; how much had to be cut. */
  async drained({ instance }: Slot, signal: AbortSignal): Promise<number> {
    if (instance === undefined) return 0;
    await this.sync();
    return (await this.options.traffic.drained(instance, signal)).cut;
  }

  async remove(): Promise<void> {
    this.close();
    while (this.busy) await this.busy.catch(() => undefined);
    await this.options.traffic.remove([frontId(this.options.app)]);
  }

  close(): void {
    this.state = "closed";
    this.retry?.();
  }

  private isServed(wanted: Front | undefined): boolean {
    return this.proven && isDeepStrictEqual(this.put, wanted);
  }

  /** Once, however often it is tried again. */
  private tell(error: unknown): void {
    const message = messageOf(error);
    if (message !== this.told) this.options.onError(error);
    this.told = message;
  }

  /** Whoever called hears of it too, but may not ask again. */
  private tryAgain(): void {
    if (this.state !== "open") return;
    this.retry ??= this.options.clock.after(RETRY_MS, () => {
      this.retry = undefined;
      this.refresh();
    });
  }

  private async write(wanted: Front | undefined): Promise<void> {
    const { traffic, app } = this.options;
    if (wanted) await traffic.put([wanted]);
    else await traffic.remove([frontId(app)]);
    this.put = wanted;
    this.proven = true;
    this.told = undefined;
  }
}
