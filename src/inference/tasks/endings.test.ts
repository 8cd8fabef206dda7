import { expect, test } from "bun:test";
import { poolOf, Reader, type Rig, rigOfEach } from "./desk.fake.ts";

/** As FastAPI has it, which repeats what it was sent. */
const WORDS = "bad input: MY-PROMPT";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

test.each([
  ["INVALID_PARAMS", "refused", 422, ""],
  ["REPLICA_EXHAUSTED", "http", 500, ""],
  ["WORKER_RESET", "reset", 200, "a"],
] as const)("%s tells its reader what the engine said, and the disk its status only", async (code, kind, status, token) => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  const reader = new Reader(rig.desk.channel("t1"));
  for (let tries = 0; tries < 4 && rig.desk.get("t1").state === "running"; tries++) {
    if (token !== "") rig.engine.last.sink.token(token);
    rig.engine.last.fault(kind, { status, kept: `it answered ${status}` }, WORDS);
    await rig.clock.advance(5000);
  }
  await rig.desk.cancel("t1");
  expect(reader.events.at(-1)).toEqual(["error", expect.objectContaining({ code, message: expect.stringContaining(WORDS) })]);
  expect(JSON.stringify(reader.events)).not.toContain("kept");
  expect(rig.desk.get("t1").error?.message).toContain(WORDS);
  await rig.clock.advance(60_001);
  expect(rig.desk.get("t1").error).toMatchObject({ code, message: expect.stringContaining(`it answered ${status}`) });
  const written = [...rig.journal.query("SELECT row FROM inference_tasks"), ...rig.journal.read({ limit: 100 })];
  expect(JSON.stringify(written)).toContain(`it answered ${status}`);
  expect(JSON.stringify(written)).not.toContain("MY-PROMPT");
});
