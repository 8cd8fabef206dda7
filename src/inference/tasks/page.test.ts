import { expect, test } from "bun:test";
import { poolOf, type Rig, rigOfEach } from "./desk.fake.ts";
import { placeText } from "./page.ts";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

test.each([1, 2, 3, 7])("pages of %d have each task once: many that run, many that ended in one moment", async (limit) => {
  rig.pool(poolOf("a", { r1: 2 }));
  for (let n = 0; n < 8; n++) await rig.desk.accept(rig.request());
  const ended = ["t3", "t5", "t8"];
  await Promise.all(ended.map((id) => rig.desk.cancel(id)));
  await rig.clock.advance(5);
  for (let n = 0; n < 3; n++) await rig.desk.accept(rig.request());
  const listed: string[] = [];
  for (let before: string | undefined; ;) {
    const page = rig.desk.list({ limit, ...(before !== undefined && { before }) });
    listed.push(...page.map(({ task_id: id }) => id));
    const last = page.at(-1);
    if (!last || page.length < limit) break;
    before = placeText(last);
  }
  expect(listed.slice(0, 3).toSorted()).toEqual(["t10", "t11", "t9"]);
  expect(listed.slice(-3).toSorted()).toEqual(ended);
  expect(listed.toSorted()).toEqual(Array.from({ length: 11 }, (_, n) => `t${n + 1}`).toSorted());
  expect(rig.desk.list({ limit, before: "nonsense" })).toEqual([]);
});
