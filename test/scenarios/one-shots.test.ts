import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig();
const stackOf = () =>
  rig.stack(`
    services:
      db: { command: "exec sleep 1000" }
      migrate:
        command: "echo begun; test -e fail && exit 42; test -e slow && echo $$$$ >slow && exec sleep 1000; echo done"
        restartPolicy: { condition: never }
        dependsOn: [db]
  `);

test("a one-shot runs once more, its log comes and its exit code", async () => {
  const stack = stackOf();
  await stack.up();
  const first = await stack.orco("run", "migrate");
  expect([first.code, first.out.match(/\| .*/g)]).toEqual([0, ["| begun", "| done"]]);
  stack.write("fail", "");
  const failed = await stack.orco("run", "migrate");
  expect([failed.code, failed.out.match(/\| .*/g)]).toEqual([42, ["| begun"]]);
  expect(await stack.service("migrate")).toMatchObject({ state: "Failed" });
  const records = (await stack.orco("run", "migrate", "--json")).out.trim().split("\n");
  expect(records.map((line) => JSON.parse(line) as object)).toMatchObject([{ service: "migrate", message: "begun", source: "stdout" }]);
});

test("Ctrl-C stops it; -d leaves it, and who asks meanwhile waits for it", async () => {
  const stack = stackOf();
  await stack.up();
  const began = async (): Promise<number> => Number(await until("its pid", () => readFileSync(join(stack.dir, "slow"), "utf8").trim()));
  stack.write("slow", "");
  const running = stack.start("run", "migrate");
  const pid = await began();
  running.kill("SIGINT");
  expect(await running.ended).toMatchObject({ code: 130, err: "migrate was stopped\n" });
  expect(isAlive(readStat(pid))).toBe(false);
  stack.write("slow", "");
  expect((await stack.ok("run", "migrate", "-d")).trim()).toMatch(/^[0-9a-f-]{36}$/);
  const second = await began();
  const joined = stack.start("run", "migrate");
  const underWay = async (): Promise<number> =>
    (await rig.client.runs({ limit: 10, kind: "run" })).runs.filter(({ status, stack: of }) => status === "running" && of === stack.name)
      .length;
  await until("both runs", async () => (await underWay()) === 2);
  process.kill(second, "SIGTERM");
  expect((await joined.ended).code).toBe(143);
});

test("what is none is refused with what to do instead, and a word that is neither is not guessed at", async () => {
  const stack = stackOf();
  await stack.up();
  const cases: [string[], number, RegExp][] = [
    [["db"], 1, /db is no one-shot: .*\n +a command beside it: orco exec db -- …; another start of it: orco restart db/],
    [["migrat"], 4, /no service migrat \(did you mean "migrate"\?\)/],
    [["submitt"], 4, /of the actions of run, did you mean "submit"\?/],
    [["submit", "-d", "x"], 2, /--detach is an option of run <one-shot>, not of run submit/],
    [["migrate", "now"], 2, /run migrate takes nothing more/],
  ];
  for (const [args, code, err] of cases) {
    const said = await stack.orco("run", ...args);
    expect([said.code, said.out]).toEqual([code, ""]);
    expect(said.err).toMatch(err);
  }
  const nowhere = await rig.orco(["run", "submitt"]);
  expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('"submitt" is no action of run (did you mean "submit"?)')]);
});
