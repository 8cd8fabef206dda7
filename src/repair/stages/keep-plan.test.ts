import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { until } from "../../../test/until.ts";
import { BROKEN, type Service } from "../repair-engine.fake.ts";
import { planOf } from "../repair-model.fake.ts";
import { RepairLives } from "../repair-lives.fake.ts";
import type { RepairStatus } from "../record.ts";
import type { RunDetail } from "../view.ts";

const CANARY = "canary-7f3d9b2c5e";
const TEXT = BROKEN.replace("RUN chmod", `RUN echo ${CANARY}\nRUN chmod`);

function lives(): RepairLives {
  const made = new RepairLives({ moods: new Map(), deaths: [], onChange: () => undefined });
  for (const service of ["api", "gate"] as const) made.put(service, { Dockerfile: TEXT });
  return made;
}

async function asked(made: RepairLives, service: Service, more: { readonly plan?: object; readonly dryRun?: boolean }): Promise<string> {
  const request = { instruction: "mend it", targetService: service, priority: "normal", requestedBy: { id: "alice" } } as const;
  return (await made.life.desk.create({ ...request, dryRun: false, ...more })).run_id;
}

async function reaches(made: RepairLives, id: string, status: RepairStatus): Promise<RunDetail> {
  await until(`${id} to be ${status}`, async () => {
    await made.clock.advance(250);
    await stat(made.root);
    return made.life.desk.summary(id).status === status;
  });
  return made.life.desk.get(id);
}

/** All that is kept of a run, and what was said of it. */
async function keptOf(made: RepairLives, id: string): Promise<string> {
  const { book, files } = made.life;
  const texts = await Promise.all((await files.list(id)).map(({ name }) => files.text(id, name)));
  return JSON.stringify([book.get(id), texts, made.read(`run/${id}`)]);
}

test("of a patch that holds a secret nothing is kept: it is refused, with what was found", async () => {
  using made = lives();
  made.secrets.push(CANARY);
  const id = await asked(made, "api", { dryRun: true });
  const detail = await reaches(made, id, "failed");
  expect(detail).toMatchObject({ error: { code: "patch_refused" }, finding: { verdict: "fix" }, action_plan: null, plan_hash: null });
  expect(detail.artifacts.map(({ name }) => name)).toEqual(["analyze.log"]);
  expect(await keptOf(made, id)).not.toContain(CANARY);
  const conflict = await made.life.desk.retry(id, { from: "patch", requestedBy: { id: "bob" } }).catch((error: unknown) => error);
  expect(conflict).toMatchObject({ code: "conflict" });
});

test.each(["rules", "operator"])("a plan of %s that is taken over goes when what it holds has become a secret", async (by) => {
  using made = lives();
  const first = await asked(made, "gate", by === "rules" ? {} : { plan: planOf("gate", "mend", TEXT) });
  expect((await reaches(made, first, "awaiting_approval")).artifacts.map(({ name }) => name)).toContain("patch.diff");
  expect(await keptOf(made, first)).toContain(CANARY);
  await made.life.desk.cancel(first);
  made.secrets.push(CANARY);
  for (const from of ["patch", "analyze"] as const) {
    const { run_id: id } = await made.life.desk.retry(first, { from, requestedBy: { id: "alice" } });
    const detail = await reaches(made, id, "failed");
    expect(detail).toMatchObject({ error: { code: "patch_refused" }, action_plan: null });
    expect(await keptOf(made, id)).not.toContain(CANARY);
    const again = await made.life.desk.retry(id, { from: "analyze", requestedBy: { id: "alice" } });
    expect(await reaches(made, again.run_id, "failed")).toMatchObject({ error: { code: "patch_refused" }, action_plan: null });
  }
});
