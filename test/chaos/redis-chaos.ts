import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { PatientClient } from "./redis-client.ts";
import { Judge, type Order } from "./redis-judge.ts";
import { Monkey } from "./redis-monkey.ts";
import { Mixture } from "./redis-plans.ts";
import { Random } from "./redis-random.ts";
import type { RedisRig } from "./redis-rig.ts";

/** Runs that have not ended, at most. */
const OPEN = 48;
const LOOK_MS = 100;
/** After the last run was accepted. */
const PATIENCE_MS = 120_000;
const CANCELED = 0.15;
/** Before it is cancelled. */
const MAX_LIFE_MS = 1500;
/** A machine that has much else to do is not struck faster than it can work. */
const ENDED_BETWEEN_KILLS = [1, 12] as const;
const MAX_PAUSE_MS = 500;

/** Runs of a mixture of plans, some of which are cancelled, while everything else dies at random. */
export class Chaos {
  private readonly mixture: Mixture;
  private readonly client = new PatientClient(() => this.rig.url);
  private readonly monkey: Monkey;
  private readonly orders: Order[] = [];
  private asked = 0;
  private ended = 0;
  private over = false;
  private glancing: Promise<ReadonlySet<string>> | undefined;

  constructor(
    private readonly rig: RedisRig,
    private readonly random: Random,
    private readonly runs: number,
  ) {
    const ledger = join(rig.dir, "ledger");
    mkdirSync(ledger);
    this.mixture = new Mixture(ledger);
    this.monkey = new Monkey(rig, this.client, new Random(random.seed + 1));
  }

  async run(): Promise<void> {
    const began = performance.now();
    await this.live();
    const seconds = (performance.now() - began) / 1000;
    await until("the last probe to have ended", () => this.open().size === 0, PATIENCE_MS);
    await until("the queue to be empty", async () => (await this.rig.jobs("prioritized")) === 0, PATIENCE_MS);
    await this.rig.leave();
    this.judge();
    console.log(`${this.figures} in ${seconds.toFixed(1)} s`);
  }

  /** The first thing that goes wrong ends it. */
  private async live(): Promise<void> {
    const lanes = Array.from({ length: Math.min(OPEN, Math.ceil(this.runs / 3)) }, () => this.lane());
    const working = Promise.all(lanes).then(() => (this.over = true));
    const striking = this.strike();
    try {
      await Promise.all([working, striking]);
    } finally {
      this.asked = this.runs;
      this.over = true;
      await striking.catch(() => undefined);
    }
  }

  private get figures(): string {
    const { daemon, worker, redis, flush } = this.monkey.kills;
    const canceled = this.orders.filter((order) => order.canceled).length;
    const attempts = this.rig.rows<{ n: number }>("SELECT count(*) AS n FROM runs WHERE row ->> '$.attempt' > 1")[0]?.n ?? 0;
    const killed = `${daemon} daemons, ${worker} workers, ${redis} Redis killed, ${flush} flushed`;
    const refused = `${this.client.refusals} refused, the slowest after ${Math.round(this.client.slowestRefusal)} ms`;
    return `${this.runs} runs (${canceled} canceled, ${attempts} by more than one worker); ${killed}; ${refused};`;
  }

  /** One run after the other. */
  private async lane(): Promise<void> {
    while (this.asked < this.runs) await this.order(this.asked++);
  }

  private async order(index: number): Promise<void> {
    const sort = this.mixture.pick(this.random);
    const cancelAfter = this.random.chance(CANCELED) ? this.random.whole(0, MAX_LIFE_MS) : undefined;
    const force = this.random.chance(0.3);
    const body = { name: sort.name, plan: { steps: sort.steps } };
    const id = await this.client.create(body, `run-${index}`);
    let canceled = false;
    if (cancelAfter !== undefined) {
      await Bun.sleep(cancelAfter);
      canceled = await this.client.cancel(id, force);
    }
    this.orders.push({ id, sort, canceled });
    await this.untilEnded(id);
    this.ended += 1;
  }

  private async untilEnded(id: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while ((await this.glance()).has(id)) {
      if (performance.now() > deadline) throw new Error(`run ${id} has not ended: ${JSON.stringify(await this.client.ask(`/runs/${id}`))}`);
    }
  }

  /** What is open in a moment; everybody who asks until then is told the same. */
  private glance(): Promise<ReadonlySet<string>> {
    this.glancing ??= Bun.sleep(LOOK_MS).then(() => {
      this.glancing = undefined;
      return this.open();
    });
    return this.glancing;
  }

  private open(): ReadonlySet<string> {
    const rows = this.rig.rows<{ id: string }>("SELECT id FROM runs WHERE status NOT IN ('completed', 'failed', 'canceled')");
    return new Set(rows.map(({ id }) => id));
  }

  /** The one flush and the one death of Redis come when a third and two thirds have been asked for. */
  private async strike(): Promise<void> {
    const due = [() => this.monkey.flush(), () => this.monkey.redis()];
    for (let at = 1; !this.over || due.length > 0; at = this.ended + this.random.whole(...ENDED_BETWEEN_KILLS)) {
      while (this.ended < at && !this.over) await this.glance();
      await Bun.sleep(this.random.whole(0, MAX_PAUSE_MS));
      const isDue = this.asked >= ((3 - due.length) * this.runs) / 3;
      await (isDue && due.length > 0 ? due.shift()?.() : this.monkey.strike());
    }
  }

  private judge(): void {
    const judge = new Judge(this.rig, this.mixture);
    expect(this.orders.length).toBe(this.runs);
    for (const order of this.orders) judge.hold(order);
    const probes = this.rig.rows<{ n: number }>("SELECT count(*) AS n FROM runs WHERE row ->> '$.name' = 'probe'")[0]?.n ?? 0;
    expect(judge.count).toBe(this.runs + probes);
    expect(this.rig.rows("SELECT id FROM outbox")).toEqual([]);
  }
}
