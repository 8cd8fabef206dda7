import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Heard, StepRig } from "../runs/local/rig.suite.ts";
import { removeLeftovers } from "./leftovers.ts";

test("what steps put beside their own files does not keep a worker from starting", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(rig.sh('echo > ../notes.txt; mkdir "../a b" "../../a b"; echo > ../../stray'), new Heard());
  await step.ended;
  expect(await removeLeftovers(rig.home, rig.clock)).toBe(0);
  expect(existsSync(join(rig.home, "runs", rig.run))).toBe(false);
});
