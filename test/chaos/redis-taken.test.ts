import { expect, test } from "bun:test";
import { HAS_REDIS } from "../redis-server.ts";
import { until } from "../until.ts";
import { PatientClient } from "./redis-client.ts";
import { RedisRig } from "./redis-rig.ts";

const LEASE_MS = 5000;
const PATIENCE_MS = 30_000;
/** The lock of the job, two looks for dead locks, and the daemon's own look. */
const STARTED_AGAIN_MS = 22_000;

test.skipIf(!HAS_REDIS)(
  "a worker that dies between taking a job and claiming its run keeps nobody from it for long",
  async () => {
    const rig = await RedisRig.start(LEASE_MS);
    try {
      const client = new PatientClient(() => rig.url);
      const steps = [{ id: "a", command: ["true"] }];
      // One of them may do all of what comes first.
      await rig.workersReady();
      const first = await Promise.all([1, 2, 3, 4].map((n) => client.create({ plan: { steps } }, `first-${n}`)));
      for (const id of first) await ended(client, id);
      await rig.endWorker(1, "SIGTERM");
      rig.signalWorker(0, "SIGSTOP");
      const id = await client.create({ plan: { steps } }, "taken");
      await until("the job waits", async () => (await rig.jobs("prioritized")) === 1, PATIENCE_MS);
      await rig.kill();
      rig.signalWorker(0, "SIGCONT");
      await until("the job is taken", async () => (await rig.jobs("active")) === 1, PATIENCE_MS);
      await rig.endWorker(0, "SIGKILL");
      await rig.begin();
      rig.beginWorker(1);
      const began = performance.now();
      expect(await ended(client, id)).toMatchObject({ status: "completed", attempt: 1 });
      const ms = performance.now() - began;
      console.log(`started again after ${Math.round(ms)} ms`);
      expect(ms).toBeLessThan(STARTED_AGAIN_MS);
      await rig.leave();
    } finally {
      await rig.end();
    }
  },
  PATIENCE_MS * 3,
);

function ended(client: PatientClient, id: string): Promise<object> {
  return until(
    `run ${id}`,
    async () => {
      const { run } = (await client.ask(`/runs/${id}`)).body as { run: { endedAt?: string } };
      return run.endedAt === undefined ? undefined : run;
    },
    PATIENCE_MS,
  );
}
