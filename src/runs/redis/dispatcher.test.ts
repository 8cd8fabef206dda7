import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processorTime } from "../../../test/processor-time.ts";
import { HAS_REDIS, RedisServer } from "../../../test/redis-server.ts";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { Journal } from "../../kernel/journal.ts";
import type { RunRecord } from "../record.ts";
import { dispatchInsert } from "../store.ts";
import { RedisDispatcher } from "./dispatcher.ts";
import { dispatchId, homeId, queueName } from "./names.ts";

const clock = systemClock();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
const withRedis = test.skipIf(!HAS_REDIS);

/** A journal with rows of runs as the book writes them, and a dispatcher over it. */
async function setUp(redis: RedisServer, perLook?: number) {
  const folder = mkdtempSync(join(tmpdir(), "orco-dispatch-"));
  const journal = Journal.open({ path: join(folder, "orco.db"), clock });
  const queue = queueName(await homeId(journal));
  const logged: string[] = [];
  const runs = new Map<string, RunRecord>();
  const save = async (run: RunRecord): Promise<void> => {
    runs.set(run.id, run);
    const sql =
      "INSERT INTO runs (id, kind, lane, status, row, created_at, engine) VALUES (?, 'plan', ?, ?, ?, ?, 'plan') ON CONFLICT (id) DO UPDATE SET status = excluded.status, row = excluded.row";
    await journal.append(
      [],
      [
        { sql, params: [run.id, run.lane, run.status, JSON.stringify(run), run.createdAt] },
        ...(run.status === "pending" ? [dispatchInsert(run, clock.now())] : []),
      ],
    );
  };
  const dispatcher = new RedisDispatcher({
    url: redis.url,
    queue,
    apiUrl: () => "http://127.0.0.1:7070",
    journal,
    clock,
    log: (message) => logged.push(message),
    ...(perLook !== undefined && { perLook }),
    redispatch: async (id, from) => {
      const run = runs.get(id);
      if (run?.status !== "pending" || run.dispatch !== from) return;
      await create({ ...run, dispatch: from + 1 });
    },
  });
  const create = async (run: RunRecord): Promise<RunRecord> => {
    await save(run);
    dispatcher.dispatch(run);
    return run;
  };
  cleanups.push(
    () => rmSync(folder, { recursive: true }),
    () => journal.close(),
    () => dispatcher.close(),
  );
  const owed = (): number => journal.query("SELECT id FROM outbox").length;
  const waiting = async (): Promise<string[]> => (await redis.ask<string[]>("ZRANGE", `bull:${queue}:prioritized`, "0", "-1")).sort();
  return { dispatcher, create, save, owed, waiting, logged, queue };
}

function newRun(more: Partial<RunRecord> = {}): RunRecord {
  const id = uuidv7(clock);
  const fixed = { engine: "plan", kind: "plan", mode: "redis", status: "pending", name: "", owner: "", metadata: {} } as const;
  return { ...fixed, id, lane: `run/${id}`, priority: 0, createdAt: clock.now(), attempt: 0, dispatch: 1, losses: 0, ...more };
}

async function redisServer(absent = false): Promise<RedisServer> {
  const redis = absent ? await RedisServer.absent() : await RedisServer.start();
  cleanups.push(() => redis[Symbol.asyncDispose]());
  return redis;
}

/** How often Redis has been given a command. */
async function calls(redis: RedisServer, command: string): Promise<number> {
  const [, count = "0"] = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.ask<string>("INFO", "commandstats")) ?? [];
  return Number(count);
}

withRedis("a run that waits becomes a job, is owed no longer, and can be withdrawn", async () => {
  const redis = await redisServer();
  const { dispatcher, create, owed, waiting, queue } = await setUp(redis);
  await dispatcher.start();
  dispatcher.assertAvailable();
  const run = await create(newRun());
  await until("the row of the outbox is gone", () => owed() === 0);
  expect(await waiting()).toEqual([dispatchId(run)]);
  const data = await redis.ask<string>("HGET", `bull:${queue}:${dispatchId(run)}`, "data");
  expect(JSON.parse(data)).toEqual({ runId: run.id, dispatch: 1, apiUrl: "http://127.0.0.1:7070" });
  expect(dispatcher.check()).toEqual({ name: "redis", ok: true, detail: `answers; queue ${queue}` });
  dispatcher.withdraw(run);
  await until("the job is gone", async () => (await waiting()).length === 0);
});

withRedis("more urgent runs come first", async () => {
  const redis = await redisServer();
  const { dispatcher, create, owed, queue } = await setUp(redis);
  await dispatcher.start();
  const low = await create(newRun({ priority: -100 }));
  const high = await create(newRun({ priority: 100 }));
  await until("both are there", () => owed() === 0);
  expect(await redis.ask<string[]>("ZRANGE", `bull:${queue}:prioritized`, "0", "-1")).toEqual([dispatchId(high), dispatchId(low)]);
});

withRedis("while Redis is down new runs are refused at once, and what was accepted goes when it is back", async () => {
  const redis = await redisServer(true);
  const { dispatcher, create, owed, waiting, logged } = await setUp(redis);
  await dispatcher.start();
  const spent = processorTime();
  expect(() => dispatcher.assertAvailable()).toThrow(OrcoError);
  expect(spent()).toBeLessThan(50);
  expect(dispatcher.check().ok).toBe(false);
  const run = await create(newRun());
  expect(owed()).toBe(1);
  await redis.start();
  await until("the run is in the queue", async () => (await waiting()).includes(dispatchId(run)), 10_000);
  await until("nothing is owed", () => owed() === 0);

  await redis.kill();
  await until("it is known", () => !dispatcher.check().ok);
  const second = await create(newRun());
  await redis.start();
  // The first one was lost with the memory of that Redis.
  await until("both are in the queue", async () => (await waiting()).length === 2, 10_000);
  expect(await waiting()).toEqual([dispatchId(run), dispatchId(second)].sort());
  expect(logged.filter((line) => line.includes("does not answer")).length).toBe(2);
});

withRedis("a Redis that holds its breath counts as down", async () => {
  const redis = await redisServer();
  const { dispatcher } = await setUp(redis);
  await dispatcher.start();
  redis.signal("SIGSTOP");
  await until("it is known", () => !dispatcher.check().ok, 6000);
  expect(() => dispatcher.assertAvailable()).toThrow("Redis does not answer");
  redis.signal("SIGCONT");
  await until("it is back", () => dispatcher.check().ok, 10_000);
});

withRedis("what a flush took is added again; what BullMQ is through with gets a new number", async () => {
  const redis = await redisServer();
  const { dispatcher, create, owed, waiting, queue, save } = await setUp(redis);
  await dispatcher.start();
  const lost = await create(newRun());
  const failed = await create(newRun());
  const ended = newRun({ status: "completed" });
  await save(ended);
  await until("nothing is owed", () => owed() === 0);
  await redis.ask("FLUSHALL");
  await redis.ask("ZADD", `bull:${queue}:failed`, "1", dispatchId(failed));
  await dispatcher.look();
  await until("all is told", () => owed() === 0);
  expect(await waiting()).toEqual([dispatchId(lost), dispatchId({ ...failed, dispatch: 2 })].sort());
});

withRedis("a look asks for a bounded number of runs in turn; for all where Redis was emptied, and for those whose jobs ended", async () => {
  const redis = await redisServer();
  const { dispatcher, create, owed, waiting, queue, save } = await setUp(redis, 20);
  await Promise.all(Array.from({ length: 250 }, () => save(newRun())));
  const last = await create(newRun());
  await dispatcher.start();
  await until("all were told", () => owed() === 0);
  const all = await waiting();
  expect(all.length).toBe(251);
  await dispatcher.look();

  await redis.ask("CONFIG", "RESETSTAT");
  await dispatcher.look();
  expect(await calls(redis, "evalsha")).toBeLessThanOrEqual(25);

  // One job vanishes and nothing tells: its turn comes.
  await redis.ask("DEL", `bull:${queue}:${dispatchId(last)}`);
  await redis.ask("ZREM", `bull:${queue}:prioritized`, dispatchId(last));
  for (let look = 0; look < 14; look++) await dispatcher.look();
  expect(await waiting()).toEqual(all);

  await redis.ask("ZREM", `bull:${queue}:prioritized`, dispatchId(last));
  await redis.ask("ZADD", `bull:${queue}:failed`, "1", dispatchId(last));
  await dispatcher.look();
  await until("it is there under a new number", async () => (await waiting()).includes(dispatchId({ ...last, dispatch: 2 })));

  await redis.ask("FLUSHALL");
  await dispatcher.look();
  expect((await waiting()).length).toBe(251);
  expect(owed()).toBe(0);
});

test("the id of a home stays", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-home-id-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const ids: string[] = [];
  for (let life = 0; life < 2; life++) {
    const journal = Journal.open({ path: join(folder, "orco.db"), clock });
    ids.push(await homeId(journal), await homeId(journal));
    journal.close();
  }
  expect(new Set(ids).size).toBe(1);
});
