import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { uuidv7 } from "../../src/kernel/id.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { again, type Heard, InferenceRig } from "./inference-rig.ts";
import { between, cycles } from "./rig.ts";

/** In the gate few; `npm run chaos` takes all (issue 7, "Must hold"). */
const TASKS = cycles(12, 200) * 50;
const CLIENTS = 24;
const MS_PER_TASK = 200;
const ENDED = ["completed", "failed", "canceled"];
const ENGINE = { slots: 4, tokensPerS: 300 };
const clock = systemClock();

interface Story {
  readonly id: string;
  /** 204 came. */
  readonly canceled: boolean;
  readonly heard: Heard | undefined;
}

test(
  `${TASKS} tasks with cancels, kills of engines and of the daemon: each 202 has one end, nothing follows it, the counters return to zero`,
  async () => {
    await using rig = new InferenceRig([ENGINE, ENGINE, ENGINE], { ORCHD_BREAKER_OPEN_MS: "200", ORCHD_ADMISSION_CAPACITY: "200" });
    await rig.beginAll();
    const stop = new AbortController();
    const engineKills = again(stop.signal, [100, 400], async () => {
      const engine = rig.engines[Math.floor(between(0, rig.engines.length))];
      await engine?.kill();
      await engine?.begin();
    });
    const daemonKills = again(stop.signal, [500, 1500], async () => {
      await rig.kill();
      await rig.begin();
    });
    const stories: Story[] = [];
    let posted = 0;
    const client = async (): Promise<void> => {
      while (posted < TASKS) {
        const story = await live(rig);
        if (!story) {
          await rig.until("the daemon to answer", async () => (await rig.ask("/health")).status === 200);
          continue;
        }
        posted++;
        stories.push(story);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    stop.abort();
    const kills = await Promise.all([engineKills, daemonKills]);
    await rig.until("the daemon to be there", async () => (await rig.ask("/v2/pools")).status === 200);
    await checkEnds(rig, stories);
    await checkCounters(rig);
    expect(readFileSync(rig.log, "utf8").match(/"msg":"(defect|background work failed)".*/g)).toBeNull();
    const completed = stories.filter(({ heard }) => heard?.last === "end").length;
    const canceled = stories.filter((story) => story.canceled).length;
    console.log(
      `${stories.length} of ${TASKS} accepted, ${completed} seen to their end, ${canceled} canceled; ${kills[0]} kills of engines, ${kills[1]} of the daemon`,
    );
    expect(completed).toBeGreaterThan(TASKS / 20);
    expect(canceled).toBeGreaterThan(TASKS / 50);
  },
  60_000 + TASKS * MS_PER_TASK,
);

/** One task from its post to its end. Undefined: it was not accepted, or nobody knows. */
async function live(rig: InferenceRig): Promise<Story | undefined> {
  const id = uuidv7(clock);
  const body = {
    task_id: id,
    model_ref: "chain",
    prompt: "go",
    max_tokens: Math.floor(between(1, 80)),
    priority: Math.random() < 0.3 ? "batch" : "interactive",
    cancel_on_disconnect: false,
  };
  const answer = await rig.ask("/v2/tasks", { method: "POST", body }).catch(() => undefined);
  if (answer?.status !== 202) return undefined;
  const hearing = rig.listen(id);
  const wantsCancel = Math.random() < 0.25;
  if (!wantsCancel) return { id, canceled: false, heard: await hearing };
  await clock.sleep(between(0, 250));
  const cancel = await rig.ask(`/v2/tasks/${id}/cancel`, { method: "POST" }).catch(() => undefined);
  return { id, canceled: cancel?.status === 204, heard: await hearing };
}

async function checkEnds(rig: InferenceRig, stories: readonly Story[]): Promise<void> {
  for (const { id, canceled, heard } of stories) {
    await rig.until(`task ${id} to have ended`, async () => ENDED.includes((await rig.ask(`/v2/tasks/${id}`)).body.state), 30_000);
    if (!heard) continue;
    expect({ id, afterLast: heard.afterLast, gapless: heard.gapless }).toEqual({ id, afterLast: 0, gapless: true });
    const { body } = await rig.ask(`/v2/tasks/${id}`);
    if (heard.last === "end") expect(body.state).toBe("completed");
    if (heard.last === "error") expect(body.state).not.toBe("completed");
    // It may have ended by itself a moment before.
    if (canceled && body.state === "canceled" && heard.last !== undefined) expect(heard.last).toBe("error");
  }
  const rows = rig.rows<{ task: string; n: number }>(
    "SELECT data ->> '$.task' AS task, count(*) AS n FROM events WHERE topic = 'inference' AND type IN ('task.completed', 'task.failed', 'task.canceled') GROUP BY task",
  );
  const ends = new Map(rows.map(({ task, n }) => [task, n]));
  expect(stories.filter(({ id }) => ends.get(id) !== 1).map(({ id }) => [id, ends.get(id)])).toEqual([]);
}

async function checkCounters(rig: InferenceRig): Promise<void> {
  await rig.until("queues and slots to be free", async () => {
    const { pools } = (await rig.ask("/v2/pools")).body;
    return pools.every(({ queue_depth: depth, slots_free: free, slots_total: total }) => depth === 0 && free === total && total === 12);
  });
  await rig.until("the engines to be idle", async () =>
    (await Promise.all(rig.engines.map((one) => one.stats()))).every(({ active }) => active === 0),
  );
}
