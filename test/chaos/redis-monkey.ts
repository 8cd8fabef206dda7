import { expect } from "bun:test";
import { until } from "../until.ts";
import type { PatientClient } from "./redis-client.ts";
import type { Random } from "./redis-random.ts";
import type { RedisRig } from "./redis-rig.ts";

/** Until a daemon has noticed that Redis is gone. */
const NOTICED_MS = 15_000;
/** A new run is refused at once: the quickest of some, for on a machine that does something else too one may take long. */
const AT_ONCE_MS = 1500;
const PROBES = 5;

/** Kills what may be killed, one after the other, until it is told to stop. */
export class Monkey {
  readonly kills = { daemon: 0, worker: 0, redis: 0, flush: 0 };

  constructor(
    private readonly rig: RedisRig,
    private readonly client: PatientClient,
    private readonly random: Random,
  ) {}

  /** A worker more often than the daemon. */
  async strike(): Promise<void> {
    if (this.random.chance(0.65)) await this.worker();
    else await this.daemon();
  }

  async flush(): Promise<void> {
    await this.rig.redis.ask("FLUSHALL");
    this.kills.flush += 1;
  }

  /** Redis is away for a while, also while a daemon and a worker start. It forgets everything. */
  async redis(): Promise<void> {
    const { rig } = this;
    await rig.redis.kill();
    this.kills.redis += 1;
    await this.probe();
    await this.worker();
    await this.daemon();
    await this.probe();
    await rig.redis.start();
  }

  private async probe(): Promise<void> {
    const body = { plan: { steps: [{ id: "never", command: ["false"] }] }, name: "probe" };
    await until("new runs to be refused", async () => (await this.client.refusedCreation(body)).status === 503, NOTICED_MS);
    const tookMs: number[] = [];
    for (let probe = 0; probe < PROBES; probe++) {
      const began = performance.now();
      const { status, headers } = await this.client.refusedCreation(body);
      tookMs.push(performance.now() - began);
      expect([status, Number(headers.get("retry-after")) > 0]).toEqual([503, true]);
    }
    expect(Math.min(...tookMs)).toBeLessThan(AT_ONCE_MS);
  }

  private async worker(): Promise<void> {
    const slot = this.random.of(this.rig.slots);
    this.kills.worker += 1;
    await this.rig.endWorker(slot, "SIGKILL");
    await Bun.sleep(this.random.whole(0, 800));
    this.rig.beginWorker(slot);
  }

  private async daemon(): Promise<void> {
    this.kills.daemon += 1;
    await this.rig.kill();
    await Bun.sleep(this.random.whole(0, 500));
    await this.rig.begin();
  }
}
