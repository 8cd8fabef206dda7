import { expect, test } from "bun:test";
import type { StepExecution, StepHandle, StepRunner } from "../ports.ts";
import { Heard, StepRig } from "./rig.suite.ts";
import { LocalRunner } from "./runner.ts";

test("each kind of step goes where it belongs, and only runs with containers ask docker when they end", async () => {
  using rig = new StepRig();
  const calls: string[] = [];
  const handle: StepHandle = { ended: Promise.resolve({ kind: "completed" }), stop: () => undefined };
  const noted =
    (name: string) =>
    async ({ step }: StepExecution) => {
      calls.push(`${name} ${step}`);
      return handle;
    };
  const containers: StepRunner = { start: noted("start"), adopt: noted("adopt"), forget: async (run) => void calls.push(`forget ${run}`) };
  const runner = new LocalRunner({ home: rig.home, clock: rig.clock, env: process.env, containers, startHttp: noted("request") });
  const http = { method: "GET", url: "http://127.0.0.1:1/", headers: {} };
  const heard = new Heard();
  await (
    await runner.start(rig.sh("echo process", { step: "p" }), heard)
  ).ended;
  await runner.start(rig.execution([], { step: "h", over: { http } }), heard);
  expect(await runner.adopt(rig.execution([], { step: "h", over: { http } }), heard)).toBeUndefined();
  await runner.forget(rig.run);
  await runner.start(rig.execution(["true"], { run: "c", step: "c", over: { image: "busybox" } }), heard);
  await runner.adopt(rig.execution(["true"], { run: "c", step: "d", over: { image: "busybox" } }), heard);
  await runner.forget("c");
  expect(heard.messages()).toEqual(["process"]);
  expect(calls).toEqual(["request h", "start c", "adopt d", "forget c"]);
  runner.close();
});
