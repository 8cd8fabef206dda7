import { expect, test } from "bun:test";
import { Heard, StepRig } from "./rig.suite.ts";

test("a step says what it has to say, and ends", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const step = await rig.steps.start(
    rig.sh(`
      echo hello; echo '{"type":"checkpoint","data":{"n":1},"name":"one"}'; echo '{"type":"output","data":{"k":"v"}}'
      echo '{"type":"progress","percent":50,"message":"half"}'; echo '{"type":"heartbeat"}'; echo '{"type":"log","level":"warning","message":"m"}'
      echo oops >&2; printf 'no end'`),
    heard,
  );
  expect(await step.ended).toEqual({ kind: "completed" });
  expect(heard.checkpoints).toEqual([{ data: { n: 1 }, name: "one", consumed: 56 }]);
  expect(heard.outputs).toEqual([{ k: "v" }]);
  expect(heard.progresses).toEqual([{ percent: 50, message: "half" }]);
  expect(heard.heartbeats).toBe(1);
  expect(heard.messages()).toEqual(["hello", "m", "no end"]);
  expect(heard.lines.find(({ message }) => message === "m")?.level).toBe("warn");
  expect(heard.messages("stderr")).toEqual(["oops"]);
});

test("an exit code other than 0 fails it, with the last line of stderr", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(rig.sh("echo first >&2; echo last words >&2; echo >&2; exit 3"), new Heard());
  expect(await step.ended).toEqual({ kind: "failed", error: { code: "step_failed", message: "exit 3: last words", facts: { exit: 3 } } });
});
