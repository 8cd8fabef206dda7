import { test } from "bun:test";
import { HAS_REDIS } from "../redis-server.ts";
import { Chaos } from "./redis-chaos.ts";
import { Random } from "./redis-random.ts";
import { RedisRig } from "./redis-rig.ts";

const RUNS = Number(process.env["ORCO_CHAOS_RUNS"] ?? 40);
const SEED = Number(process.env["ORCO_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const LEASE_MS = 1500;

test.skipIf(!HAS_REDIS)(
  `${RUNS} runs on redis while daemon, workers and Redis die: each ends once and right, nothing recorded is executed again`,
  async () => {
    console.log(`seed ${SEED} (ORCO_CHAOS_SEED)`);
    const rig = await RedisRig.start(LEASE_MS);
    try {
      await new Chaos(rig, new Random(SEED), RUNS).run();
    } catch (error) {
      console.log(rig.lastWords());
      await rig.end().catch(() => undefined);
      throw error;
    }
    await rig.end();
  },
  180_000 + RUNS * 1500,
);
