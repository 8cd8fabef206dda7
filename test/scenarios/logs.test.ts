import { expect, test } from "bun:test";
import type { LogRecord } from "../../src/supervise/logs/record.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig();
const messages = (records: readonly LogRecord[]): string[] => records.map(({ message }) => message);

test("records carry time, service, replica, level, source and a gapless seq; JSON lines are taken apart", async () => {
  const stack = rig.stack(`
    services:
      one:
        command: ["sh", "-c", 'echo plain; echo "ERROR: broken" >&2; cat odd.json; printf "no newline"; exec sleep 1000']
        health: { log: { pattern: odd } }
  `);
  stack.write("odd.json", `{"level":"warn","msg":"odd","user":7}\n`);
  await stack.up();
  await stack.ok("stop", "one");
  const records = (await stack.records("logs")).filter(({ source }) => source !== "orco");
  expect(messages(records).toSorted()).toEqual(["ERROR: broken", "no newline", "odd", "plain"]);
  const found = (text: string): LogRecord => records.find(({ message }) => message.includes(text)) as LogRecord;
  expect(found("plain")).toMatchObject({
    service: "one",
    replica: 0,
    source: "stdout",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/),
  });
  expect(found("broken")).toMatchObject({ level: "error", source: "stderr" });
  expect(found("odd")).toMatchObject({ level: "warn", meta: { user: 7 } });
  const all = (await stack.records("logs")).map(({ seq }) => seq);
  expect(all).toEqual(all.map((_, at) => at + 1));
});

test("--tail, --level, --grep and --since cut the merged stream", async () => {
  const stack = rig.stack(`
    services:
      a: { command: "seq 1 50 | sed s/^/a/; echo 'ERROR a'; echo all said; exec sleep 1000", health: { log: { pattern: all said } } }
      b: { command: "echo 'WARN b'; echo 'DEBUG b'; echo all said; exec sleep 1000", health: { log: { pattern: all said } }, dependsOn: [a] }
  `);
  await stack.up();
  expect(messages(await stack.records("logs", "--tail", "3"))).toEqual(["WARN b", "DEBUG b", "all said"]);
  expect(messages(await stack.records("logs", "a", "-n", "2"))).toEqual(["ERROR a", "all said"]);
  expect(messages(await stack.records("logs", "--level", "warn"))).toEqual(["ERROR a", "WARN b"]);
  expect(messages(await stack.records("logs", "--level", "info", "b"))).toEqual(["WARN b", "all said"]);
  expect(messages(await stack.records("logs", "--grep", "^a4\\d$", "--tail", "2"))).toEqual(["a48", "a49"]);
  const [first] = await stack.records("logs", "b");
  expect(messages(await stack.records("logs", "--since", first?.timestamp ?? "", "b"))).toHaveLength(3);
  expect(messages(await stack.records("logs", "--since", "1h")).length).toBe(55);
  expect(messages(await stack.records("logs", "--until", "2000-01-01T00:00:00Z"))).toEqual([]);
  expect((await stack.orco("logs", "--level", "loud")).code).toBe(2);
});

test("--previous is the last ended run of each replica", async () => {
  const stack = rig.stack(`services: { one: { command: "echo run $$ORCO_INSTANCE; exec sleep 1000", replicas: 2 } }`);
  await stack.up();
  const before = (await stack.service("one")).instances.map(({ id }) => `run ${id}`);
  await stack.ok("restart", "one");
  const after = (await stack.service("one")).instances.map(({ id }) => `run ${id}`);
  await stack.line(({ message }) => message === after.at(-1));
  expect(messages(await stack.records("logs", "--previous")).toSorted()).toEqual(before.toSorted());
  expect(messages(await stack.records("logs", "--previous", "--replica", "1"))).toEqual(before.slice(1));
});

test("a follower gets what is there and what comes, of all replicas, and ends with the reader", async () => {
  const stack = rig.stack(
    `services: { one: { command: "echo first; while [ ! -e go ]; do sleep 0.01; done; echo second; exec sleep 1000", replicas: 2 } }`,
  );
  await stack.up();
  const follower = stack.start("logs", "-f");
  await stack.line(({ message }) => message === "first");
  stack.write("go", "");
  for (let wanted = 2; wanted > 0;) wanted = 2 - follower.out().split("second").length + (await stack.view().then(() => 1));
  follower.kill("SIGINT");
  const { out } = await follower.ended;
  expect(out.split("\n").filter((line) => line.includes("first"))).toHaveLength(2);
  expect(out).toMatch(/one[/-]0/);
  expect(out).toMatch(/one[/-]1/);
});
