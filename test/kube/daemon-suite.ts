import { expect } from "bun:test";
import { type RunsRig, type SeenRun, sh } from "../scenarios/runs-rig.ts";
import { until } from "../until.ts";

/** The daemon asks for no longer than two seconds. */
const AT_ONCE_MS = 2500;
const NOTICED_MS = 2500;

/** A daemon with a cluster, seen from outside. */
export interface KubeWorld {
  readonly rig: RunsRig;
  readonly waitMs: number;
  apiServer(what: "api-down" | "api-up"): Promise<void>;
  /** Whether Jobs, pods or secrets of the run are there. */
  hasLeft(run: string): Promise<boolean>;
  /** Whether the last pod of the run has ended well. */
  hasSucceeded(run: string): Promise<boolean>;
}

/** Runs of mode k8s as a user sees them. */
export class KubeRuns {
  constructor(readonly world: KubeWorld) {}

  create(...steps: object[]): Promise<string> {
    return this.world.rig.create({ plan: { steps } }, "?mode=k8s");
  }

  async checkpoints(id: string): Promise<unknown[]> {
    const { body } = await this.world.rig.get(`/runs/${id}/checkpoints?limit=500`);
    return (body["checkpoints"] as { data: unknown }[]).map(({ data }) => data);
  }

  /** Lines of its steps, without what orco says about them. */
  async printed(id: string): Promise<string[]> {
    const { text } = await this.world.rig.get(`/runs/${id}/logs`);
    const lines = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { source: string; message: string });
    return lines.flatMap(({ source, message }) => (source === "orco" ? [] : [message]));
  }

  hasSaid(id: string, count: number): Promise<unknown> {
    return until(`${count} checkpoints`, async () => (await this.checkpoints(id)).length >= count, this.world.waitMs);
  }

  ended(id: string): Promise<SeenRun> {
    return this.world.rig.runWhen(id, ({ endedAt }) => endedAt !== undefined, this.world.waitMs);
  }

  /** New runs are refused as soon as the daemon can know; those before that are accepted, and wait. */
  async acceptedUntilRefused(): Promise<string[]> {
    const accepted: string[] = [];
    const began = performance.now();
    for (;;) {
      const asked = performance.now();
      const { status, body, headers } = await this.world.rig.post("/runs?mode=k8s", { plan: { steps: [sh("a", "true")] } });
      expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
      if (status === 201) accepted.push(String(body["runId"]));
      else expect([status, body["code"], Number(headers.get("retry-after")) > 0]).toEqual([503, "unavailable", true]);
      if (status === 503) return accepted;
      expect(performance.now() - began).toBeLessThan(NOTICED_MS);
    }
  }
}

/** `last` checkpoints, one after the other; it goes on from where a former execution was. */
export function counting(last: number, pause: number): object {
  const script = `at=0; [ -n "$ORCO_RESUME" ] && at=$(cat "$ORCO_RESUME"); while [ "$at" -lt ${last} ]; do at=$((at+1)); echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$at}"; echo "line $at"; sleep ${pause}; done`;
  return sh("count", script);
}

export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** What has to hold of every cluster. */
export const CHECKS: readonly (readonly [title: string, check: (runs: KubeRuns) => Promise<void>])[] = [
  ["what a step prints is in the run's log, while it runs and after", prints],
  ["DELETE lets a step clean up, and leaves nothing in the cluster", isCancelled],
  ["a daemon that is killed again and again finds its Job: every checkpoint once, one execution", isAdopted],
  ["a step that ends while no daemon is there is found to have ended", hasEndedMeanwhile],
  ["while the API server is away new runs are refused at once, accepted ones wait, and all of them end when it is back", losesTheServer],
  ["a daemon that starts while the API server is away adopts what runs once that is back", startsWithoutTheServer],
];

async function prints(runs: KubeRuns): Promise<void> {
  const id = await runs.create(counting(8, 0.5));
  await runs.hasSaid(id, 2);
  expect((await runs.printed(id)).slice(0, 1)).toEqual(["line 1"]);
  expect((await runs.ended(id)).status).toBe("completed");
  expect(await runs.printed(id)).toEqual(upTo(8).map((n) => `line ${n}`));
}

async function isCancelled(runs: KubeRuns): Promise<void> {
  const { world } = runs;
  const script = `trap 'sleep 1; echo "{\\"type\\":\\"checkpoint\\",\\"data\\":\\"last\\"}"; exit 0' TERM; echo '{"type":"checkpoint","data":"up"}'; while :; do sleep 0.1; done`;
  const id = await runs.create(sh("a", script, { grace_ms: 20_000 }), sh("b", "true", { needs: ["a"], when: "always" }));
  await runs.hasSaid(id, 1);
  expect(await world.rig.delete(`/runs/${id}`)).toMatchObject({ status: 200, body: { ok: true, status: "canceled" } });
  expect((await world.rig.run(id)).steps.map(({ status }) => status)).toEqual(["canceled", "canceled"]);
  expect(await runs.checkpoints(id)).toEqual(["up", "last"]);
  await until("nothing is left of it", async () => !(await world.hasLeft(id)), world.waitMs);
  expect((await world.rig.delete(`/runs/${id}`)).status).toBe(200);
}

async function isAdopted(runs: KubeRuns): Promise<void> {
  const { world } = runs;
  const id = await runs.create(counting(30, 0.2), sh("after", "echo end", { needs: ["count"] }));
  for (const count of [3, 10, 20]) {
    await runs.hasSaid(id, count);
    await world.rig.again();
  }
  const run = await runs.ended(id);
  expect([run.status, run.steps.map(({ attempt }) => attempt)]).toEqual(["completed", [1, 1]]);
  expect(await runs.checkpoints(id)).toEqual(upTo(30));
  expect(await runs.printed(id)).toEqual([...upTo(30).map((n) => `line ${n}`), "end"]);
}

async function hasEndedMeanwhile(runs: KubeRuns): Promise<void> {
  const { world } = runs;
  const id = await runs.create(counting(5, 0.5));
  await runs.hasSaid(id, 1);
  await world.rig.killDaemon();
  await until("its pod has ended", () => world.hasSucceeded(id), world.waitMs);
  await world.rig.up();
  const run = await runs.ended(id);
  expect([run.status, run.steps[0]?.attempt, await runs.checkpoints(id)]).toEqual(["completed", 1, upTo(5)]);
}

async function losesTheServer(runs: KubeRuns): Promise<void> {
  const { world } = runs;
  const running = await runs.create(counting(30, 0.3));
  await runs.hasSaid(running, 2);
  const accepted = await runs.create(sh("a", "true"), counting(1, 0), sh("b", "sleep 2", { needs: ["a"] }));
  await world.rig.stepWhen(accepted, "b", "running");
  await world.apiServer("api-down");
  const more = await runs.acceptedUntilRefused();
  expect((await world.rig.create({ plan: { steps: [sh("a", "true")] } })).length).toBe(36);
  await world.apiServer("api-up");
  for (const id of [running, accepted, ...more]) expect((await runs.ended(id)).status).toBe("completed");
  expect(await runs.checkpoints(running)).toEqual(upTo(30));
  expect((await runs.ended(await runs.create(sh("a", "true")))).status).toBe("completed");
}

async function startsWithoutTheServer(runs: KubeRuns): Promise<void> {
  const { world } = runs;
  const id = await runs.create(counting(20, 0.3));
  await runs.hasSaid(id, 3);
  await world.apiServer("api-down");
  await world.rig.again();
  expect((await world.rig.run(id)).status).toBe("running");
  await world.apiServer("api-up");
  const run = await runs.ended(id);
  expect([run.status, run.steps[0]?.attempt, await runs.checkpoints(id)]).toEqual(["completed", 1, upTo(20)]);
}
